#include <keel/policy/fallback.hpp>

namespace keel {

option_faults validate(fallback_options const&) { return {}; }

namespace policy {
namespace {

struct matches
{
    failure const& what;

    bool operator()(any_failure) const { return true; }
    bool operator()(error_code const& code) const { return what.code == code; }
    bool operator()(error_condition const& group) const { return what.code == group; }
    bool operator()(std::function<bool(failure const&)> const& wanted) const { return wanted(what); }
};

} // namespace

fallback::fallback(fallback_options options) : options_(checked("fallback", std::move(options))) {}

void fallback::add(failure_match match)
{
    matches_.push_back(std::make_shared<failure_match const>(std::move(match)));
}

std::optional<std::size_t> fallback::choose(failure const& what, bool caller_cancelled) const
{
    if (caller_cancelled) return std::nullopt;
    for (std::size_t i = 0; i < matches_.size(); ++i)
        if (std::visit(matches{what}, *matches_[i])) return i;
    return std::nullopt;
}

} // namespace policy
} // namespace keel
