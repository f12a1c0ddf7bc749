#pragma once

#include "trial.hpp"

#include <keel/async/co_spawn.hpp>
#include <keel/pipeline/pipeline.hpp>
#include <keel/telemetry/sink.hpp>
#include <keel/testing/contract.hpp>
#include <keel/testing/scripted.hpp>
#include <keel/testing/simulation.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace keel::testing::detail {

/// The law is broken.
class breach : public std::runtime_error
{
public:
    using std::runtime_error::runtime_error;
};

/// The law has nothing to say about this policy.
class exemption : public std::runtime_error
{
public:
    using std::runtime_error::runtime_error;
};

inline void require(bool holds, std::string const& else_what)
{
    if (!holds) throw breach(else_what);
}
[[noreturn]] inline void does_not_apply(std::string const& because) { throw exemption(because); }

/// The gate inside a part. Null: it is a loop, or none at all.
std::shared_ptr<gate> gate_of(any_part const&);
std::shared_ptr<loop const> loop_of(any_part const&);
std::string name_of(any_part const&);

/// How one call of a scene ended.
struct call_end
{
    bool has_value = false;
    int value = 0;
    error_code error{};
    std::exception_ptr thrown{};
    call_report report{};
    duration at{};
    std::size_t still_running = 0; ///< Runs of its operation that had not ended when it did.
    std::size_t times = 0;         ///< How often it ended.
};

/// What an operation notes while it runs.
struct call_notes
{
    scripted<int> op;
    std::size_t number = 0;
    std::shared_ptr<std::vector<std::size_t>> started; ///< The numbers of the calls, as they start.
    bool overlapped = false;                           ///< A run began before another had ended.
    bool in_a_scope = false;                           ///< The caller was.
    call_end end{};
};

/// What the events of one call said of it.
struct told
{
    std::size_t attempts = 0;
    std::size_t ends = 0;
    bool in_order = true; ///< Attempts one by one, and nothing after the end.
};

/// Hears everything, and may be made to throw.
class story_sink final : public telemetry::sink
{
public:
    void on(telemetry::event const&) override;
    telemetry::severity least_severity() const noexcept override { return telemetry::severity::debug; }

    std::function<time_point()> clock;
    std::function<void(telemetry::event const&)> on_event;
    std::vector<std::string> lines;
    std::vector<std::pair<time_point, time_point>> times; ///< What the event said, and the clock.
    std::map<std::string, told, std::less<>> calls;       ///< By the call's number.
    std::size_t rejected = 0;

private:
    void note(telemetry::event const&, told&);
};

/// One fresh policy in a world of its own, and the calls that go through it.
class scene
{
public:
    /// Who hears of the calls. Without a sink they are as short as they can be: a law that needs none must hold
    /// for those.
    enum class observer : std::uint8_t
    {
        nobody,
        story, ///< `story`, of everything.
    };

    explicit scene(trial const&, observer = observer::nobody);
    scene(scene const&) = delete;
    scene& operator=(scene const&) = delete;
    ~scene() { around_.end_world(); }

    simulation& world() { return *world_; }
    surroundings const& around() const { return around_; }
    subject const& it() const { return subject_; }
    std::string const& name() const { return name_; }
    std::shared_ptr<gate> const& as_gate() const { return gate_; }
    std::shared_ptr<story_sink> const& story() const { return sink_; }
    duration elapsed() const { return around_.now().time_since_epoch(); }

    /// The policy alone, or with others further out and further in.
    pipeline const& alone() const { return alone_; }
    pipeline with(std::vector<any_part> outside, std::vector<any_part> inside = {}) const;

    std::size_t start(scripted<int> const& op) { return start(op, alone_); }
    std::size_t start(scripted<int> const& op, pipeline const& p, overrides wanted = overrides());
    /// Runs a call of one's own to its end, and returns or throws what it does.
    template <class T>
    T run(asio::awaitable<T> call)
    {
        std::optional<std::conditional_t<std::is_void_v<T>, bool, T>> end;
        world_->run(placed(kept(std::move(call), end)));
        if constexpr (!std::is_void_v<T>) return *std::move(end);
    }
    /// The work as this scene has calls made.
    asio::awaitable<void> placed(asio::awaitable<void> work) const
    {
        return from_ == place::scope ? in_a_scope(std::move(work)) : std::move(work);
    }

    void cancel(std::size_t number, asio::cancellation_type how = asio::cancellation_type::terminal)
    {
        handles_[number].cancel(how);
    }
    bool done(std::size_t number) const { return notes_[number]->end.times > 0; }
    call_end const& end(std::size_t number) const { return notes_[number]->end; }
    call_notes const& notes(std::size_t number) const { return *notes_[number]; }
    std::size_t calls() const { return notes_.size(); }
    /// The calls whose operation has started, in that order; once for each run.
    std::vector<std::size_t> const& order() const { return *started_; }

    /// Runs what is ready now.
    void settle() { world_->clock().settle(world_->context()); }
    /// Jumps to the next deadline. \throws breach after more steps than any check needs
    void step();
    /// Lets this much time pass. \throws breach when it never does, because something goes on without a pause
    void advance(duration by);
    /// Goes on until nothing is left. \throws breach when it never comes to rest
    void finish();

    /// Takes permits as code without a pipeline does, until there is none. False: there are always more.
    bool fill();
    std::size_t held() const { return held_.size(); }
    void release(verdict = verdict::success);
    void release_one(verdict = verdict::success);

    std::size_t in_use() const { return subject_.in_use ? subject_.in_use() : 0; }
    std::size_t waiting() const { return subject_.waiting ? subject_.waiting() : 0; }
    std::string memory() const { return subject_.memory ? subject_.memory() : std::string(); }

    /// Nothing is held, nobody waits, nothing is armed. \throws breach otherwise
    void require_rest(std::string const& after);

    /// A day of calls of every kind, at several times. On a busy one some are cancelled, and some have little
    /// time. `between` runs after each step.
    void calm_day() { day(false, {}); }
    void busy_day(std::function<void()> const& between = {}) { day(true, between); }
    /// If the policy can, it refuses from now on, and some calls come all the same.
    void closing_time();

    /// How all calls ended, and what the policy remembers.
    std::vector<std::string> tell_ends() const;
    /// That, and before it the events.
    std::vector<std::string> tell() const;

private:
    void day(bool busy, std::function<void()> const& between);

    static asio::awaitable<void> in_a_scope(asio::awaitable<void> work);
    template <class T, class End>
    static asio::awaitable<void> kept(asio::awaitable<T> call, End& end)
    {
        if constexpr (std::is_void_v<T>)
            co_await std::move(call);
        else
            end.emplace(co_await std::move(call));
    }

    place from_;
    std::unique_ptr<simulation> world_;
    surroundings around_;
    subject subject_;
    std::string name_;
    std::shared_ptr<gate> gate_;
    std::shared_ptr<story_sink> sink_ = std::make_shared<story_sink>();
    std::shared_ptr<telemetry::sink> hears_; ///< That, or nobody.
    pipeline alone_;
    std::shared_ptr<std::vector<std::size_t>> started_ = std::make_shared<std::vector<std::size_t>>();
    std::vector<std::shared_ptr<call_notes>> notes_;
    std::vector<started> handles_;
    std::vector<grant> held_;
    int steps_ = 0;
};

/// Takes every permit and lets calls queue: their numbers. \throws exemption when nobody ever waits there
std::vector<std::size_t> fill_and_queue(scene&, std::size_t most = 6);

std::string quoted(std::string_view);
std::string describe(call_end const&);

error_code some_error();

} // namespace keel::testing::detail
