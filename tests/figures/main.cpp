// keel_figures [--all] [--only MODEL] [--document FILE] REFERENCE : runs the models behind published figures
// with Keel's own policies, in virtual time, and compares what comes out with the reference values.
//
// Tables in Markdown, then what is out of its tolerance; `N passed, M failed` last. Exit status 0 only if
// nothing failed; 2 for a wrong command line or reference.

#include "figure.hpp"

#include <algorithm>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace keel::figures;

struct named
{
    std::string_view name;
    figure (*run)(json::value const&, extent);
};

constexpr named models[] = {
    {"backoff", backoff},       {"amplification", amplification},
    {"metastable", metastable}, {"collapse", collapse},
    {"layers", layers},
};

struct wishes
{
    extent how_much = extent::part;
    std::vector<named> of{std::begin(models), std::end(models)};
    std::string document{};
    std::string reference{};
};

constexpr auto usage = "usage: keel_figures [--all] [--only MODEL] [--document FILE] REFERENCE\n"
                       "  --all       every trial, not just a part\n"
                       "  --only      backoff, amplification, metastable, collapse or layers\n"
                       "  --document  each table must stand in this file as it is printed\n";

named model(std::string_view name)
{
    for (auto const& m : models)
        if (m.name == name) return m;
    throw std::invalid_argument("no model is called `" + std::string(name) + "`\n" + usage);
}

wishes read(std::vector<std::string> const& arguments)
{
    wishes w;
    for (auto argument = arguments.begin(); argument != arguments.end(); ++argument) {
        auto const last = std::next(argument) == arguments.end();
        if (*argument == "--all")
            w.how_much = extent::all;
        else if (*argument == "--only" && !last)
            w.of = {model(*++argument)};
        else if (*argument == "--document" && !last)
            w.document = *++argument;
        else if (argument->starts_with('-') || !w.reference.empty())
            throw std::invalid_argument("cannot understand `" + *argument + "`\n" + usage);
        else
            w.reference = *argument;
    }
    if (w.reference.empty()) throw std::invalid_argument(std::string("no reference\n") + usage);
    return w;
}

std::string contents(std::string const& file)
{
    std::ifstream in(file);
    if (!in) throw std::runtime_error(file + " cannot be opened");
    return {std::istreambuf_iterator<char>(in), {}};
}

json::value reference_in(std::string const& file)
{
    auto document = json::parse(contents(file));
    if (document.at("schema").as_string() != "keel-figures/1")
        throw std::runtime_error(file + ": the schema is not keel-figures/1");
    return document;
}

void demand_tables_in(std::string const& document, figure& f)
{
    auto const text = contents(document);
    for (auto const& table : f.tables())
        f.demand(text.find(table) != std::string::npos,
                 document +
                     " does not hold this table as it is printed: " + table.substr(0, table.find(":\n")));
}

} // namespace

int main(int argc, char** argv)
try {
    auto const wanted = read({argv + 1, argv + argc});
    auto const reference = reference_in(wanted.reference);
    std::size_t checks = 0;
    std::vector<std::string> faults;
    for (auto const& [name, run] : wanted.of) {
        auto f = run(reference.at(name), wanted.how_much);
        for (auto const& table : f.tables()) std::cout << table << std::endl;
        if (!wanted.document.empty()) demand_tables_in(wanted.document, f);
        checks += f.checks();
        for (auto const& fault : f.faults()) faults.push_back(std::string(name) + ": " + fault);
    }
    for (auto const& fault : faults) std::cout << "FAILED " << fault << '\n';
    std::cout << checks - faults.size() << " passed, " << faults.size() << " failed\n";
    return faults.empty() ? 0 : 1;
} catch (std::exception const& e) {
    std::cerr << "keel_figures: " << e.what() << '\n';
    return 2;
}
