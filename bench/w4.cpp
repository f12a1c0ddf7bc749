// W4: a bulkhead of 100 permits, 1,000 callers that queue first in, first out; the operation suspends once.

#include "subjects.hpp"

namespace bench {
namespace {

asio::awaitable<void> bare_often(std::uint64_t calls)
{
    for (; calls != 0; --calls) co_await asio::post(asio::use_awaitable);
}

void bare(benchmark::State& state) { run_crowd(state, spawn_in_scope{}, queue_of_callers, bare_often); }

void through_bulkhead(benchmark::State& state)
{
    auto const p = keel::pipeline{compartment(100, 1'000)};
    run_crowd(state, spawn_in_scope{}, queue_of_callers,
              [&p](std::uint64_t calls) { return call_often(p, hop, calls); });
}

[[maybe_unused]] bool const added = [] {
    add("w4/bare", bare);
    add("w4/bulkhead", through_bulkhead);
    return true;
}();

} // namespace
} // namespace bench
