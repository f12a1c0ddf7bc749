// keel_traces [--all] DIR... : runs every trace file of the folders against the real policies.
//
// One line per failure (file, trace, step, expected, got), `N passed, M failed` last. Exit status 0 only if
// nothing failed and something ran; 2 for a wrong command line.

#include "trace.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <vector>

namespace {

namespace fs = std::filesystem;
namespace json = keel::traces::json;
using keel::traces::malformed;
using keel::traces::strict_object;

struct count
{
    std::size_t passed = 0;
    std::size_t failed = 0;
};

bool same(json::value const& expected, json::value const& got)
{
    if (expected.is_number() && got.is_number() && (expected.is_double() || got.is_double())) {
        auto const a = expected.to_number<double>();
        auto const b = got.to_number<double>();
        return std::abs(a - b) <= 1e-9 * std::max(std::abs(a), std::abs(b));
    }
    if (expected.is_object() && got.is_object())
        return std::all_of(expected.get_object().begin(), expected.get_object().end(),
                           [&](auto const& member) {
                               auto const* const theirs = got.get_object().if_contains(member.key());
                               return theirs && same(member.value(), *theirs);
                           });
    if (expected.is_number() && got.is_number())
        return expected.to_number<std::int64_t>() == got.to_number<std::int64_t>();
    return expected == got;
}

/// What failed in a trace, at its first wrong step; nothing when all is as expected.
std::optional<std::string> run_trace(json::object const& trace, keel::traces::maker const& make)
{
    std::string where = "config";
    try {
        strict_object config(trace.at("config").as_object());
        auto const policy = make(config);
        config.expect_no_more();

        std::size_t number = 0;
        for (auto const& each : trace.at("steps").as_array()) {
            where = "step " + std::to_string(++number);
            strict_object step(each.as_object());
            auto const expected = step.at("expect").as_object();
            auto const op = step.text("op");
            auto const got = policy->step(op, step);
            step.expect_no_more();
            if (!same(expected, got)) {
                return where + ": expected " + json::serialize(expected) + ", got " + json::serialize(got);
            }
        }
    } catch (std::exception const& e) {
        return where + ": " + e.what();
    }
    return std::nullopt;
}

count run_file(fs::path const& file, bool count_unknown)
{
    std::ifstream in(file);
    std::stringstream text;
    text << in.rdbuf();
    count result;
    json::value document;
    try {
        document = json::parse(text.str());
        if (document.at("schema").as_string() != "resilience-trace/1")
            throw malformed("the schema is not resilience-trace/1");
    } catch (std::exception const& e) {
        std::cout << file.string() << ": cannot be read: " << e.what() << '\n';
        return {0, 1};
    }
    auto const family = std::string(document.at("family").as_string());
    auto const& traces = document.at("traces").as_array();
    auto const adapter = keel::traces::adapters().find(family);
    if (adapter == keel::traces::adapters().end()) {
        std::cout << file.string() << ": family " << family << " is not implemented (" << traces.size()
                  << " traces)\n";
        return {0, count_unknown ? traces.size() : 0};
    }
    for (auto const& each : traces) {
        auto const& trace = each.as_object();
        if (auto const wrong = run_trace(trace, adapter->second)) {
            ++result.failed;
            std::cout << file.string() << ": " << trace.at("id").as_string().c_str() << ": " << *wrong
                      << '\n';
        } else {
            ++result.passed;
        }
    }
    return result;
}

std::vector<fs::path> trace_files(fs::path const& folder)
{
    std::vector<fs::path> files;
    for (auto const& entry : fs::directory_iterator(folder))
        if (entry.path().extension() == ".json") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

} // namespace

int main(int argc, char** argv)
{
    std::vector<fs::path> folders;
    auto all = false;
    for (auto i = 1; i < argc; ++i) {
        if (std::string_view(argv[i]) == "--all")
            all = true;
        else
            folders.emplace_back(argv[i]);
    }
    if (folders.empty()) {
        std::cerr << "usage: keel_traces [--all] DIR...\n"
                     "  --all  families that are not implemented count as failures\n";
        return 2;
    }

    count total;
    for (auto const& folder : folders) {
        std::error_code error;
        if (!fs::is_directory(folder, error)) {
            std::cerr << "keel_traces: " << folder.string() << " is not a folder\n";
            return 2;
        }
        for (auto const& file : trace_files(folder)) {
            auto const result = run_file(file, all);
            total.passed += result.passed;
            total.failed += result.failed;
        }
    }
    std::cout << total.passed << " passed, " << total.failed << " failed\n";
    return total.failed == 0 && total.passed > 0 ? 0 : 1;
}
