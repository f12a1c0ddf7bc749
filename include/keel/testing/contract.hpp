#pragma once

#include <keel/core/time.hpp>
#include <keel/pipeline/part.hpp>
#include <keel/testing/simulation.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The laws that every policy keeps, Keel's and yours: a refused call does not run, a cancelled one gives back
// what it held, and so on. A `policy_contract` checks them through the public interface and in virtual time.
// See docs/contract.md.

namespace keel::testing {

/// What a policy is put into while a law is checked. A handle; may be kept by the policy's own functions.
class surroundings
{
public:
    explicit surroundings(simulation& world) : state_(std::make_shared<state>(world)) {}

    /// The world the policy lives in. Not to be used any more when the world has ended.
    simulation& world() const { return *state_->world; }

    /// The time in that world; after its end, the time at which it ended.
    time_point now() const { return state_->world ? state_->world->clock().now() : state_->ended; }

    /// Stands for what the users of your policy give it: call this in every predicate and listener. It may
    /// throw, and it may ask the policy from another thread.
    void user_code() const
    {
        if (state_->user_code) state_->user_code();
    }

    /// For the contract: what `user_code` does. Default: nothing.
    void when_user_code_runs(std::function<void()> f) const { state_->user_code = std::move(f); }

    /// For the contract: destroys the context of the world.
    void end_world() const
    {
        if (!state_->world) return;
        state_->ended = now();
        std::exchange(state_->world, nullptr)->destroy();
    }

private:
    struct state
    {
        explicit state(simulation& w) : world(&w) {}
        simulation* world;
        time_point ended{};
        std::function<void()> user_code{};
    };
    std::shared_ptr<state> state_;
};

/// Options, or arguments, of which no policy can be made.
struct mistake
{
    /// What is wrong, as the message must name it: the option's name.
    std::string field;
    /// Constructs the policy. Must throw `std::invalid_argument`, or what is derived from it.
    std::function<void()> make;
};

/// One fresh policy, and what its author says about it. What is left out is not checked: the report then says
/// so.
struct subject
{
    /// The policy, as it stands in a pipeline's list.
    any_part policy;

    /// From now on the policy refuses every call, at once. Default: it never refuses.
    std::function<void()> refuse{};

    /// How much of its capacity calls hold at this moment: permits, reservations, trials. 0 when no call is
    /// inside. Default: calls hold nothing.
    std::function<std::size_t()> in_use{};

    /// How many calls wait for their turn. Default: not told.
    std::function<std::size_t()> waiting{};

    /// What it remembers of calls that have ended, as text, whatever form that has: counts, tokens, a state.
    /// Shown when it is not what it should be. Default: it remembers nothing.
    std::function<std::string()> memory{};

    /// What it has let in so far does not count any more: a breaker that is closed by hand. Default: there is
    /// no such thing.
    std::function<void()> begin_anew{};

    /// A permit is spent by being granted, whatever becomes of the call (a rate limiter's).
    bool spends = false;

    /// It answers a failure with something else (a fallback, or a loop that says `fail_with`).
    bool replaces_failures = false;

    /// It leaves operations behind, because it was told to (a timeout's `abandon`).
    bool abandons = false;

    /// It stands around operations that return `int` and no others (a fallback whose answers are numbers).
    bool only_int = false;

    /// Its constructor refuses these. Default: nothing can be wrong.
    std::vector<mistake> mistakes{};
};

/// Makes a fresh policy for each check. Calls for one check come from one thread, but see
/// `policy_contract::check`.
using make_subject = std::function<subject(surroundings const&)>;

enum class law_state : std::uint8_t
{
    held,
    broken,         ///< `why` tells what happened.
    not_applicable, ///< `why` tells the reason.
};

/// As the report prints it: `held`, `BROKEN` or `-`.
std::string_view to_string(law_state) noexcept;

/// What became of one law.
struct finding
{
    std::string_view law;  ///< Its name, which stays the same from version to version.
    std::string_view says; ///< The law in one sentence.
    law_state state = law_state::held;
    std::string why{}; ///< Empty when held.
};

/// What became of all laws, in the order in which `policy_contract::laws` names them.
class contract_report
{
public:
    contract_report(std::string policy, std::vector<finding> all)
        : policy_(std::move(policy)),
          findings_(std::move(all))
    {}

    /// No law is broken.
    bool held() const noexcept { return broken().empty(); }
    std::string const& policy() const noexcept { return policy_; }
    std::vector<finding> const& findings() const& noexcept { return findings_; }
    std::vector<finding> findings() && { return std::move(findings_); }
    /// The names of the laws that are broken.
    std::vector<std::string_view> broken() const;

private:
    std::string policy_;
    std::vector<finding> findings_;
};

/// One line per law. So `EXPECT_TRUE(report.held()) << report;` tells all.
std::ostream& operator<<(std::ostream&, contract_report const&);

/// Checks the laws for one policy:
///
///     keel::testing::policy_contract const contract{"my gate", make};
///     auto const report = contract.check();
///     if (!report.held()) std::cout << report;
///
/// Each law is checked with calls from plain coroutines and with calls from scopes (`keel::co_spawn`). One
/// that rests on a broken one is not checked, so that what is reported is the cause.
class policy_contract
{
public:
    /// \param make called many times; each call gives a policy that has never been used, and that no other
    ///             call shares. What it throws leaves `check`.
    /// \param patience how long, by the machine's clock, to wait for a thread that asks the policy while it
    ///                 runs user code. Waited for in full only if that law is broken.
    policy_contract(std::string policy, make_subject make, duration patience = std::chrono::seconds(10))
        : policy_(std::move(policy)),
          make_(std::move(make)),
          patience_(patience)
    {}

    /// Checks every law, in virtual time. Takes well under a second. Most laws run on the calling thread;
    /// that on user code asks the policy from others.
    contract_report check() const;

    /// Every law: `state` and `why` mean nothing here.
    static std::vector<finding> laws();

private:
    std::string policy_;
    make_subject make_;
    duration patience_;
};

} // namespace keel::testing
