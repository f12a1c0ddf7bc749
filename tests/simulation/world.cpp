#include "world.hpp"

#include "book.hpp"
#include "caller.hpp"
#include "home.hpp"
#include "spawn.hpp"
#include "stack.hpp"
#include "stream.hpp"

#include <keel/testing/simulation.hpp>

#include <array>
#include <chrono>
#include <deque>
#include <memory>
#include <utility>
#include <variant>

namespace keel::simulated {
namespace {

using namespace std::chrono_literals;

asio::awaitable<void> cancel_later(book* b, std::uint32_t call, duration after, asio::cancellation_type type)
{
    co_await sleep_for(after);
    b->cancel(call, type);
}

weather draw_weather(stream& random)
{
    static constexpr std::array<std::uint16_t, 5> chances{0, 20, 100, 300, 700};
    weather sky;
    sky.errors = random.pick(chances);
    sky.slow = random.pick(chances);
    sky.odd = random.pick(std::array<std::uint16_t, 4>{10, 50, 200, 500});
    return sky;
}

/// The life of one world: callers come, some give up, an operator meddles, and code without a pipeline takes
/// permits of the same policies.
class world
{
public:
    world(std::uint64_t seed, std::ostream* text)
        : random_(seed),
          log_(std::make_shared<event_log>(text)),
          simulation_(seed),
          book_(simulation_.clock(), log_)
    {
        log_->tell([this](telemetry::event const& e) { book_.happened(e); });
        stack_maker maker(random_, live(book_.alive), log_, &simulation_.context());
        outer_stacks_ = random_.between(1, 3);
        for (auto i = 0U; i < outer_stacks_; ++i) {
            auto const most = random_.between(1, 8);
            book_.stacks.push_back(maker.make("p" + std::to_string(i), most));
        }
        if (random_.one_in(2)) nest(maker);
        if (random_.one_in(2)) keep_in_family();
    }

    void live_through(std::uint32_t calls)
    {
        for (auto n = 0U; n < calls; ++n) {
            if (n % 64 == 0) change_weather();
            let_time_pass();
            meddle();
            start_one();
        }
        for (auto const& p : circuit_breakers()) p.force_close(book_.now());
        held_.clear();
        simulation_.drain();
        check_all_home(book_, simulation_);
    }

    world_end end()
    {
        world_end e;
        for (auto const& s : book_.stacks) e.stacks.push_back(s.text());
        for (auto const& record : book_.calls) e.starts += record.started;
        book_.close();
        simulation_.destroy();
        book_.family.reset();
        for (auto& s : book_.stacks) s.drop_handles();
        check_nothing_leaks(book_);
        e.events = log_->events();
        e.hash = log_->hash();
        e.complaints = book_.complaints();
        return e;
    }

private:
    struct held_permit
    {
        permit pass;
        time_point until;
        verdict meaning;
    };

    void nest(stack_maker& maker)
    {
        auto const most = random_.between(1, 4);
        for (auto& s : book_.stacks) s.inner = static_cast<std::uint16_t>(outer_stacks_);
        book_.stacks.push_back(maker.make_inner("inner", most));
    }

    void keep_in_family()
    {
        pipeline_family_options o;
        o.max_entries = random_.between(1, 2);
        o.idle_expiry = random_.milliseconds(1, 50);
        o.state_expiry = o.idle_expiry + random_.milliseconds(0, 50);
        book_.family.emplace(std::move(o), [this](std::string_view number) {
            return book_.stacks[static_cast<std::size_t>(number.front() - '0')].again();
        });
    }

    void change_weather()
    {
        sky_ = draw_weather(random_);
        most_gap_ = random_.pick(std::array<std::uint32_t, 5>{1, 2, 5, 10, 30});
    }

    void let_time_pass()
    {
        auto const gap = random_.milliseconds(0, most_gap_);
        simulation_.advance(gap);
        while (!held_.empty() && held_.front().until <= book_.now()) {
            held_.front().pass.settle(held_.front().meaning, book_.now());
            held_.pop_front();
        }
    }

    /// What happens beside the calls.
    void meddle()
    {
        switch (random_.below(200)) {
        case 0:
            for (auto const& p : circuit_breakers()) p.force_open(book_.now());
            break;
        case 1:
        case 2:
        case 3:
        case 4:
            for (auto const& p : circuit_breakers()) p.force_close(book_.now());
            break;
        case 5:
        case 6:
        case 7:
        case 8: take_permit(); break;
        case 9:
        case 10: cancel_recent(); break;
        default: break;
        }
    }

    std::vector<circuit_breaker> circuit_breakers() const
    {
        std::vector<circuit_breaker> all;
        for (auto const& s : book_.stacks)
            for (auto const& p : s.parts)
                if (auto const breaker = breaker_in(*p.handle)) all.push_back(*breaker);
        return all;
    }

    void take_permit()
    {
        auto const& s = book_.stacks[random_.below(static_cast<std::uint32_t>(book_.stacks.size()))];
        auto const& p = s.parts[random_.below(static_cast<std::uint32_t>(s.parts.size()))];
        auto pass = visit_policy(
            [&](auto const& policy) {
                if constexpr (requires { policy.try_acquire(book_.now()); })
                    return policy.try_acquire(book_.now());
                else
                    return permit();
            },
            *p.handle);
        auto const last = held_.empty() ? book_.now() : held_.back().until;
        auto const until = std::max(last, book_.now() + random_.milliseconds(0, 30));
        auto const meaning = static_cast<verdict>(random_.below(4));
        if (pass) held_.push_back({std::move(pass), until, meaning});
    }

    void cancel_recent()
    {
        auto const back = random_.between(1, 20);
        if (book_.calls.size() < back) return;
        auto const call = static_cast<std::uint32_t>(book_.calls.size()) - back;
        if (book_.calls[call].signal) book_.cancel(call, asio::cancellation_type::terminal);
    }

    void start_one()
    {
        auto const number = static_cast<std::uint32_t>(book_.calls.size());
        auto const through = random_.below(outer_stacks_);
        auto& record = book_.open_call(static_cast<std::uint16_t>(through), random_.word());
        record.sky = sky_;
        record.how = draw_manner(random_);
        auto const is_cancelled = random_.one_in(8);
        if (is_cancelled) record.signal = std::make_unique<asio::cancellation_signal>();
        start_call(simulation_.context(), book_, number, duration::zero());
        if (!is_cancelled) return;
        static constexpr std::array types{asio::cancellation_type::terminal,
                                          asio::cancellation_type::terminal, asio::cancellation_type::partial,
                                          asio::cancellation_type::total};
        auto const type = random_.pick(types);
        auto const after = random_.milliseconds(0, 40);
        spawn(simulation_.context(), cancel_later(&book_, number, after, type), {},
              [this](std::exception_ptr e) { book_.require(!e, "a canceller failed"); });
    }

    stream random_;
    std::shared_ptr<event_log> log_;
    testing::simulation simulation_;
    book book_;
    std::uint32_t outer_stacks_ = 0;
    weather sky_{};
    std::uint32_t most_gap_ = 1;
    std::deque<held_permit> held_;
};

} // namespace

world_end run_world(std::uint64_t seed, std::uint32_t calls, std::ostream* text)
{
    world w(seed, text);
    w.live_through(calls);
    return w.end();
}

} // namespace keel::simulated
