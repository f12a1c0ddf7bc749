#include <keel/keel.hpp>

#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace asio = boost::asio;

struct order
{
    std::string item;
    int count = 0;
};

asio::awaitable<int> dispatch_order(order const& o) { co_return o.count; }

asio::awaitable<int> consume(std::unique_ptr<int> n) { co_return *n; }

asio::awaitable<void> use(keel::pipeline p)
{
    std::string const text = "a text too long for the string itself to hold";
    order const named{"tea", 1};
    order moved{"milk", 2};
    auto const closure = [text] { return dispatch_order(order{text, 3}); };
    std::function<asio::awaitable<int>()> const function = closure;
    auto number = 4;

    // All of these are fine.
    (void)co_await p([&] { return dispatch_order(named); });
    (void)co_await p([&number] { return dispatch_order(order{"", number}); });
    (void)co_await p(closure);
    (void)co_await p(function);
    (void)co_await p(std::bind_front(dispatch_order, order{"coffee", 5}));
    (void)co_await p(dispatch_order, named);
    (void)co_await p(dispatch_order, keel::take(moved));
    (void)co_await p([](std::string const& s) { return dispatch_order(order{s, 6}); }, std::string("sugar"));
    (void)co_await p.async_run(closure, asio::use_awaitable);
    p.async_run(co_await asio::this_coro::executor, function, [text](keel::outcome<int>) {});

#if defined(CASE_temporary_closure)
    (void)co_await p([text] { return dispatch_order(order{text, 7}); });
#elif defined(CASE_temporary_aggregate)
    (void)co_await p(dispatch_order, order{"tea", 8});
#elif defined(CASE_temporary_owning)
    (void)co_await p(keel::owning([text] { return dispatch_order(order{text, 9}); }));
#elif defined(CASE_temporary_pipeline)
    (void)co_await keel::pipeline{keel::retry{}}(dispatch_order, named);
#elif defined(CASE_not_awaitable)
    (void)co_await p([] { return 9; });
#elif defined(CASE_a_coroutine)
    (void)co_await p(dispatch_order(named));
#elif defined(CASE_wrong_arguments)
    (void)co_await p(dispatch_order, number);
#elif defined(CASE_fallback_of_one_number)
    keel::fallback const wrong([](int n) { return n; });
#elif defined(CASE_consumes_its_argument)
    (void)co_await p(consume, std::make_unique<int>(10));
#elif defined(CASE_no_executor)
    p.async_run(function, [](keel::outcome<int>) {});
#elif defined(CASE_temporary_closure_of_async_run)
    (void)co_await p.async_run([text] { return dispatch_order(order{text, 11}); }, asio::use_awaitable);
#endif
}
