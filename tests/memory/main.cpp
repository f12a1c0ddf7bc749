// keel_memory [--scenes N] [--seed S [--allocation A]]: lets memory run out at each allocation.
//
// Each scene of the sweep (a few calls through a random stack) is made and run once to count its allocations.
// Then it is made and run again for each of them, which fails: that the stack is made or a call is started
// may fail with std::bad_alloc, a call may end with it, and it may come out of the event loop; but nothing
// may be left behind, and nobody may wait for ever.
//
//   --scenes N      scenes 1 to N; default 300
//   --seed S        only scene S. Scenes of their own are 0, in real time; 18446744073709551615, in which another
//                   thread grants what a call has only just asked for; and 18446744073709551614, a few calls
//                   one after the other in one scope
//   --allocation A  only that one
//
// The last line is `N passed, M failed`. Exit status 0 only if nothing failed and something ran; 2 for a
// wrong command line.

#include "scarce.hpp"

#include "sweep/scene.hpp"

#include <keel/async/gate.hpp>
#include <keel/async/sleep.hpp>
#include <keel/co_spawn.hpp>
#include <keel/pipeline.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using keel::sweep::scene;
namespace asio = boost::asio;
namespace scarce = keel::scarce;

// In place of a seed.
constexpr std::uint64_t in_real_time = 0;
constexpr std::uint64_t with_threads = ~std::uint64_t{0};
constexpr std::uint64_t in_one_scope = with_threads - 1;

/// What is running, for the message if the program is terminated.
struct running
{
    std::uint64_t seed = 0;
    std::uint64_t allocation = 0;
};

thread_local running now;

struct once_end
{
    std::uint64_t allocations = 0;
    bool was_made = false;
    std::vector<std::string> complaints;
};

asio::awaitable<void> nap(int* open, std::chrono::microseconds length)
{
    struct presence
    {
        explicit presence(int* n) : number(n) { ++*number; }
        presence(presence const&) = delete;
        presence& operator=(presence const&) = delete;
        ~presence() { --*number; }
        int* number;
    } const here(open);
    co_await keel::sleep_for(length);
}

/// Makes everybody wait, and gives each a permit from another thread before it has begun to.
class prompt_gate final : public keel::gate
{
public:
    std::string_view name() const noexcept override { return "prompt"; }

    keel::admission admit(keel::visit const& v) override
    {
        std::thread([&] {
            v.waiter->granted = true;
            v.waiter->turn_came();
        }).join();
        ++inside;
        return keel::admission::queued();
    }
    void settle(keel::grant const&, keel::verdict, keel::visit const&) noexcept override { --inside; }

    int inside = 0;
};

/// What a caller finds when its call is over.
struct findings
{
    int open = 0;
    bool is_changed = false; ///< Something of its coroutine is not as it was.
};

asio::awaitable<int> work() { co_return 1; }

asio::awaitable<void> call(keel::pipeline p, findings* f)
{
    ++f->open;
    try {
        (void)co_await p.run(work);
    } catch (std::bad_alloc const&) {}
    f->is_changed = f->is_changed || !co_await asio::this_coro::throw_if_cancelled();
    --f->open;
}

asio::awaitable<int> broken_work()
{
    throw std::runtime_error("broken");
    co_return 1;
}

/// What stands around the caller in its scope is the same after each call.
asio::awaitable<void> call_often(keel::pipeline p, findings* f)
{
    ++f->open;
    for (auto i = 0; i < 3; ++i) {
        try {
            (void)co_await p.run(broken_work);
        } catch (std::bad_alloc const&) {}
        try {
            auto const around = co_await keel::this_call();
            f->is_changed =
                f->is_changed || around.attempt != 0 || around.deadline != keel::time_point::max();
        } catch (std::bad_alloc const&) {}
    }
    --f->open;
}

/// However often memory runs out on the way.
void run_to_the_end(asio::io_context& context)
{
    for (auto is_done = false; !is_done;) {
        try {
            context.run_for(std::chrono::seconds(10)); // a moment, unless somebody waits for ever
            is_done = true;
        } catch (std::bad_alloc const&) {}
    }
}

