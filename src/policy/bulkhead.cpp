#include <keel/policy/bulkhead.hpp>

#include <algorithm>

namespace keel {

option_faults validate(bulkhead_options const& o)
{
    option_faults faults;
    faults.require(o.max_concurrent >= 1, "max_concurrent", o.max_concurrent, "at least 1");
    faults.require(!o.max_wait || *o.max_wait >= duration::zero(), "max_wait",
                   o.max_wait.value_or(duration::zero()), "0 or more, or nullopt");
    return faults;
}

namespace policy {

bulkhead::bulkhead(bulkhead_options options)
    : options_(checked("bulkhead", std::move(options))),
      max_concurrent_(options_.max_concurrent)
{}

admission bulkhead::admit(time_point now, waiter& self, turns& others)
{
    auto const at_once = admit(now, others, self.weight);
    if (at_once.what == admission::kind::granted || self.weight > max_concurrent_) return at_once;
    if (queue_.size() >= options_.max_queue || self.deadline <= now) return at_once;
    enqueue(self);
    return admission::queued();
}

admission bulkhead::admit(time_point now, turns& others, std::uint32_t weight)
{
    expire(now, others.expired);
    let_in(now, others.granted);
    if (has_room(weight)) return go_in(now, weight);
    return admission::refused(errc::bulkhead_full);
}

admission bulkhead::go_in(time_point now, std::uint32_t weight)
{
    running_ += weight;
    return admission::granted({0, now, weight});
}

bulkhead::turns bulkhead::settle(grant const& pass, time_point now)
{
    turns result;
    expire(now, result.expired);
    running_ -= pass.weight;
    let_in(now, result.granted);
    return result;
}

void bulkhead::let_in(time_point now, waiter_list& granted)
{
    while (!queue_.empty() && fits(queue_.front()->weight, free())) {
        auto* const first = queue_.front();
        dequeue(*first);
        running_ += first->weight;
        first->pass.generation = 0; // one by one: wider stores would have to be put together first
        first->pass.at = now;
        first->pass.weight = first->weight;
        first->granted = true;
        granted.push_back(*first);
    }
}

bulkhead::turns bulkhead::resize(std::size_t max_concurrent, time_point now)
{
    max_concurrent_ = max_concurrent;
    turns result;
    expire(now, result.expired);
    for (auto* w = queue_.front(); w != nullptr;) {
        auto* const next = w->next;
        if (w->weight > max_concurrent_) {
            dequeue(*w);
            result.expired.push_back(*w);
        }
        w = next;
    }
    let_in(now, result.granted);
    return result;
}

bool bulkhead::withdraw(waiter& w, time_point now, turns& others)
{
    if (!w.queued) return false;
    dequeue(w);
    expire(now, others.expired);
    let_in(now, others.granted);
    return true;
}

void bulkhead::expire(time_point now, waiter_list& gone)
{
    if (now < earliest_) return;
    earliest_ = time_point::max();
    for (auto* w = queue_.front(); w != nullptr;) {
        auto* const next = w->next;
        if (w->deadline <= now) {
            dequeue(*w);
            gone.push_back(*w);
        } else {
            earliest_ = std::min(earliest_, w->deadline);
        }
        w = next;
    }
}

void bulkhead::enqueue(waiter& w)
{
    queue_.push_back(w);
    w.queued = true;
    w.granted = false;
    earliest_ = std::min(earliest_, w.deadline);
}

void bulkhead::dequeue(waiter& w)
{
    queue_.remove(w);
    w.queued = false;
}

bulkhead_snapshot bulkhead::snapshot() const
{
    return {running_, queue_.size(), max_concurrent_, options_.max_queue};
}

} // namespace policy
} // namespace keel
