#pragma once

#include <keel/async/gate.hpp>
#include <keel/async/moment.hpp>
#include <keel/core/error.hpp>
#include <keel/core/grant.hpp>
#include <keel/core/time.hpp>
#include <keel/core/verdict.hpp>

#include <concepts>
#include <memory>
#include <optional>
#include <utility>

namespace keel {

/// The answer of a gate's `try_acquire`: a permit, or a refusal.
///
/// A permit must be settled once with what became of the call. Destroying it unsettled settles it as
/// *ignored*, so it comes home whatever happens (that of a rate limiter is spent when it is granted). It
/// keeps its gate alive. Move-only; not thread-safe itself.
class [[nodiscard]] permit
{
public:
    /// Neither a permit nor a refusal: no error.
    permit() = default;
    /// \param from the gate that gave the answer. A refusal does not keep it.
    template <class Gate>
    permit(std::shared_ptr<Gate> const& from, admission const& answer) : answer_(answer)
    {
        if (answer.what == admission::kind::granted) from_ = from;
    }

    /// Asks a gate. The answer is built where it stays: to copy it is most of what a refusal would cost.
    template <std::derived_from<gate> Gate>
    permit(std::shared_ptr<Gate> const& asked, visit const& v) : answer_(asked->admit(v))
    {
        if (answer_.what != admission::kind::granted) return;
        from_ = asked;
        if (answer_.pass.at == time_point()) answer_.pass.at = v.now(); // the gate needs none, its events do
    }

    permit(permit&& other) noexcept : from_(std::move(other.from_)), answer_(other.answer_) {}

    permit& operator=(permit&& other) noexcept
    {
        if (this != &other) {
            settle(verdict::ignored, answer_.pass.at);
            from_ = std::move(other.from_);
            answer_ = other.answer_;
        }
        return *this;
    }

    ~permit()
    {
        if (from_) settle(verdict::ignored, answer_.pass.at);
    }

    /// True while it is a permit that has not been settled.
    explicit operator bool() const noexcept { return from_ != nullptr; }

    /// Why the gate refused. No error when it granted.
    error_code error() const noexcept
    {
        return answer_.what == admission::kind::granted ? error_code{} : error_code(answer_.why);
    }

    /// When it is worth asking again, if the gate knows.
    std::optional<time_point> retry_at() const noexcept { return answer_.at; }

    /// The call ended at `now`. Does nothing the second time, or for a refusal.
    void settle(verdict v, time_point now)
    {
        moment at(now);
        settle(v, at);
    }

    /// The call ended just now, by the machine's clock, which is read if the gate needs it.
    void settle(verdict v)
    {
        moment at;
        settle(v, at);
    }

private:
    void settle(verdict v, moment& at)
    {
        if (auto const gate = std::exchange(from_, nullptr)) gate->settle(answer_.pass, v, {.now = at});
    }

    std::shared_ptr<gate> from_;
    admission answer_{};
};

} // namespace keel
