// Every example in this folder is one coroutine, `example()`; this runs it.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdlib>
#include <exception>
#include <iostream>

boost::asio::awaitable<void> example();

int main()
{
    boost::asio::io_context context(1);
    auto status = EXIT_SUCCESS;
    boost::asio::co_spawn(context, example(), [&](std::exception_ptr thrown) {
        try {
            if (thrown) std::rethrow_exception(thrown);
        } catch (std::exception const& e) {
            std::cerr << "the example failed: " << e.what() << '\n';
            status = EXIT_FAILURE;
        }
    });
    context.run();
    return status;
}
