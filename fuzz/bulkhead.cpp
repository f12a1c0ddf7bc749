// The bulkhead against a list: who goes in with which weight, who waits, who has waited too long, who can
// never fit any more, and in which order.

#include "input.hpp"
#include "law.hpp"

#include <keel/policy/bulkhead.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

namespace {

using namespace keel;
using fuzz::law;
using row = std::vector<waiter*>;

bulkhead_options options_from(fuzz::input& in)
{
    bulkhead_options o;
    o.max_concurrent = in.count<std::size_t>();
    o.max_queue = in.count<std::size_t>();
    o.max_wait = in.maybe_length();
    return o;
}

bool in_range(bulkhead_options const& o)
{
    return o.max_concurrent > 0 && (!o.max_wait || o.max_wait->count() >= 0);
}

row members(waiter_list const& list)
{
    row seen;
    for (auto* w = list.front(); w != nullptr; w = w->next) seen.push_back(w);
    law(seen.size() == list.size(), "a list has as many waiters as it says");
    return seen;
}

class game
{
public:
    game(fuzz::input& in, policy::bulkhead& b)
        : in_(in),
          bulkhead_(b),
          time_(in),
          size_(b.options().max_concurrent)
    {}

    void play()
    {
        while (!in_.empty()) {
            turn();
            check();
        }
        for (; !passes_.empty(); check()) settle();
        law(queue_.empty(), "when all calls have ended nobody waits");
        law(running_ == 0, "when all calls have ended no permit is out");
    }

private:
    void turn()
    {
        switch (in_.below(11)) {
        case 0: return time_.advance(in_);
        case 1: return approach_a_deadline();
        case 2: return admit_one_who_cannot_wait();
        case 3: return withdraw();
        case 4:
        case 5: return passes_.empty() ? void() : settle();
        case 6: return resize();
        case 7: return borrow();
        default: return admit();
        }
    }

    void approach_a_deadline()
    {
        if (!queue_.empty()) time_.approach(queue_[in_.below(queue_.size())]->deadline, in_);
    }

    void admit()
    {
        auto& self = waiters_[in_.below(waiters_.size())];
        if (self.queued) return;
        self.deadline = saturating_add(time_.now(), in_.length());
        self.weight = weight();
        auto const late = expire();
        auto const next = let_in();
        policy::bulkhead::turns others;
        auto const answer = bulkhead_.admit(time_.now(), self, others);
        law(members(others.expired) == late, "admit finds those whose deadline has come, in order");
        check_granted(others, next);
        if (goes_in(self.weight)) return granted(answer, self.weight);

        auto const may_wait = queue_.size() < bulkhead_.options().max_queue && self.deadline > time_.now() &&
                              self.weight <= size_;
        law(answer == (may_wait ? admission::queued() : admission::refused(errc::bulkhead_full)),
            "a call waits exactly when it can ever fit, the queue has room and its deadline is to come");
        law(self.queued == may_wait, "a waiter knows whether it is queued");
        law(!may_wait || !self.granted, "who has just begun to wait holds nothing");
        if (may_wait) queue_.push_back(&self);
    }

    void admit_one_who_cannot_wait()
    {
        auto const units = weight();
        auto const late = expire();
        auto const next = let_in();
        policy::bulkhead::turns others;
        auto const answer = bulkhead_.admit(time_.now(), others, units);
        law(members(others.expired) == late, "admit finds those whose deadline has come, in order");
        check_granted(others, next);
        if (goes_in(units)) return granted(answer, units);
        law(answer == admission::refused(errc::bulkhead_full), "a full bulkhead refuses");
    }

    /// Any from 1, mostly 1.
    std::uint32_t weight() { return in_.flag() ? 1 : std::max(in_.count<std::uint32_t>(), 1U); }

    void granted(admission const& answer, std::uint32_t units)
    {
        law(answer == admission::granted({0, time_.now(), units}), "a free place is given at once");
        take(answer.pass);
    }

    void take(grant pass)
    {
        running_ += pass.weight;
        passes_.push_back(pass);
    }

    void settle()
    {
        auto const late = expire();
        auto const at = passes_.begin() +
                        static_cast<std::ptrdiff_t>(in_.below(std::min<std::size_t>(256, passes_.size())));
        auto const pass = *at;
        passes_.erase(at);
        running_ -= pass.weight;
        auto const next = let_in();
        auto const turns = bulkhead_.settle(pass, time_.now());
        law(members(turns.expired) == late, "settle finds those whose deadline has come, in order");
        check_granted(turns, next);
    }

