#pragma once

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>

/// Runs the models behind published figures with the real policies, and compares.
namespace keel::figures {

namespace json = boost::json;

/// How much of a model is run.
enum class extent
{
    part, ///< Few trials, for every test run; the standard errors widen accordingly.
    all
};

/// The table of what was expected and what came out. Writes each line at once, as Markdown.
class report
{
public:
    explicit report(std::ostream& out);

    /// One number of one model. \param allowed how far `got` may be from `expected`
    void compare(std::string_view model, std::string const& parameter, double expected, double got,
                 double allowed);
    /// Something that is true or not, such as an order.
    void demand(std::string_view model, std::string const& parameter, std::string const& expected,
                std::string const& got, bool ok);

    std::size_t passed() const noexcept { return passed_; }
    std::size_t failed() const noexcept { return failed_; }

private:
    void line(std::string_view model, std::string const& parameter, std::string const& expected,
              std::string const& got, std::string const& allowed, bool ok);

    std::ostream& out_;
    std::size_t passed_ = 0;
    std::size_t failed_ = 0;
};

/// The rule for means: within so large a part of the expected value, or four standard errors if that is more.
inline double tolerance(double part, double expected, double standard_error)
{
    return std::max(part * std::abs(expected), 4 * standard_error);
}
constexpr double usual_part = 0.03;

double number(json::value const& of, std::string_view key);

/// `value` with at most `decimals` decimals, without zeros at the end.
std::string show(double value, int decimals = 2);

// --- the models; each takes its own part of the reference
// -------------------------------------------------------

void backoff(json::value const& reference, extent, report&);
void amplification(json::value const& reference, extent, report&);
void metastable(json::value const& reference, extent, report&);
void collapse(json::value const& reference, extent, report&);
void layers(json::value const& reference, extent, report&);

} // namespace keel::figures
