#include "users_policies.hpp"

#include <chrono>
#include <utility>

namespace keel::simulated {
namespace {

using namespace std::chrono_literals;

class users_loop_run final : public loop_run
{
public:
    users_loop_run(std::uint32_t attempts, duration pause, std::uint64_t seed, live captured)
        : left_(attempts - 1),
          pause_(pause),
          random_(seed),
          captured_(captured)
    {}

    loop_action attempt_ended(attempt_end const& end) override
    {
        if (end.what == verdict::success || end.what == verdict::ignored) return pass_on{};
        if (random_.per_mille(30)) throw users_mistake();
        if (left_ > 0) {
            --left_;
            return run_again{pause_};
        }
        if (random_.one_in(4)) return fail_with{errc::rate_limited};
        return pass_on{};
    }

private:
    std::uint32_t left_;
    duration pause_;
    stream random_;
    live captured_;
};

} // namespace

admission users_gate::admit(visit const& v)
{
    if (random_.per_mille(20)) throw users_mistake();
    auto const now = v.now();
    auto const may_wait = v.waiter && v.waiter->deadline > now;
    if (queue_.empty() && fits(v.weight)) {
        auto const later = now + 2ms;
        if (may_wait && later < v.waiter->deadline && random_.per_mille(100))
            return admission::reserved(take(v.weight), later);
        return admission::granted(take(v.weight));
    }
    if (!may_wait || v.weight > most_ || queue_.size() >= most_)
        return admission::refused(errc::bulkhead_full);
    v.waiter->weight = v.weight;
    v.waiter->granted = false;
    v.waiter->queued = true;
    queue_.push_back(*v.waiter);
    return admission::queued();
}

void users_gate::settle(grant const& pass, verdict, visit const&) noexcept
{
    inside_ -= pass.weight;
    let_in();
}

bool users_gate::withdraw(turn_waiter& w, visit const&) noexcept
{
    if (!std::exchange(w.queued, false)) return false;
    queue_.remove(w);
    let_in();
    return true;
}

void users_gate::give_back(grant const& pass, visit const& v) noexcept { settle(pass, verdict::ignored, v); }

verdict users_gate::narrow(verdict v, failure const& why) const
{
    auto const drawn = stream(static_cast<std::uint32_t>(why.code.value())).below(1000);
    if (drawn < 20) throw users_mistake();
    return drawn < 100 ? verdict::ignored : v;
}

grant users_gate::take(std::uint32_t weight) noexcept
{
    inside_ += weight;
    return {0, {}, weight};
}

void users_gate::let_in() noexcept
{
    while (!queue_.empty() && fits(queue_.front()->weight)) {
        auto* const next = static_cast<turn_waiter*>(queue_.pop_front());
        next->pass = take(next->weight);
        next->granted = true;
        next->queued = false;
        next->turn_came();
    }
}

std::unique_ptr<loop_run> users_loop::begin(moment&) const
{
    if (random_.per_mille(20)) throw users_mistake();
    return std::make_unique<users_loop_run>(attempts_, pause_, random_.word(), captured_);
}

} // namespace keel::simulated
