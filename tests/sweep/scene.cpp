#include "scene.hpp"

#include "simulation/caller.hpp"
#include "simulation/home.hpp"
#include "simulation/known.hpp"
#include "simulation/stack.hpp"
#include "simulation/stream.hpp"

#include <boost/asio/post.hpp>

#include <array>
#include <new>
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

scene::scene(std::uint64_t seed, std::shared_ptr<simulated::event_log> log)
    : log_(std::move(log)),
      simulation_(seed),
      book_(simulation_.clock(), log_)
{}

// Delegates, so that what has been started is destroyed in order if there is no memory to start the rest.
scene::scene(std::uint64_t seed, bool sends, std::ostream* text)
    : scene(seed, std::make_shared<simulated::event_log>(text))
{
    log_->tell([this](telemetry::event const& e) { book_.happened(e); });
    stream random(seed);
    stack_maker maker(random, live(book_.alive), log_, sends ? &simulation_.context() : nullptr);
    auto const most = random.between(1, 8);
    book_.stacks.push_back(maker.make("p", most));
    if (random.one_in(3)) {
        auto const most_inside = random.between(1, 4);
        book_.stacks.front().inner = 1;
        book_.stacks.push_back(maker.make_inner("inner", most_inside));
    }

    weather sky;
    sky.errors = random.pick(std::array<std::uint16_t, 3>{100, 400, 800});
    sky.slow = 200;
    sky.odd = random.pick(std::array<std::uint16_t, 3>{100, 400, 800});
    callers_ = random.between(1, 4);
    for (auto i = 0U; i < callers_; ++i) {
        auto& record = book_.open_call(0, random.word());
        record.sky = sky;
        record.how = simulated::draw_manner(random);
        record.signal = std::make_unique<asio::cancellation_signal>();
        static constexpr std::array<std::uint32_t, 6> offsets{0, 0, 0, 1, 3, 8};
        auto const after = std::chrono::milliseconds(random.pick(offsets));
        simulated::start_call(simulation_.context(), book_, i, after);
    }
}

scene::~scene() { simulation_.destroy(); }

std::string scene::text() const
{
    std::string all;
    for (auto const& s : book_.stacks) all += (all.empty() ? "" : "; inner: ") + s.text();
    return all;
}

void scene::drop_handles()
{
    for (auto& s : book_.stacks) s.drop_handles();
}

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
        if (how.what == interference::kind::cancel) check_cancelled(how);
        book_.close();
        simulation_.destroy();
    }
    check_permits_home(book_, book_.now());
    drop_handles();
    check_nothing_leaks(book_);
    end.hash = log_->hash();
    end.cancelled = how.what == interference::kind::cancel && book_.calls[how.call].cancelled;
    end.complaints = book_.complaints();
    return end;
}

std::vector<std::string> scene::run_short_of_memory(std::function<void()> const& relieved)
{
    book_.excuse_calls();
    auto thrown = 0U;
    for (auto is_over = false; !is_over;) {
        try {
            auto const at_rest = steps(for_ever) < for_ever;
            is_over = true;
            book_.require(at_rest, "never comes to rest");
        } catch (std::bad_alloc const&) {
            ++thrown;
        }
    }
    relieved();
    check_at_rest(book_, simulation_);
    for (std::uint32_t i = 0; i < book_.calls.size(); ++i) {
        auto const& record = book_.calls[i];
        if (record.awaiting_end != 0)
            book_.complain(i, "waits for ever");
        else if (record.ends == 0 && !record.is_inner && thrown == 0)
            book_.complain(i, "is gone, and nobody has heard of it");
    }
    book_.close();
    simulation_.destroy();
    check_permits_home(book_, book_.now());
    drop_handles();
    check_nothing_leaks(book_);
    return book_.complaints();
}

void scene::interfere(interference const& how)
{
    switch (how.what) {
    case interference::kind::none: return;
    case interference::kind::cancel: break;
    case interference::kind::destroy: book_.close(); return simulation_.destroy();
    case interference::kind::drop: return drop_handles();
    }
    auto const cancel = [this, how] { book_.cancel(how.call, how.type); };
    if (known::cancelling_from_outside_is_unsafe)
        asio::post(simulation_.context(), cancel);
    else
        cancel();
}

/// A cancelled call ends soon, starts nothing any more, and says who ended it: its caller, unless there was a
/// result, a predicate threw meanwhile, or it was unwinding from a timeout already.
void scene::check_cancelled(interference const& how)
{
    auto const call = how.call;
    auto const& record = book_.calls[call];
    if (!record.cancelled || record.hid) return;
    book_.require(record.ended_at - record.cancelled_at <= longest_unwinding, call,
                  "went on for long after it was cancelled");
    book_.require(record.started == record.started_when_cancelled, call,
                  "started its operation after it was cancelled");
    if (!record.end) return;
    auto const limit = book_.stacks.front().shortest_limit();
    auto const had_expired = limit && record.cancelled_at - record.began >= *limit;
    auto const is_late = record.deadline && record.ended_at >= *record.deadline;
    auto const by = record.end->by;
    book_.require(by == ended_by::caller || record.end->ok || by == ended_by::predicate ||
                      (by == ended_by::timeout && had_expired) || (by == ended_by::deadline && is_late),
                  call, "was cancelled, and says it was ended otherwise");
}

} // namespace keel::sweep
