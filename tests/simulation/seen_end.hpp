#pragma once

#include <keel/keel.hpp>

#include <boost/system/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace keel::simulated {

using carried = boost::system::result<std::int64_t>;

/// What a caller sees of the end of its call.
struct seen_end
{
    std::optional<std::int64_t> value{};
    bool ok = false;
    error_code error{};
    bool threw = false;
    keel::ended_by by = keel::ended_by::operation;
    keel::verdict verdict = keel::verdict::success;
    std::uint32_t attempts = 0;
    retry_stop stopped = retry_stop::none;
    std::string policy{};
    std::vector<earlier_attempt> earlier{};
};

inline std::optional<std::int64_t> number_in(std::int64_t const& value) { return value; }
inline std::optional<std::int64_t> number_in(carried const& value)
{
    return value.has_value() ? std::optional(*value) : std::nullopt;
}

template <class T>
seen_end see(outcome<T> const& end)
{
    seen_end seen;
    if (end.has_value()) seen.value = number_in(end.value());
    seen.ok = end.ok();
    seen.error = end.error();
    seen.threw = end.exception() != nullptr;
    seen.by = end.ended_by();
    seen.verdict = end.report().verdict;
    seen.attempts = end.attempts();
    seen.stopped = end.report().stopped;
    seen.policy = end.report().policy;
    seen.earlier = end.report().earlier;
    for (auto& attempt : seen.earlier) attempt.policy = {}; // a name keeps what the call was made by
    return seen;
}

} // namespace keel::simulated
