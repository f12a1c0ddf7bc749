#include <keel/async/retry.hpp>

#include <utility>

namespace keel {
namespace {

std::shared_ptr<retry_options const> share(retry_options options)
{
    return std::make_shared<retry_options const>(checked("retry", std::move(options)));
}

} // namespace

retry::retry(retry_options options, retry_budget budget)
    : options_(share(std::move(options))),
      budget_(std::move(budget))
{}

retry::retry(retry_options options, no_retry_budget_t) : options_(share(std::move(options))) {}

} // namespace keel
