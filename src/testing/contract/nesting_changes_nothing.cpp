#include "law.hpp"
#include "scene.hpp"

namespace keel::testing::detail {

using namespace std::chrono_literals;

namespace {

asio::awaitable<int> run(scripted<int> op) { return op(); }

/// A call of the inner pipeline, as the operation of the outer one.
asio::awaitable<int> run_inside(pipeline inner, scripted<int> op)
{
    auto const value = co_await inner(run, op);
    co_return value;
}

struct ending
{
    bool has_value = false;
    error_code error{};
    bool threw = false;
    duration at{};
    std::size_t runs = 0;

    friend bool operator==(ending const&, ending const&) = default;
};

std::string describe(ending const& e)
{
    auto const what = e.has_value ? std::string("a value") : quoted(e.error.message());
    return what + " at " + keel::to_string(e.at) + " after " + std::to_string(e.runs) + " runs";
}

ending end_of(outcome<int> const& o, scene const& s, duration begin, scripted<int> const& op)
{
    return {o.has_value(), o.error(), o.exception() != nullptr && !o.error(), s.elapsed() - begin,
            op.started()};
}

ending flat(trial const& t, any_part const& outside, scripted<int> const& op)
{
    scene s(t);
    auto const begin = s.elapsed();
    auto const all = s.with({outside});
    return end_of(s.run(all.run(run, op)), s, begin, op);
}

ending nested(trial const& t, any_part const& outside, scripted<int> const& op)
{
    scene s(t);
    auto const begin = s.elapsed();
    pipeline const outer(pipeline_options{}, std::vector<any_part>{outside});
    return end_of(s.run(outer.run(run_inside, s.alone(), op)), s, begin, op);
}

using script = scripted<int> (*)();

scripted<int> returns()
{
    scripted<int> op;
    op.takes(2ms).returns(1);
    return op;
}

scripted<int> fails()
{
    scripted<int> op;
    op.fails(some_error());
    return op;
}

scripted<int> fails_once()
{
    scripted<int> op;
    op.takes(1ms).fails(some_error()).returns(1);
    return op;
}

scripted<int> hangs()
{
    scripted<int> op;
    op.hangs();
    return op;
}

} // namespace

void nesting_changes_nothing(trial const& t)
{
    // Without jitter, so that the draws are the same wherever they are made.
    retry const twice{{.max_attempts = 2, .backoff = constant{.base = 1ms}}, no_retry_budget};
    auto const replaces_failures = scene(t).it().replaces_failures;
    for (any_part const& outside : {any_part(timeout{{.limit = 20ms}}), any_part(twice)}) {
        for (script const make : {returns, fails, fails_once, hangs}) {
            auto const is_retry = std::holds_alternative<retry>(outside);
            if (make == hangs && is_retry) continue;                        // it may never end
            if (make != returns && is_retry && replaces_failures) continue; // what replaces them is a refusal
            auto const one = flat(t, outside, make());
            auto const other = nested(t, outside, make());
            require(one == other, "in one pipeline a call ended with " + describe(one) +
                                      ", and in one around another with " + describe(other));
        }
    }
}

} // namespace keel::testing::detail
