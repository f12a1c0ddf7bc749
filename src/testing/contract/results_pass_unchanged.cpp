#include "law.hpp"
#include "scene.hpp"

#include <boost/system/result.hpp>

#include <memory>
#include <tuple>

namespace keel::testing::detail {
namespace {

template <class T>
asio::awaitable<T> run(scripted<T> op)
{
    return op();
}

struct users_exception
{
    int number = 0;
};

/// What comes out of the pipeline, as an outcome.
template <class T>
outcome<T> put_through(scene& s, scripted<T> const& op)
{
    return s.run(s.alone().run(run<T>, op));
}

/// ... and as what its own type is.
template <class T>
T put_through_bare(scene& s, scripted<T> const& op)
{
    return s.run(s.alone()(run<T>, op));
}

void values(trial const& t)
{
    scene s(t);
    scripted<int> number;
    number.returns(42);
    auto const plain = put_through(s, number);
    require(plain.ok() && plain.value() == 42, "an operation returned 42, and something else came");

    if (s.it().only_int) return;
    scene for_nothing(t);
    scripted<void> nothing;
    nothing.returns();
    require(put_through(for_nothing, nothing).ok(), "an operation that returns nothing did not succeed");

    scene for_unique(t);
    auto* address = static_cast<int*>(nullptr);
    scripted<std::unique_ptr<int>> unique;
    unique.makes([&address] {
        auto made = std::make_unique<int>(7);
        address = made.get();
        return made;
    });
    auto const moved = put_through_bare(for_unique, unique);
    require(moved && moved.get() == address, "what can only be moved did not come as the same object");

    scene for_result(t);
    using result = boost::system::result<int, error_code>;
    scripted<result> good;
    good.returns(result(42));
    require(put_through_bare(for_result, good) == result(42), "a result that holds 42 came as another");
}

void errors(trial const& t)
{
    scene s(t);
    if (s.it().replaces_failures) return;

    scripted<int> fails;
    fails.fails(some_error());
    auto const failed = put_through(s, fails);
    require(!failed.has_value() && failed.error() == some_error(),
            "the operation failed with " + quoted(some_error().message()) + ", and " +
                quoted(failed.error().message()) + " came");

    scene for_thrown(t);
    auto const thrown = std::make_exception_ptr(users_exception{7});
    scripted<int> throws;
    throws.makes([thrown]() -> int { std::rethrow_exception(thrown); });
    require(put_through(for_thrown, throws).exception() == thrown,
            "an exception of the operation did not come as the same object");

    scene for_bare(t);
    auto same = false;
    try {
        put_through_bare(for_bare, throws);
    } catch (users_exception const&) {
        same = std::current_exception() == thrown;
    }
    require(same, "an exception of the operation was not thrown as the same object");

    if (s.it().only_int) return;
    scene for_result(t);
    using result = boost::system::result<int, error_code>;
    scripted<result> bad;
    bad.returns(result(some_error()));
    auto const carried = put_through_bare(for_result, bad);
    require(carried.has_error() && carried.error() == some_error(),
            "an error that a result carries came as another");

    scene for_tuple(t);
    using tuple = std::tuple<error_code, int>;
    scripted<tuple> both;
    both.returns(tuple(some_error(), 5));
    require(put_through_bare(for_tuple, both) == tuple(some_error(), 5),
            "a tuple of an error and a value came as another");
}

} // namespace

void results_pass_unchanged(trial const& t)
{
    values(t);
    errors(t);
}

} // namespace keel::testing::detail
