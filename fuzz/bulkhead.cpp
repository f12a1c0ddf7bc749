// The bulkhead against a list: who goes in, who waits, who has waited too long, and in which order.

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
    game(fuzz::input& in, policy::bulkhead& b) : in_(in), bulkhead_(b), time_(in) {}

    void play()
    {
        while (!in_.empty()) {
            turn();
            check();
        }
        for (auto left = running_; left > 0 && left <= waiters_.size() + 256; left = running_) settle();
        if (running_ == 0) law(queue_.empty(), "when all calls have ended nobody waits");
        check();
    }

private:
    void turn()
    {
        switch (in_.below(8)) {
        case 0: return time_.advance(in_);
        case 1: return approach_a_deadline();
        case 2: return admit_one_who_cannot_wait();
        case 3: return withdraw();
        case 4:
        case 5: return running_ > 0 ? settle() : void();
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
        auto const late = expire();
        waiter_list expired;
        auto const answer = bulkhead_.admit(time_.now(), self, expired);
        law(members(expired) == late, "admit finds those whose deadline has come, in order");
        if (has_place()) return granted(answer);

        auto const may_wait = queue_.size() < bulkhead_.options().max_queue && self.deadline > time_.now();
        law(answer == (may_wait ? admission::queued() : admission::refused(errc::bulkhead_full)),
            "a call waits exactly when the queue has room and its deadline is still to come");
        law(self.queued == may_wait, "a waiter knows whether it is queued");
        law(!may_wait || !self.granted, "who has just begun to wait holds nothing");
        if (may_wait) queue_.push_back(&self);
    }

    void admit_one_who_cannot_wait()
    {
        auto const late = expire();
        waiter_list expired;
        auto const answer = bulkhead_.admit(time_.now(), expired);
        law(members(expired) == late, "admit finds those whose deadline has come, in order");
        if (has_place()) return granted(answer);
        law(answer == admission::refused(errc::bulkhead_full), "a full bulkhead refuses");
    }

    void granted(admission const& answer)
    {
        law(answer == admission::granted({0, time_.now(), 1}), "a free place is given at once");
        ++running_;
    }

    void settle()
    {
        auto const late = expire();
        --running_;
        row next;
        for (; running_ < bulkhead_.options().max_concurrent && !queue_.empty(); ++running_) {
            next.push_back(queue_.front());
            queue_.erase(queue_.begin());
        }
        auto const turns = bulkhead_.settle({}, time_.now());
        law(members(turns.expired) == late, "settle finds those whose deadline has come, in order");
        law(members(turns.granted) == next, "a free permit goes to the first waiter and to nobody else");
        for (auto const* w : next)
            law(w->granted && !w->queued && w->pass == grant{0, time_.now(), 1},
                "who is woken holds a permit");
    }

    void withdraw()
    {
        auto& w = waiters_[in_.below(waiters_.size())];
        auto const place = std::find(queue_.begin(), queue_.end(), &w);
        auto const waits = place != queue_.end();
        law(bulkhead_.withdraw(w) == waits, "exactly those who wait can be withdrawn");
        law(!w.queued, "who has been withdrawn is not queued");
        if (waits) queue_.erase(place);
    }

    row expire()
    {
        row late;
        std::copy_if(queue_.begin(), queue_.end(), std::back_inserter(late),
                     [&](auto const* w) { return w->deadline <= time_.now(); });
        std::erase_if(queue_, [&](auto const* w) { return w->deadline <= time_.now(); });
        return late;
    }

    bool has_place() const { return running_ < bulkhead_.options().max_concurrent; }

    void check() const
    {
        auto const seen = bulkhead_.snapshot();
        law(seen.running == running_, "permits out are permits in and those still held");
        law(seen.running <= seen.max_concurrent, "no more calls run than max_concurrent");
        law(seen.waiting == queue_.size(), "the queue is as long as it says");
        law(seen.waiting <= seen.max_queue, "no more calls wait than max_queue");
        law(seen.waiting == 0 || seen.running == seen.max_concurrent, "nobody waits beside a free place");
    }

    fuzz::input& in_;
    policy::bulkhead& bulkhead_;
    fuzz::timeline time_;
    std::array<waiter, 12> waiters_{};
    row queue_{};
    std::size_t running_ = 0;
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
