#include "scene.hpp"

#include <keel/async/enable_cancellation.hpp>
#include <keel/async/sleep.hpp>
#include <keel/async/this_call.hpp>
#include <keel/telemetry/line.hpp>

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <concepts>
#include <type_traits>
#include <utility>
#include <variant>

namespace keel::testing::detail {

using namespace std::chrono_literals;

namespace {

/// More steps than any check needs, and few enough to wait for.
constexpr auto enough_steps = 5000;
constexpr std::size_t enough_permits = 64;

constexpr auto const* name_of_the_scope = "contract";

asio::awaitable<int> run_noted(std::shared_ptr<call_notes> notes)
{
    if (notes->op.running() > 0) notes->overlapped = true;
    notes->started->push_back(notes->number);
    return notes->op();
}

asio::awaitable<void> make_call(overridden_pipeline through, std::shared_ptr<call_notes> notes,
                                surroundings around)
{
    co_await enable_cancellation(asio::cancellation_type::all);
    auto const here = co_await this_call();
    notes->in_a_scope = here.trace_id == name_of_the_scope;
    auto const outcome = co_await through.run(run_noted, notes);
    auto& end = notes->end;
    ++end.times;
    end.at = around.now().time_since_epoch();
    end.still_running = notes->op.running();
    end.has_value = outcome.has_value();
    if (outcome.has_value()) end.value = outcome.value();
    end.error = outcome.error();
    end.thrown = outcome.exception();
    end.report = outcome.report();
}

/// What rings at the very end has its turn, and so has what that arms for the same moment.
asio::awaitable<void> pass_time(duration by)
{
    co_await sleep_for(by);
    for (auto turn = 0; turn < 3; ++turn) co_await sleep_for(duration::zero());
}

telemetry::origin const& origin_of(telemetry::event const& e)
{
    return std::visit([](auto const& what) -> telemetry::origin const& { return what.by; }, e);
}

} // namespace

std::shared_ptr<gate> gate_of(any_part const& part)
{
    return std::visit(
        [](auto const& p) -> std::shared_ptr<gate> {
            using P = std::decay_t<decltype(p)>;
            if constexpr (requires { p.judges(); })
                return gate_of(p.policy());
            else if constexpr (std::same_as<P, std::shared_ptr<gate>>)
                return p;
            else if constexpr (requires { p.as_gate(); })
                return p.as_gate();
            else
                return nullptr;
        },
        part);
}

std::shared_ptr<loop const> loop_of(any_part const& part)
{
    if (auto const* l = std::get_if<std::shared_ptr<loop const>>(&part)) return *l;
    auto const* const judged_loop = std::get_if<judged<std::shared_ptr<loop const>>>(&part);
    return judged_loop ? judged_loop->policy() : nullptr;
}

std::string name_of(any_part const& part)
{
    if (auto const g = gate_of(part)) return std::string(g->name());
    if (auto const l = loop_of(part)) return std::string(l->name());
    if (auto const* t = std::get_if<timeout>(&part)) return t->options().name;
    if (auto const* r = std::get_if<retry>(&part)) return r->options()->name;
    if (auto const* f = std::get_if<fallback>(&part)) return f->state()->choice.options().name;
    if (auto const* r = std::get_if<judged<retry>>(&part)) return name_of(r->policy());
    if (auto const* f = std::get_if<judged<fallback>>(&part)) return name_of(f->policy());
    return "classifier";
}

void story_sink::on(telemetry::event const& e)
{
    auto const at = clock();
    lines.push_back(std::to_string(at.time_since_epoch().count()) + "ns " + telemetry::to_line(e));
    times.emplace_back(origin_of(e).at, at);
    if (std::holds_alternative<telemetry::rejected>(e)) ++rejected;
    if (auto const call = origin_of(e).operation; !call.empty()) note(e, calls[std::string(call)]);
    if (on_event) on_event(e);
}

void story_sink::note(telemetry::event const& e, told& of)
{
    // An operation that was left behind may end later, and a circuit may change as it does.
    auto const is_of_the_call = !std::holds_alternative<telemetry::orphan_ended>(e) &&
                                !std::holds_alternative<telemetry::circuit_changed>(e) &&
                                !std::holds_alternative<telemetry::circuit_ignored>(e);
    if (is_of_the_call && of.ends > 0) of.in_order = false;
    if (std::holds_alternative<telemetry::call_ended>(e)) ++of.ends;
    auto const* const attempt = std::get_if<telemetry::attempt_ended>(&e);
    if (attempt && attempt->by.attempt != ++of.attempts) of.in_order = false;
}

scene::scene(trial const& t, observer who)
    : from_(t.from),
      world_(std::make_unique<simulation>()),
      around_(*world_),
      subject_(t.make(around_)),
      name_(name_of(subject_.policy)),
      gate_(gate_of(subject_.policy)),
      hears_(who == observer::story ? sink_ : nullptr),
      alone_(pipeline_options{.name = "contract", .sink = hears_}, std::vector<any_part>{subject_.policy})
{
    sink_->clock = [around = around_] { return around.now(); };
}

pipeline scene::with(std::vector<any_part> outside, std::vector<any_part> inside) const
{
    outside.push_back(subject_.policy);
    outside.insert(outside.end(), inside.begin(), inside.end());
    return pipeline(pipeline_options{.name = "contract", .sink = hears_}, outside);
}

std::size_t scene::start(scripted<int> const& op, pipeline const& p, overrides wanted)
{
    auto notes = std::make_shared<call_notes>();
    notes->op = op;
    notes->number = notes_.size();
    notes->started = started_;
    notes_.push_back(notes);
    wanted.operation(std::to_string(notes->number));
    handles_.push_back(world_->start(placed(make_call(p.with(std::move(wanted)), notes, around_))));
    require(notes->in_a_scope == (from_ == place::scope),
            "the contract does not make its calls where it should");
    return notes->number;
}

/// In a scope that is cancelled as this coroutine is.
asio::awaitable<void> scene::in_a_scope(asio::awaitable<void> work)
{
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    auto const executor = co_await asio::this_coro::executor;
    auto running = keel::co_spawn(executor, std::move(work), asio::deferred,
                                  call_context().traced_by(name_of_the_scope));
    co_await std::move(running);
}

void scene::step()
{
    require(++steps_ < enough_steps, "calls never come to rest: they go on and on");
    world_->clock().step(world_->context());
}

void scene::advance(duration by)
{
    auto const over = world_->start(pass_time(by));
    while (!over.done()) step();
}

void scene::finish()
{
    settle();
    while (world_->clock().armed() > 0) step();
}

bool scene::fill()
{
    if (!gate_) return false;
    while (held_.size() < enough_permits) {
        moment now(around_.now());
        auto const answer = gate_->admit({.now = now});
        if (answer.what != admission::kind::granted) return true;
        held_.push_back(answer.pass);
    }
    return false;
}

void scene::release_one(verdict v)
{
    auto const pass = held_.back();
    held_.pop_back();
    moment now(around_.now());
    gate_->settle(pass, v, {.now = now});
}

void scene::release(verdict v)
{
    while (!held_.empty()) release_one(v);
}

void scene::require_rest(std::string const& after)
{
    require(in_use() == 0, after + ", " + std::to_string(in_use()) + " in use, and no call is inside");
    require(waiting() == 0, after + ", " + std::to_string(waiting()) + " said to wait, and no call is there");
    auto const armed = world_->clock().armed();
    require(armed == 0, after + ", " + std::to_string(armed) + " timers are armed");
}

void scene::day(bool busy, std::function<void()> const& between)
{
    auto const look = [&] {
        if (between) between();
    };
    auto const hurried = with({timeout{{.limit = 20ms}}});
    for (auto i = 0; i < 36; ++i) {
        scripted<int> op;
        switch (i % 6) {
        case 0: op.returns(i); break;
        case 1: op.takes(3ms).returns(i); break;
        case 2: op.fails(some_error()); break;
        case 3: op.takes(7ms).throws(std::runtime_error("an exception of the operation")); break;
        case 4: op.fails(some_error()).takes(1ms).returns(i); break;
        default: op.takes(40ms).returns(i); break;
        }
        auto const number = start(op, busy && i % 4 == 1 ? hurried : alone_);
        look();
        if (i % 3 != 0) advance(2ms);
        if (busy && i % 7 == 3) cancel(number);
        look();
    }
    finish();
    look();
}

void scene::closing_time()
{
    if (!subject_.refuse) return;
    subject_.refuse();
    scripted<int> never;
    never.returns(-1);
    for (auto i = 0; i < 3; ++i) start(never);
    finish();
}

std::vector<std::string> scene::tell() const
{
    auto all = sink_->lines;
    auto const ends = tell_ends();
    all.insert(all.end(), ends.begin(), ends.end());
    return all;
}

std::vector<std::string> scene::tell_ends() const
{
    std::vector<std::string> all;
    for (auto const& n : notes_) all.push_back("call " + std::to_string(n->number) + ' ' + describe(n->end));
    std::string order = "started in the order";
    for (auto const n : *started_) order += ' ' + std::to_string(n);
    all.push_back(order);
    all.push_back("memory " + quoted(memory()));
    return all;
}

std::vector<std::size_t> fill_and_queue(scene& s, std::size_t most)
{
    if (!s.as_gate()) does_not_apply("a loop has no queue");
    if (!s.fill()) does_not_apply("nobody waits: it lets every call in");
    std::vector<std::size_t> queue;
    scripted<int> op;
    op.takes(1ms).returns(1);
    while (queue.size() < most) {
        auto const number = s.start(op);
        if (s.done(number)) break;
        queue.push_back(number);
    }
    if (queue.empty()) does_not_apply("nobody waits: whoever finds no room is refused");
    return queue;
}

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

std::string describe(call_end const& e)
{
    if (e.times == 0) return "has not ended";
    auto const policy = e.report.policy.empty() ? std::string() : " (" + std::string(e.report.policy) + ')';
    auto const what = e.has_value ? "value " + std::to_string(e.value)
                      : e.error   ? "error " + quoted(e.error.message())
                      : e.thrown  ? std::string("an exception")
                                  : std::string("nothing");
    return "ended by " + std::string(to_string(e.report.ended_by)) + policy + " with " + what + " after " +
           std::to_string(e.report.attempts) + " attempts at " + keel::to_string(e.at);
}

error_code some_error() { return asio::error::connection_reset; }

} // namespace keel::testing::detail
