#pragma once

#include <keel/async/result_traits.hpp>
#include <keel/core/failure.hpp>
#include <keel/core/time.hpp>
#include <keel/core/verdict.hpp>
#include <keel/pipeline/detail/rarely.hpp>
#include <keel/policy/retry.hpp>

#include <boost/system/system_error.hpp>

#include <cstdint>
#include <exception>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keel {
namespace detail {
struct as_outcome;
}

/// Who had the last word in a call. Never confused: a cancellation by the caller stays the caller's.
enum class ended_by : std::uint8_t
{
    operation, ///< The operation: its value, its error or its exception, unchanged.
    timeout,   ///< A timeout of the pipeline.
    deadline,  ///< A limit that the call inherited or was given, and no policy of the pipeline.
    rejection, ///< A policy that refused the call.
    fallback,  ///< A fallback's answer, or what it threw.
    caller,    ///< The caller cancelled.
    shutdown,  ///< The context is being stopped, see `graceful_stop`.
    predicate, ///< A predicate, classifier or policy of the user threw.
};

/// The name of the enumerator.
std::string_view to_string(ended_by) noexcept;

/// The name of a policy: a view that keeps alive what it looks at. Empty: no policy.
class policy_name
{
public:
    policy_name() = default;
    policy_name(std::shared_ptr<void const> keeps, std::string_view name) noexcept
        : keeps_(std::move(keeps)),
          name_(name)
    {}

    std::string_view view() const noexcept { return name_; }
    operator std::string_view() const noexcept { return name_; }
    bool empty() const noexcept { return name_.empty(); }

    friend bool operator==(policy_name const& a, std::string_view b) noexcept { return a.name_ == b; }
    template <class Traits>
    friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                                        policy_name const& n)
    {
        return out << n.name_;
    }

private:
    std::shared_ptr<void const> keeps_;
    std::string_view name_;
};

/// A try that was not the end of its call: another followed, something was put in its place, or the caller
/// cancelled before another began.
struct earlier_attempt
{
    failure why;               ///< What went wrong. Neither code nor exception: see the verdict.
    keel::ended_by ended_by{}; ///< As that of a call.
    keel::verdict verdict{};   ///< What was made of it by the policy that went on, or by all.
    policy_name policy{};      ///< As that of a call.
    /// How often the operation had been started by then. No more than before: this try has not run it (it was
    /// refused, or a fallback answered).
    std::uint32_t attempts = 0;
    time_point ended{};
    duration pause{}; ///< How long the call was to wait before it went on.
};

/// How a call went, apart from its result.
struct call_report
{
    /// How often the operation was started. 0: it was refused, or cancelled before. One that was sent
    /// elsewhere (`run_on`) counts, though it may have been cancelled while it waited there.
    std::uint32_t attempts = 0;
    keel::ended_by ended_by = keel::ended_by::operation;
    /// What the policies made of the end.
    keel::verdict verdict = keel::verdict::success;
    /// Why the outermost retry stopped.
    retry_stop stopped = retry_stop::none;
    /// The `name` of the policy that ended the call; empty when the operation or the caller did.
    policy_name policy{};
    /// What came before the end, oldest first. Of very long calls only the last 64 tries; none of those for
    /// which there was no memory.
    std::vector<earlier_attempt> earlier{};
};

/// The end of a call in one sentence, for logs and people. Never for code: the words may change.
///
///     The operation failed with "Connection reset by peer" (system:104) after 3 attempts; it was not retried
///     again because no attempts were left.
std::string explain(bool ok, failure const&, call_report const&);
/// An earlier attempt likewise, but for the full stop.
std::string explain(earlier_attempt const&);

namespace detail {

/// What there is to tell of a call that met anything on its way.
struct call_story
{
    call_story() noexcept {}
    call_story(failure w, call_report r) : why(std::move(w)), report(std::move(r)) {}

    failure why;
    call_report report;
};

/// The end of one that met nothing, and of none. Most outcomes are such, and are moved out of a coroutine's
/// frame: a story is larger than most results.
enum class plain_end : std::uint8_t
{
    none,          ///< No call.
    success,       ///< At the first attempt.
    retry_success, ///< The same, inside a retry.
};

call_report const& plain_report(plain_end) noexcept;
failure const& no_failure() noexcept;

} // namespace detail

/// The end of a call: what the operation returned, or why there is nothing, and how it came about.
///
/// An operation that returned a type carrying an error has returned: `has_value()` is true, `error()` is its
/// error and `ok()` is false.
template <class T>
class [[nodiscard]] outcome
{
public:
    using value_type = value_of<T>;

    /// The outcome of nothing: no value, no error, not `ok()`. Asio makes one when it spawns a coroutine.
    outcome() noexcept {}

    outcome(std::optional<value_type> value, failure why, call_report report) : value_(std::move(value))
    {
        story_.emplace(std::move(why), std::move(report));
    }

    /// The operation, or a fallback, returned something.
    bool has_value() const noexcept { return value_.has_value(); }

    /// The call gave what was asked for: a value that is no error.
    bool ok() const noexcept
    {
        auto const good = report().verdict == verdict::success || report().verdict == verdict::ignored;
        return value_.has_value() && good && !why_not().code;
    }
    explicit operator bool() const noexcept { return ok(); }

    /// What was returned. \throws the operation's exception, or `system_error` with `error()`, if nothing was
    value_type& value() &
    {
        require_value();
        return *value_;
    }
    value_type const& value() const&
    {
        require_value();
        return *value_;
    }
    value_type&& value() &&
    {
        require_value();
        return *std::move(value_);
    }

    /// The error of Keel or of the operation. No error when `ok()`, and when the operation threw something
    /// that carries no code.
    error_code error() const noexcept { return why_not().code; }

    /// What the operation threw, if it threw.
    std::exception_ptr exception() const noexcept { return why_not().exception; }

    /// When the same call is worth making again, if anybody knows.
    std::optional<time_point> retry_at() const noexcept { return why_not().retry_at; }

    /// How the call ended, in one sentence for logs and people.
    std::string why() const { return explain(ok(), why_not(), report()); }

    std::uint32_t attempts() const noexcept { return report().attempts; }
    keel::ended_by ended_by() const noexcept { return report().ended_by; }
    call_report const& report() const noexcept
    {
        return story_ ? story_->report : detail::plain_report(end_);
    }

private:
    friend struct detail::as_outcome;

    void require_value() const
    {
        if (value_) return;
        if (why_not().exception) std::rethrow_exception(why_not().exception);
        throw boost::system::system_error(why_not().code);
    }

    failure const& why_not() const noexcept { return story_ ? story_->why : detail::no_failure(); }

    std::optional<value_type> value_;
    detail::rarely<detail::call_story> story_; ///< Nothing: there is nothing to tell but `end_`.
    detail::plain_end end_ = detail::plain_end::none;
};

} // namespace keel
