// keel_figures [--all] [--only MODEL] REFERENCE : runs the models behind published figures with Keel's own
// policies, in virtual time, and compares what comes out with the reference values.
//
// A Markdown table, `N passed, M failed` last. Exit status 0 only if nothing failed and something ran; 2 for
// a wrong command line or reference.

#include "figure.hpp"

#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

namespace {

using namespace keel::figures;

struct named
{
    std::string_view name;
    void (*run)(json::value const&, extent, report&);
};

constexpr named models[] = {
    {"backoff", backoff},       {"amplification", amplification},
    {"metastable", metastable}, {"collapse", collapse},
    {"layers", layers},
};

json::value read(std::string const& file)
{
    std::ifstream in(file);
    if (!in) throw std::runtime_error(file + " cannot be opened");
    std::string const text{std::istreambuf_iterator<char>(in), {}};
    auto document = json::parse(text);
    if (document.at("schema").as_string() != "keel-figures/1")
        throw std::runtime_error(file + ": the schema is not keel-figures/1");
    return document;
}

} // namespace

int main(int argc, char** argv)
try {
    auto how_much = extent::part;
    std::string_view only;
    std::string file;
    for (auto i = 1; i < argc; ++i) {
        auto const argument = std::string_view(argv[i]);
        if (argument == "--all")
            how_much = extent::all;
        else if (argument == "--only" && i + 1 < argc)
            only = argv[++i];
        else
            file = argument;
    }
    if (file.empty()) {
        std::cerr << "usage: keel_figures [--all] [--only MODEL] REFERENCE\n"
                     "  --all   every trial, not just a part\n"
                     "  --only  backoff, amplification, metastable, collapse or layers\n";
        return 2;
    }
    auto const reference = read(file);
    report table(std::cout);
    for (auto const& model : models)
        if (only.empty() || only == model.name) model.run(reference.at(model.name), how_much, table);
    std::cout << '\n' << table.passed() << " passed, " << table.failed() << " failed\n";
    return table.failed() == 0 && table.passed() > 0 ? 0 : 1;
} catch (std::exception const& e) {
    std::cerr << "keel_figures: " << e.what() << '\n';
    return 2;
}