/// A call to whom its turn comes before it waits, and one under a timeout, outside of a scope.
class thread_scene
{
public:
    thread_scene()
        : turns_(std::make_shared<prompt_gate>()),
          p_(keel::timeout{{.limit = std::chrono::hours(1)}}, std::shared_ptr<keel::gate>(turns_))
    {}

    std::vector<std::string> run_short_of_memory(std::function<void()> const& relieved)
    {
        for (auto i = 0; i < 2; ++i) {
            try {
                asio::co_spawn(context_, call(p_, &found_), asio::detached);
            } catch (std::bad_alloc const&) {}
        }
        run_to_the_end(context_);
        relieved();
        std::vector<std::string> complaints;
        if (found_.open != 0) complaints.push_back(std::to_string(found_.open) + " wait for ever");
        if (found_.is_changed) complaints.emplace_back("a caller's throw_if_cancelled is still off");
        if (turns_->inside != 0) complaints.push_back(std::to_string(turns_->inside) + " permits are out");
        return complaints;
    }

private:
    findings found_;
    std::shared_ptr<prompt_gate> turns_;
    keel::pipeline p_;
    asio::io_context context_{1};
};

/// Calls one after the other in one scope, of an operation that fails.
class scope_scene
{
public:
    std::vector<std::string> run_short_of_memory(std::function<void()> const& relieved)
    {
        try {
            keel::co_spawn(context_, call_often(p_, &found_), asio::detached);
        } catch (std::bad_alloc const&) {}
        run_to_the_end(context_);
        relieved();
        std::vector<std::string> complaints;
        if (found_.open != 0) complaints.emplace_back("the caller has not ended");
        if (found_.is_changed) complaints.emplace_back("a call that is over still stands around its caller");
        if (room_.snapshot().running != 0) complaints.emplace_back("permits are out");
        return complaints;
    }

private:
    findings found_;
    keel::bulkhead room_;
    keel::pipeline p_{room_, keel::timeout{{.limit = std::chrono::hours(1)}}};
    asio::io_context context_{1};
};

/// Coroutines that sleep in real time, for the alarm of the time source sets an Asio timer only then.
class real_time_scene
{
public:
    std::vector<std::string> run_short_of_memory(std::function<void()> const& relieved)
    {
        start_or_not(std::chrono::microseconds(600));
        start_or_not(
            std::chrono::microseconds(300)); // if the alarm cannot be set earlier, it must still go off
        run_to_the_end(context_);
        relieved();
        std::vector<std::string> complaints;
        if (open_ != 0) complaints.push_back(std::to_string(open_) + " sleep for ever");
        return complaints;
    }

private:
    void start_or_not(std::chrono::microseconds length)
    {
        try {
            asio::co_spawn(context_, nap(&open_, length), asio::detached);
            context_.poll();
        } catch (std::bad_alloc const&) {}
        context_.restart();
    }

    int open_ = 0;
    asio::io_context context_{1};
};

/// Whether Asio itself loses memory when there is none for its context, as 1.38 does.
bool asio_leaks()
{
    auto const before = scarce::outstanding();
    auto is_made = false;
    for (std::uint64_t failing = 0; !is_made; ++failing) {
        scarce::begin(failing);
        try {
            asio::io_context const context(1);
            is_made = true;
        } catch (std::bad_alloc const&) {}
        scarce::end();
    }
    return scarce::outstanding() != before;
}

once_end make_and_run(std::uint64_t seed, std::uint64_t failing)
{
    once_end end;
    auto const run = [&end](auto&& s) {
        end.was_made = true;
        return s.run_short_of_memory([&end] { end.allocations = scarce::end(); });
    };
    now = {seed, failing};
    scarce::begin(failing);
    try {
        if (seed == in_real_time)
            end.complaints = run(real_time_scene());
        else if (seed == with_threads)
            end.complaints = run(thread_scene());
        else if (seed == in_one_scope)
            end.complaints = run(scope_scene());
        else
            end.complaints = run(scene(seed, false)); // a strand ends the program when it cannot allocate
    } catch (std::bad_alloc const&) {
        scarce::end();
        if (end.was_made) end.complaints.emplace_back("std::bad_alloc at the end of the scene");
    }
    return end;
}