    void resize()
    {
        size_ = std::max<std::size_t>(in_.count<std::size_t>(), 1);
        auto gone = expire();
        auto const never_fits = [&](auto const* w) { return w->weight > size_; };
        std::copy_if(queue_.begin(), queue_.end(), std::back_inserter(gone), never_fits);
        std::erase_if(queue_, never_fits);
        auto const next = let_in();
        auto const turns = bulkhead_.resize(size_, time_.now());
        law(members(turns.expired) == gone, "resize ends the wait of the late, then of those too heavy");
        check_granted(turns, next);
    }

    /// The calls of somebody who has the free units.
    void borrow()
    {
        auto free = bulkhead_.lend();
        law(free.has_value() == (queue_.empty() && running_ <= size_),
            "units are lent exactly while their number alone decides");
        if (!free) return;
        law(*free == size_ - running_, "all free units are lent");
        auto const units = weight();
        law(policy::bulkhead::fits(units, *free) == goes_in(units), "a call fits exactly if it would go in");
        if (goes_in(units)) {
            take({0, {}, units});
            *free -= units;
        } else if (!passes_.empty()) {
            running_ -= passes_.back().weight;
            *free += passes_.back().weight;
            passes_.pop_back();
        }
        bulkhead_.take_back(*free);
    }

    void check_granted(policy::bulkhead::turns const& turns, row const& next) const
    {
        law(members(turns.granted) == next, "free permits go to the first waiters and to nobody else");
        for (auto const* w : next)
            law(w->granted && !w->queued && w->pass == grant{0, time_.now(), w->weight},
                "who is woken holds a permit of its weight");
        for (auto const* w = turns.expired.front(); w != nullptr; w = w->next)
            law(!w->granted && !w->queued, "whose wait is over holds nothing");
        law(queue_.empty() || !fits(queue_.front()->weight), "nobody is left waiting beside room enough");
    }

    void withdraw()
    {
        auto& w = waiters_[in_.below(waiters_.size())];
        auto const place = std::find(queue_.begin(), queue_.end(), &w);
        auto const waits = place != queue_.end();
        if (waits) queue_.erase(place);
        auto const late = waits ? expire() : row();
        auto const next = waits ? let_in() : row();
        policy::bulkhead::turns others;
        law(bulkhead_.withdraw(w, time_.now(), others) == waits, "exactly those who wait can be withdrawn");
        law(!w.queued, "who has been withdrawn is not queued");
        law(members(others.expired) == late, "exactly those who are late are told so");
        check_granted(others, next);
    }

    /// The first waiters, for as long as each has room.
    row let_in()
    {
        row next;
        for (; !queue_.empty() && fits(queue_.front()->weight); queue_.erase(queue_.begin())) {
            next.push_back(queue_.front());
            take({0, time_.now(), queue_.front()->weight});
        }
        return next;
    }

    row expire()
    {
        row late;
        std::copy_if(queue_.begin(), queue_.end(), std::back_inserter(late),
                     [&](auto const* w) { return w->deadline <= time_.now(); });
        std::erase_if(queue_, [&](auto const* w) { return w->deadline <= time_.now(); });
        return late;
    }

    bool fits(std::uint32_t units) const { return running_ < size_ && units <= size_ - running_; }
    /// Nobody overtakes who waits.
    bool goes_in(std::uint32_t units) const { return queue_.empty() && fits(units); }

    void check() const
    {
        auto const seen = bulkhead_.snapshot();
        law(seen.max_concurrent == size_, "it has the size it was given last");
        law(seen.running == running_, "permits out are permits in and those still held");
        law(seen.waiting == queue_.size(), "the queue is as long as it says");
        law(seen.waiting <= seen.max_queue, "no more calls wait than max_queue");
        law(seen.waiting == 0 || !passes_.empty(), "nobody waits for a permit that nobody holds");
        law(bulkhead_.is_timeless() || !queue_.empty(), "it needs no time while nobody waits");
        for (std::uint32_t units : {1U, 2U, 7U, ~0U})
            law(bulkhead_.has_room(units) == goes_in(units), "it has room for whom admit would let in");
    }

    fuzz::input& in_;
    policy::bulkhead& bulkhead_;
    fuzz::timeline time_;
    std::array<waiter, 12> waiters_{};
    row queue_{};
    std::vector<grant> passes_{};
    std::size_t size_;
    std::size_t running_ = 0; ///< Units.
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::input in(data, size);
    auto const options = options_from(in);
    auto machine = fuzz::built<policy::bulkhead>("bulkhead", options, in_range(options));
    if (machine) game(in, *machine).play();
    return 0;
}
