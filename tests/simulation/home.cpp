#include "home.hpp"

#include <chrono>
#include <string>
#include <variant>

namespace keel::simulated {
namespace {

class home_of
{
public:
    home_of(book& b, std::string const& name, time_point now) : book_(b), name_(name), now_(now) {}

    void operator()(bulkhead const& p) const
    {
        expect(p.snapshot().running, 0, "permits are out");
        expect(p.snapshot().waiting, 0, "calls are waiting");
    }
    void operator()(circuit_breaker const& p) const
    {
        expect(p.snapshot(now_).trials_in_flight, 0, "trials are in flight");
    }
    void operator()(retry const& p) const
    {
        if (!p.budget()) return;
        expect(p.budget()->snapshot(now_).active_calls, 0, "calls of its budget are in flight");
        expect(p.budget()->snapshot(now_).active_retries, 0, "retries of its budget are in flight");
    }
    /// An hour later every reservation must have come home or have been used.
    void operator()(rate_limiter const& p) const
    {
        auto const later = p.snapshot(saturating_add(now_, std::chrono::hours(1)));
        expect(static_cast<std::size_t>(later.available), later.burst, "permits after an hour of rest");
    }
    void operator()(std::shared_ptr<gate> const& p) const
    {
        auto const& own = dynamic_cast<users_gate const&>(*p);
        expect(own.inside(), 0, "permits of the user's gate are out");
        expect(own.waiting(), 0, "calls are waiting at the user's gate");
    }
    void operator()(timeout const&) const {}
    void operator()(std::shared_ptr<loop const> const&) const {}
    void operator()(fallback const&) const {}
    void operator()(classifier const&) const {}
    template <class Policy>
    void operator()(judged<Policy> const& p) const
    {
        (*this)(p.policy());
    }

private:
    void expect(std::size_t found, std::size_t wanted, char const* what) const
    {
        if (found != wanted)
            book_.complain(name_ + ": " + std::to_string(found) + ' ' + what + ", expected " +
                           std::to_string(wanted));
    }

    book& book_;
    std::string const& name_;
    time_point now_;
};

void check_family(book& b, time_point now)
{
    auto const seen = b.family->snapshot();
    b.require(seen.built == seen.entries + seen.expired + seen.displaced,
              "the family's entries do not add up");
    for (auto const& entry : b.family->entries(now))
        b.require(!entry.in_use, "the pipeline of " + entry.key + " is held");
}

} // namespace

void check_permits_home(book& b, time_point now)
{
    for (std::size_t i = 0; i < b.stacks.size(); ++i) {
        auto const& s = b.stacks[i];
        for (auto const& p : s.parts)
            if (p.handle) std::visit(home_of(b, p.name, now), *p.handle);
        if (s.made) b.require(s.made->orphans() == 0, "stack " + std::to_string(i) + " has orphans");
    }
    if (b.family) check_family(b, now);
    for (std::uint32_t i = 0; i < b.calls.size(); ++i) {
        auto const& record = b.calls[i];
        if (record.running != 0) b.complain(i, "has an operation that is still running");
        if (record.ends > 1 || record.reports > 1) b.complain(i, "ended more than once");
    }
}

void check_at_rest(book& b, testing::simulation& world)
{
    check_permits_home(b, world.clock().now());
    b.require(world.clock().armed() == 0, "deadlines are armed: " + std::to_string(world.clock().armed()));
}

void check_all_home(book& b, testing::simulation& world)
{
    check_at_rest(b, world);
    for (std::uint32_t i = 0; i < b.calls.size(); ++i) b.require(b.calls[i].ends == 1, i, "has not ended");
}

void check_nothing_leaks(book& b)
{
    b.require(b.alive == 0, std::to_string(b.alive) + " captured objects are still alive");
}

} // namespace keel::simulated
