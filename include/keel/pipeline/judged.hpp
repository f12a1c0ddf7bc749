#pragma once

#include <keel/pipeline/classifier.hpp>

#include <memory>
#include <utility>
#include <vector>

namespace keel {

namespace detail {
/// All rules of a policy stand in one `judged`.
template <class Policy>
concept without_rules = !requires(Policy const& p) { p.judges(); };
} // namespace detail

/// A policy with an opinion of its own. Where the pipeline's classifiers say what a result means to all of
/// its policies, these say what it means to this one:
///
///     auto const gone = [](response const& r) {
///         return r.status == 404 ? keel::verdict::failure : keel::verdict::success;
///     };
///     keel::pipeline pages{keel::judged{keel::fallback{empty_page}, gone}, keel::retry{}, breaker};
///
/// Each rule is a function from one type to a `verdict` or `judgement`, as for a `classifier`; for types
/// without a rule here the pipeline's hold. A rule that takes `failure const&` judges what the operation
/// threw, or the error that its result carries. The rules belong to this place in this pipeline: the policy
/// itself may stand elsewhere with others. What an outcome says, `ok()` and its verdict, is left to the
/// pipeline's classifiers. A rule that throws ends the call with what it threw; its policy goes by the
/// pipeline's classifiers then.
template <detail::without_rules Policy>
class judged
{
public:
    /// \throws std::invalid_argument for two rules for one type, when the pipeline is built
    template <class... Rules>
        requires(sizeof...(Rules) > 0)
    explicit judged(Policy policy, Rules&&... rules)
        : policy_(std::move(policy)),
          judges_{classifier(std::forward<Rules>(rules)).judge()...}
    {}

    Policy const& policy() const noexcept { return policy_; }
    std::vector<std::shared_ptr<detail::typed_judge const>> const& judges() const noexcept { return judges_; }

private:
    Policy policy_;
    std::vector<std::shared_ptr<detail::typed_judge const>> judges_;
};

} // namespace keel
