// What a pipeline is made of, and what does not go together in it.

#include "check.hpp"

#include <keel/keel.hpp>

#include <iostream>

namespace asio = boost::asio;
using namespace std::chrono_literals;

asio::awaitable<void> example()
{
    // [order]
    keel::pipeline const payments{{.name = "payments"},
                                  keel::fallback{0},                             // answers what is left
                                  keel::timeout{{.name = "total", .limit = 2s}}, // bounds all attempts
                                  keel::retry{},                                 // asks again
                                  keel::circuit_breaker{},                       // hears of each attempt
                                  keel::bulkhead{},                              // holds no permit in a pause
                                  keel::timeout{{.name = "attempt", .limit = 500ms}}};
    std::cout << to_string(payments.describe()) << '\n';
    // [/order]
    check(payments.lint().empty(), "this order is sound");

    // [lint]
    keel::pipeline const odd{keel::circuit_breaker{}, keel::retry{}, keel::timeout{{.limit = 500ms}}};
    for (auto const& finding : odd.lint())
        std::cout << to_string(finding.rule) << ": " << finding.text << '\n';
    // [/lint]
    check(odd.lint().size() == 1, "a breaker around a retry is questionable");

    // [refuse]
    try {
        keel::pipeline const refused{{.on_finding = keel::on_finding::refuse},
                                     keel::timeout{{.limit = 1s}},
                                     keel::timeout{{.limit = 2s}}};
    } catch (keel::questionable_pipeline const& e) {
        std::cout << e.what() << '\n';
    }
    // [/refuse]
    co_return;
}
