#pragma once

#include "ending.hpp"

#include "common/http_get.hpp"
#include "common/url.hpp"

#include <keel/core/time.hpp>
#include <keel/pipeline.hpp>

#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <vector>

namespace keel_get {

using example::response;

/// How much to call.
struct amount
{
    std::size_t calls = 1;
    std::size_t at_once = 1;
};

/// Hears how each call ended, and how long it took.
using listener = std::function<void(keel::outcome<response> const&, keel::duration)>;

/// Makes all calls through the one pipeline, and returns when the last of them has ended. `io` must have
/// nothing else to do; it may be left with an operation that a timeout has abandoned.
void call(boost::asio::io_context& io, keel::pipeline through, example::url where, amount wanted,
          listener on_end);

/// What became of many calls.
class summary
{
public:
    void add(ending const& how, std::uint32_t attempts, keel::duration took);

    exit_code code() const;

    /// \param took all calls together
    void print(std::ostream& to, keel::duration took) const;

private:
    std::size_t calls() const { return durations_.size(); }
    keel::duration percentile(std::size_t percent) const;

    std::size_t ok_ = 0;
    std::map<exit_code, std::map<std::string, std::size_t>> failures_{}; ///< How often for which reason.
    std::uint64_t attempts_ = 0;
    std::vector<keel::duration> durations_{};
};

} // namespace keel_get
