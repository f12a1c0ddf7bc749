#pragma once

#include "event_log.hpp"
#include "live.hpp"
#include "stream.hpp"
#include "users_policies.hpp"

#include <keel/keel.hpp>

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keel::simulated {

enum class kind : std::uint8_t
{
    timeout,
    retry,
    circuit_breaker,
    bulkhead,
    rate_limiter,
    fallback,
    users_gate,
    users_loop,
    classifier
};

/// One policy of random options: its handle, and what the checks must know of it when the handle is gone.
struct part
{
    kind what = kind::classifier;
    std::string name{}; ///< Unique in its world; also the policy's name.
    std::string text{}; ///< The options, as far as they matter to a reader.
    std::optional<any_part> handle{};

    std::optional<duration> limit{}; ///< Of a timeout.
    std::optional<duration> grace{}; ///< Of a timeout that may abandon.
    std::uint32_t attempts = 1;      ///< A retry starts what is inside it this often at most.
    std::size_t concurrent = 0;      ///< Of a bulkhead.
    rate_limiter_options rate{};     ///< Of a rate limiter.
    bool delays = false; ///< A call may spend time here on its way in, or come out of it to go in again.
    bool sends = false;  ///< A bulkhead whose operations run elsewhere.
    bool judges = false; ///< What results mean to it is its own affair.
};

/// What stands in the list, without rules of its own.
template <class Function>
decltype(auto) visit_policy(Function f, any_part const& listed)
{
    return std::visit(
        [&f]<class Part>(Part const& p) -> decltype(auto) {
            if constexpr (requires { p.policy(); })
                return f(p.policy());
            else
                return f(p);
        },
        listed);
}

/// Nothing: it is none.
std::optional<circuit_breaker> breaker_in(any_part const&);

/// A pipeline of random policies in a random order.
struct stack
{
    std::vector<part> parts; ///< Outermost first.
    pipeline_options options{};
    std::optional<pipeline> made;
    std::optional<std::uint16_t> inner; ///< The stack that its operations make calls through.

    std::string text() const;
    part const* find(std::string_view name) const;

    bool has(kind) const;
    bool may_abandon() const;
    /// Whether its operations run on an executor of their own, not in their caller's coroutine.
    bool sends() const;
    /// Whether somebody but the pipeline's classifiers judges results.
    bool judges() const;
    /// How often one call may start its operation.
    std::uint64_t most_attempts() const;
    /// The shortest limit of all timeouts.
    std::optional<duration> shortest_limit() const;
    /// Whether nothing further inside than `index` can keep a call for a while, or run it again.
    bool straight_inside(std::size_t index) const;
    /// How many policies stand before the first that can keep a call for a while, or run it again: what they
    /// decide, they decide at the moment the call begins.
    std::size_t reached_at_once() const;

    /// The same policies once more.
    pipeline again() const;

    /// Every handle is destroyed, as if the user had no use for them any more.
    void drop_handles();
};

/// Makes stacks, some of whose policies are shared with those made before.
class stack_maker
{
public:
    /// \param user lives in everything that the user's functions capture
    /// \param elsewhere where bulkheads may send operations; null: they send none
    stack_maker(stream& random, live user, std::shared_ptr<event_log> log, asio::io_context* elsewhere)
        : random_(random),
          user_(user),
          log_(std::move(log)),
          elsewhere_(elsewhere)
    {}

    /// \param most how many policies at most, classifiers not counted; 1 or more
    stack make(std::string name, std::uint32_t most);

    /// The same, but with policies of its own. For calls inside of calls: if the two could need a permit of
    /// the same bulkhead, they could wait for each other for ever.
    stack make_inner(std::string name, std::uint32_t most);

private:
    part draw(stack const& so_far);
    part with_rules_of_its_own(part);
    pipeline build(pipeline_options, std::vector<part> const&);
    part make_timeout();
    part make_retry(std::uint64_t attempts_so_far);
    part make_circuit_breaker();
    circuit_breaker keyed(circuit_breaker_options);
    part make_bulkhead();
    run_on draw_place(std::string& text);
    part make_rate_limiter();
    part make_fallback();
    part make_users_gate();
    part make_users_loop();
    part make_classifier_of_values();
    part make_classifier_of_failures();

    backoff draw_backoff(std::string& text);
    std::optional<retry_budget> draw_budget(std::string& text);
    std::string name_of(std::string_view prefix) { return std::string(prefix) + std::to_string(++made_); }

    stream& random_;
    live user_;
    std::shared_ptr<event_log> log_;
    asio::io_context* elsewhere_;
    std::vector<part> shared_;
    std::vector<retry_budget> budgets_;
    std::uint32_t made_ = 0;
};

} // namespace keel::simulated
