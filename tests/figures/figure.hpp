#pragma once

#include <boost/json.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// Runs the models behind published figures with the real policies, and compares.
namespace keel::figures {

namespace json = boost::json;

/// How much of a model is run.
enum class extent
{
    part, ///< Few trials, for every test run; the standard errors widen accordingly.
    all
};

/// Where a number stands.
struct place
{
    std::string table;
    std::string row;
    std::string column;
};

/// A figure: tables of what came out and, in brackets, of what was expected; and what is wrong with them.
class figure
{
public:
    /// \param allowed how far `got` may be from `expected`
    void compare(place const&, double expected, double got, double allowed);
    void at_most(place const&, double bound, double got);
    /// Something beside the tables that must be so.
    void demand(bool ok, std::string const& otherwise);

    /// Markdown, each table below its name.
    std::vector<std::string> tables() const;
    std::size_t checks() const noexcept { return checks_; }
    std::vector<std::string> const& faults() const noexcept { return faults_; }

private:
    struct table
    {
        std::string name;
        std::vector<std::vector<std::string>> cells; ///< The first row and column hold the names.
    };

    void write(place const&, std::string const& cell);

    std::vector<table> tables_;
    std::size_t checks_ = 0;
    std::vector<std::string> faults_;
};

/// The rule for means: within so large a part of the expected value, or four standard errors if that is more.
double tolerance(double part, double expected, double standard_error);
constexpr double usual_part = 0.03;

/// A member of the reference; `null` is infinity.
double number(json::value const& of, std::string_view key);

/// `value` with at most `decimals` decimals, without zeros at the end. Infinity is "never".
std::string show(double value, int decimals);

// Each model takes its own part of the reference.
figure backoff(json::value const& reference, extent);
figure amplification(json::value const& reference, extent);
figure metastable(json::value const& reference, extent);
figure collapse(json::value const& reference, extent);
figure layers(json::value const& reference, extent);

} // namespace keel::figures
