// W1h by hand: the operation suspends once, 64 calls in flight, and one alone.

#include "policies.hpp"

namespace peer {
namespace {

template <class Call>
awaitable<void> often(Call call, std::uint64_t calls)
{
    for (; calls != 0; --calls) {
        int const value = co_await call();
        benchmark::DoNotOptimize(value);
    }
}

template <class Call>
void add_call(std::string const& name, Call call)
{
    auto const make = [call](std::uint64_t calls) { return often(call, calls); };
    bench::add(
        name, [make](auto& state) { bench::run_crowd(state, bench::plain_spawn{}, bench::in_flight, make); });
    bench::add(name + "/alone",
               [make](auto& state) { bench::run_crowd(state, bench::plain_spawn{}, bench::alone, make); });
}

[[maybe_unused]] bool const added = [] {
    add_call("w1h/bare", hop);
    add_call("w1h/timeout", [] { return under_timer(hop); });
    add_call("w1h/timeout_or", [] { return or_timer(hop); });
    add_call("w1h/five", [] { return layered(shared(), hop); });
    add_call("w1h/five_or", [] { return layered_or(shared(), hop); });
    add_call("w1h/five_fused", [] { return fused(shared(), hop); });
    return true;
}();

} // namespace
} // namespace peer