/// In a thread of its own: what Keel keeps per thread to use it again would hide allocations from the next
/// run.
once_end run_once(std::uint64_t seed, std::uint64_t failing)
{
    once_end end;
    auto const before = scarce::outstanding();
    std::vector<std::string> complaints;
    std::thread([&] {
        end = make_and_run(seed, failing);
        complaints.swap(end.complaints);
    }).join();
    auto const more = scarce::outstanding() - before;
    static auto const is_asios = asio_leaks();
    if (complaints.empty() && more != 0 && (end.was_made || !is_asios))
        complaints.push_back(std::to_string(more) + " blocks have leaked");
    if (!complaints.empty())
        std::cout << "scene " << seed << ", allocation " << failing << ": " << complaints.front() << '\n';
    end.complaints = std::move(complaints);
    return end;
}

int usage(std::string const& why)
{
    std::cerr << "keel_memory: " << why << "\nusage: keel_memory [--scenes N] [--seed S [--allocation A]]\n";
    return 2;
}

std::optional<std::uint64_t> number(std::string_view text)
{
    std::uint64_t value = 0;
    auto const* const end = text.data() + text.size();
    auto const [stopped, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || stopped != end) return std::nullopt;
    return value;
}

struct tally
{
    std::uint64_t allocations = 0;
    std::uint64_t runs = 0;
    std::uint64_t unmade = 0; ///< Memory ran out before the first call.
    std::uint64_t failed = 0;

    void note(once_end const& end)
    {
        ++runs;
        unmade += end.was_made ? 0 : 1;
        failed += end.complaints.empty() ? 0 : 1;
    }
};

} // namespace

int main(int argc, char** argv)
{
    std::uint64_t scenes = 300;
    std::optional<std::uint64_t> only;
    std::optional<std::uint64_t> allocation;
    for (auto i = 1; i < argc; ++i) {
        std::string_view const option(argv[i]);
        auto const n = number(++i < argc ? argv[i] : "");
        if (option == "--scenes") {
            if (!n || *n == 0 || *n >= in_one_scope) return usage("--scenes needs a number above 0");
            scenes = *n;
        } else if (option == "--seed") {
            if (!n) return usage("--seed needs a number");
            only = n;
        } else if (option == "--allocation") {
            if (!n || !only) return usage("--allocation needs a number, and --seed before it");
            allocation = n;
        } else {
            return usage("unknown option " + std::string(option));
        }
    }

    std::set_terminate([] {
        std::cerr << "terminated: scene " << now.seed << ", allocation " << now.allocation << '\n';
        std::abort();
    });
    (void)run_once(only.value_or(1), scarce::none); // what is made once in a program is made now
    tally t;
    auto const sweep = [&t, allocation](std::uint64_t seed) {
        auto const undisturbed = run_once(seed, scarce::none);
        t.allocations += undisturbed.allocations;
        t.note(undisturbed);
        if (allocation) return t.note(run_once(seed, *allocation));
        for (std::uint64_t at = 0; at < undisturbed.allocations; ++at) t.note(run_once(seed, at));
    };
    if (only) {
        sweep(*only);
    } else {
        for (auto seed = in_real_time; seed <= scenes; ++seed) sweep(seed);
        sweep(in_one_scope);
        sweep(with_threads);
    }
    std::cout << t.allocations << " allocations, " << t.runs << " runs, " << t.unmade
              << " of them without memory for the first call\n"
              << t.runs - t.failed << " passed, " << t.failed << " failed\n";
    return t.failed == 0 && t.allocations > 0 ? 0 : 1;
}
