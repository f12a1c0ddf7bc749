// Retry and timeout, on an io_context of the program's own.

#include <keel/keel.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

void require(bool ok, char const* what)
{
    if (!ok) throw std::runtime_error(what);
}

asio::awaitable<int> fails_twice()
{
    static auto calls = 0;
    if (++calls < 3) throw std::runtime_error("connection reset");
    co_return 42;
}

asio::awaitable<int> hangs()
{
    co_await keel::sleep_until(keel::time_point::max());
    co_return 0;
}

asio::awaitable<void> check_retry()
{
    keel::pipeline const calls{
        keel::timeout{{.limit = 1h}},
        keel::retry{{.max_attempts = 3, .backoff = keel::constant{.base = 1ms}}},
    };
    auto const end = co_await calls.run(fails_twice);
    require(end.ok() && end.value() == 42, "the third attempt's value comes through");
    require(end.attempts() == 3, "there were three attempts");
}

asio::awaitable<void> check_timeout()
{
    keel::pipeline const calls{keel::timeout{{.limit = 1ms}}};
    auto const end = co_await calls.run(hangs);
    require(end.error() == keel::errc::timed_out, "an operation that hangs times out");
    require(end.ended_by() == keel::ended_by::timeout, "the timeout says so");
}

void check_version()
{
    auto const version = std::to_string(KEEL_VERSION_MAJOR) + '.' + std::to_string(KEEL_VERSION_MINOR) + '.' +
                         std::to_string(KEEL_VERSION_PATCH);
    require(version == VERSION_OF_PACKAGE, "version.hpp and the package have the same version");
}

void rethrow(std::exception_ptr e)
{
    if (e) std::rethrow_exception(e);
}

} // namespace

int main()
{
    try {
        check_version();
        asio::io_context context(1);
        asio::co_spawn(context, check_retry(), rethrow);
        asio::co_spawn(context, check_timeout(), rethrow);
        context.run();
    } catch (std::exception const& e) {
        std::cerr << "not so: " << e.what() << '\n';
        return EXIT_FAILURE;
    }
}
