#include "scene.hpp"

#include "simulation/caller.hpp"
#include "simulation/home.hpp"
#include "simulation/known.hpp"
#include "simulation/stack.hpp"
#include "simulation/stream.hpp"

#include <boost/asio/post.hpp>

#include <array>
#include <utility>

namespace keel::sweep {
namespace {

namespace known = simulated::known;
using simulated::live;
using simulated::longest_unwinding;
using simulated::stack_maker;
using simulated::stream;
using simulated::weather;

constexpr std::uint64_t for_ever = 100'000; ///< More handlers than any scene needs.

} // namespace

std::string interference::text() const
{
    switch (what) {
    case kind::none: return "nothing";
    case kind::destroy: return "the context is destroyed";
    case kind::drop: return "every handle is destroyed";
    case kind::cancel: break;
    }
    auto const* const how = type == asio::cancellation_type::terminal  ? "terminal"
                            : type == asio::cancellation_type::partial ? "partial"
                                                                       : "total";
    return "call " + std::to_string(call) + " is cancelled (" + how + ')';
}

scene::scene(std::uint64_t seed, std::ostream* text)
    : log_(std::make_shared<simulated::event_log>(text)),
      simulation_(seed),
      book_(simulation_.clock(), log_)
{
    log_->tell([this](telemetry::event const& e) { book_.happened(e); });
    stream random(seed);
    stack_maker maker(random, live(book_.alive), log_);
    auto const most = random.between(1, 8);
    book_.stacks.push_back(maker.make("p", most));

    weather sky;
    sky.errors = random.pick(std::array<std::uint16_t, 3>{100, 400, 800});
    sky.slow = 200;
    sky.odd = random.pick(std::array<std::uint16_t, 3>{100, 400, 800});
    auto const callers = random.between(1, 4);
    for (auto i = 0U; i < callers; ++i) {
        auto& record = book_.open_call(0, random.word());
        record.sky = sky;
        record.carries_error = random.one_in(3);
        record.accepts_partial = random.one_in(3);
        record.signal = std::make_unique<asio::cancellation_signal>();
        auto const by_outcome = !random.one_in(5);
        static constexpr std::array<std::uint32_t, 6> offsets{0, 0, 0, 1, 3, 8};
        auto const after = std::chrono::milliseconds(random.pick(offsets));
        simulated::start_call(simulation_.context(), book_, i, by_outcome, after);
    }
}

scene::~scene() { simulation_.destroy(); }

std::string scene::text() const { return book_.stacks.front().text(); }

std::uint64_t scene::steps(std::uint64_t most)
{
    std::uint64_t done = 0;
    while (done < most && simulation_.run_one()) ++done;
    return done;
}

run_end scene::run(std::uint64_t point, interference const& how)
{
    run_end end;
    end.points = steps(point);
    interfere(how);
    if (how.what != interference::kind::destroy) {
        end.points += steps(for_ever) + 1;
        book_.require(end.points < for_ever, "never comes to rest");
        check_all_home(book_, simulation_);
        if (how.what == interference::kind::cancel) check_cancelled(how.call);
        book_.close();
        simulation_.destroy();
    }
    check_permits_home(book_, book_.now());
    book_.stacks.front().drop_handles();
    check_nothing_leaks(book_);
    end.hash = log_->hash();
    end.cancelled = how.what == interference::kind::cancel && book_.calls[how.call].cancelled;
    end.complaints = book_.complaints();
    return end;
}

void scene::interfere(interference const& how)
{
    switch (how.what) {
    case interference::kind::none: return;
    case interference::kind::cancel: break;
    case interference::kind::destroy: book_.close(); return simulation_.destroy();
    case interference::kind::drop: return book_.stacks.front().drop_handles();
    }
    auto const cancel = [this, how] { book_.cancel(how.call, how.type); };
    if (known::cancelling_from_outside_is_unsafe)
        asio::post(simulation_.context(), cancel);
    else
        cancel();
}

/// A cancelled call ends soon, starts nothing any more, and says who ended it: its caller, unless there was a
/// result, a predicate threw meanwhile, or it was unwinding from a timeout already.
void scene::check_cancelled(std::uint32_t call)
{
    auto const& record = book_.calls[call];
    if (!record.cancelled || record.hid) return;
    book_.require(record.ended_at - record.cancelled_at <= longest_unwinding, call,
                  "went on for long after it was cancelled");
    book_.require(record.started == record.started_when_cancelled, call,
                  "started its operation after it was cancelled");
    if (!record.end) return;
    auto const limit = book_.stacks.front().shortest_limit();
    auto const had_expired = limit && record.cancelled_at - record.began >= *limit;
    auto const by = record.end->by;
    book_.require(by == ended_by::caller || record.end->ok || by == ended_by::predicate ||
                      (by == ended_by::timeout && had_expired),
                  call, "was cancelled, and says it was ended otherwise");
}

} // namespace keel::sweep
