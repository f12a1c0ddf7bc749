#pragma once

#include <keel/async/gate.hpp>
#include <keel/testing/contract.hpp>

#include <boost/asio/post.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>

namespace keel::tests {

/// What a doorkeeper does wrong.
enum class fault : std::uint8_t
{
    none,
    tells_twice,
    tells_the_last_first,
    tells_whoever_left,
    forgets_who_waits,
    charges_for_refusals,
    refuses_with_a_timeout,
    keeps_what_was_cancelled,
    counts_what_was_cancelled,
    keeps_the_place_of_whoever_left,
    tells_nobody_of_a_seat_given_back,
    counts_late_news,
    takes_any_size,
    keeps_what_failed_in_its_books,
    keeps_the_seat_when_user_code_throws,
    calls_user_code_under_its_lock,
    changes_its_name,
    tells_no_time,
    gives_back_by_a_post,
    remembers_other_doorkeepers,
    is_changed_by_looking,
};

/// A gate as a user would write it: so many seats, a queue with so many places, and a guest book. With a
/// fault it breaks one law of the contract.
class doorkeeper final : public gate
{
public:
    doorkeeper(std::size_t seats, std::size_t places, testing::surroundings around, fault wrong = fault::none)
        : seats_(seats),
          places_(places),
          around_(std::move(around)),
          wrong_(wrong)
    {
        if (seats == 0 && wrong != fault::takes_any_size)
            throw std::invalid_argument("doorkeeper: seats is 0, allowed is at least 1");
    }

    std::string_view name() const noexcept override
    {
        return wrong_ == fault::changes_its_name && closed_ ? "doorkeeper (closed)" : "doorkeeper";
    }

    admission admit(visit const& v) override
    {
        auto const answer = decide(v);
        if (answer.what != admission::kind::granted) return answer;
        try {
            if (wrong_ == fault::calls_user_code_under_its_lock) {
                std::lock_guard lock(mutex_);
                around_.user_code();
            } else {
                around_.user_code();
            }
        } catch (...) {
            std::lock_guard lock(mutex_);
            if (wrong_ != fault::keeps_the_seat_when_user_code_throws) stand_up();
            throw;
        }
        return answer;
    }

    void settle(grant const& pass, verdict what, visit const& v) noexcept override
    {
        if (wrong_ == fault::tells_no_time)
            telemetry::emit(v.from.observer,
                            telemetry::orphan_ended{{v.from.pipeline, name(), time_point{}}});
        if (wrong_ == fault::gives_back_by_a_post && what == verdict::ignored) {
            asio::post(*context_, [this] {
                std::lock_guard lock(mutex_);
                stand_up();
            });
            return;
        }
        std::lock_guard lock(mutex_);
        auto const counted =
            what == verdict::ignored ? wrong_ == fault::counts_what_was_cancelled : what != verdict::success;
        auto const current = pass.generation == generation_ || wrong_ == fault::counts_late_news;
        if (counted && current) ++complaints_;
        if (what == verdict::ignored && wrong_ == fault::keeps_what_was_cancelled) return;
        if (what == verdict::failure && wrong_ == fault::keeps_what_failed_in_its_books) ++booked_;
        if (what == verdict::ignored && wrong_ == fault::tells_nobody_of_a_seat_given_back)
            --taken_;
        else
            stand_up();
    }

    bool withdraw(turn_waiter& w, visit const&) noexcept override
    {
        std::lock_guard lock(mutex_);
        if (!w.queued) return false;
        if (wrong_ == fault::tells_whoever_left) return true;
        queue_.remove(w);
        w.queued = false;
        if (wrong_ != fault::keeps_the_place_of_whoever_left) --waiting_;
        return true;
    }

    void close()
    {
        std::lock_guard lock(mutex_);
        closed_ = true;
    }

    void begin_anew()
    {
        std::lock_guard lock(mutex_);
        ++generation_;
        complaints_ = 0;
    }

    std::size_t in_use()
    {
        std::lock_guard lock(mutex_);
        if (wrong_ == fault::is_changed_by_looking && taken_ == seats_) distracted_ = true;
        return taken_ + booked_;
    }

    std::size_t waiting() const
    {
        std::lock_guard lock(mutex_);
        return waiting_;
    }

    std::string memory() const
    {
        std::lock_guard lock(mutex_);
        auto text = std::to_string(complaints_) + " complaints";
        if (wrong_ == fault::remembers_other_doorkeepers) text += ", doorkeeper " + std::to_string(number_);
        return text;
    }

private:
    admission decide(visit const& v)
    {
        std::lock_guard lock(mutex_);
        if (closed_) return refuse();
        if (taken_ < seats_ && queue_.empty() && !std::exchange(distracted_, false)) {
            ++taken_;
            return admission::granted({generation_, {}, 1});
        }
        if (!v.waiter || waiting_ == places_) return admission::refused(errc::bulkhead_full);
        queue_.push_back(*v.waiter);
        v.waiter->queued = true;
        ++waiting_;
        return admission::queued();
    }

    admission refuse()
    {
        if (wrong_ == fault::charges_for_refusals) ++booked_;
        return admission::refused(wrong_ == fault::refuses_with_a_timeout ? errc::timed_out
                                                                          : errc::bulkhead_full);
    }

    /// Under the lock: a seat becomes free, and goes to whoever has waited longest.
    void stand_up()
    {
        auto* const next = wrong_ == fault::forgets_who_waits ? nullptr : next_in_line();
        if (!next) {
            --taken_;
            return;
        }
        next->queued = false;
        --waiting_;
        next->granted = true;
        next->pass = {generation_, {}, 1};
        auto* const told = static_cast<turn_waiter*>(next);
        told->turn_came();
        if (wrong_ == fault::tells_twice) told->turn_came();
    }

    waiter* next_in_line()
    {
        auto* chosen = queue_.front();
        if (wrong_ == fault::tells_the_last_first)
            while (chosen && chosen->next) chosen = chosen->next;
        if (chosen) queue_.remove(*chosen);
        return chosen;
    }

    static std::size_t next_number()
    {
        static std::atomic<std::size_t> last = 0;
        return ++last;
    }

    std::size_t const seats_;
    std::size_t const places_;
    testing::surroundings const around_;
    fault const wrong_;
    asio::io_context* const context_ = &around_.world().context();
    std::size_t const number_ = next_number();
    mutable std::mutex mutex_;
    waiter_list queue_;
    std::size_t waiting_ = 0;
    std::size_t taken_ = 0;
    std::size_t booked_ = 0; ///< What only a faulty doorkeeper believes to be in use.
    std::size_t complaints_ = 0;
    std::uint64_t generation_ = 1;
    std::atomic<bool> closed_ = false;
    bool distracted_ = false;
};

inline testing::subject doorkeeper_subject(testing::surroundings const& around, fault wrong = fault::none)
{
    auto const g = std::make_shared<doorkeeper>(2, 3, around, wrong);
    testing::subject s{.policy = std::shared_ptr<gate>(g)};
    s.refuse = [g] { g->close(); };
    s.in_use = [g] { return g->in_use(); };
    s.waiting = [g] { return g->waiting(); };
    s.memory = [g] { return g->memory(); };
    s.begin_anew = [g] { g->begin_anew(); };
    s.mistakes = {{"seats", [around, wrong] { doorkeeper(0, 3, around, wrong); }}};
    return s;
}

} // namespace keel::tests
