// What results mean: an error type of one's own, what the pipeline makes of a result, and what one policy
// does.

#include "check.hpp"

#include <keel/keel.hpp>

#include <string>

namespace asio = boost::asio;
using namespace std::chrono_literals;

struct page
{
    int status = 200;
    std::string text;
};

// [adapter]
/// What this program's functions return: a page, or an error.
struct reply
{
    reply(page p) : found(std::move(p)) {}
    explicit reply(keel::error_code e) : error(e) {}

    page found;
    keel::error_code error;
};

template <>
struct keel::result_traits<reply>
{
    static constexpr bool carries_error = true;
    using value_type = page; // a fallback may answer with just this
    static error_code error(reply const& r) { return r.error; }
    static reply from_error(error_code e) { return reply(e); }
};
// [/adapter]

asio::awaitable<reply> missing() { co_return page{404, ""}; }

// [rules]
keel::verdict server_errors(reply const& r)
{
    if (r.error) return keel::verdict::failure; // a rule speaks for the errors that the type carries, too
    return r.found.status >= 500 ? keel::verdict::failure : keel::verdict::success;
}

keel::verdict all_errors(reply const& r)
{
    if (r.error) return keel::verdict::failure;
    return r.found.status >= 400 ? keel::verdict::failure : keel::verdict::success;
}
// [/rules]

asio::awaitable<void> example()
{
    // [usage]
    keel::circuit_breaker const breaker;
    keel::fallback const empty_page{page{200, "nothing here"}};
    keel::pipeline const pages{keel::classifier{server_errors},      // for the breaker and the retry
                               keel::judged{empty_page, all_errors}, // but this one replaces a 404 too
                               keel::retry{}, breaker, keel::timeout{{.limit = 1s}}};
    reply const got = co_await pages(missing);
    // [/usage]
    check(got.found.text == "nothing here", "the fallback answered a missing page");
    check(breaker.snapshot().window.failed == 0, "for the breaker it was no failure");
}
