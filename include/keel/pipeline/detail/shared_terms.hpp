#pragma once

#include <keel/async/detail/one_thread.hpp>
#include <keel/pipeline/detail/plan.hpp>

#include <memory>
#include <utility>

namespace keel::detail {

/// The terms that a pipeline's calls own while they are on their way. The copies of a pipeline share them.
///
/// Owners may be counted apart: as soon as there are threads, in one of a few places each, by the thread that
/// makes the call. Then threads that share a pipeline do not write to the same word twice a call, which costs
/// more than a policy does.
class shared_terms
{
public:
    shared_terms() = default;
    explicit shared_terms(std::shared_ptr<terms const> what) noexcept : what_(std::move(what)) {}
    /// The same for what is called often, and from several threads.
    static shared_terms counted_apart(std::shared_ptr<terms const>);

    terms const* operator->() const noexcept { return what_.get(); }

    /// For one more owner that this thread makes.
    std::shared_ptr<terms const> const& for_call() const noexcept
    {
        return is_only_thread() || !places_ ? what_ : place();
    }

    /// Whether there is anybody but this one: a copy of it, or a call.
    bool has_other_owners() const noexcept;

private:
    struct places;

    std::shared_ptr<terms const> const& place() const noexcept;

    std::shared_ptr<terms const> what_;
    std::shared_ptr<places const> places_; ///< Null: no owner is counted apart.
};

} // namespace keel::detail
