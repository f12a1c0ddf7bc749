#include "law.hpp"
#include "scene.hpp"

namespace keel::testing::detail {

void refusals_are_neutral(trial const& t)
{
    scene s(t);
    if (!s.it().refuse) does_not_apply("it never refuses");
    s.it().refuse();
    circuit_breaker_options sensitive;
    sensitive.window = consecutive_window{1};
    circuit_breaker const breaker{sensitive};
    auto const begin = s.elapsed();
    scripted<int> op;
    op.returns(1);
    auto const call = s.start(op, s.with({breaker, retry{{.max_attempts = 3}}}));
    s.finish();
    require(s.end(call).at == begin, "a refusal was retried");
    require(s.end(call).report.stopped == retry_stop::not_retryable, "a refusal was retried");
    require(breaker.state() == circuit_state::closed, "a breaker further out counted a refusal as a failure");
}

} // namespace keel::testing::detail
