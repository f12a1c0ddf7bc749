// Names of Asio's that are used without saying whose, beside Keel's types.

#include <keel/co_spawn.hpp>
#include <keel/pipeline.hpp>
#include <keel/testing/scripted.hpp>
#include <keel/testing/simulation.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/this_coro.hpp>

#include <gtest/gtest.h>

#include <utility>

namespace {

using namespace boost::asio;

awaitable<bool> spawns(keel::pipeline p, keel::testing::scripted<int> op)
{
    auto const executor = co_await this_coro::executor;
    auto coroutine = p.run(op);
    auto spawned = co_spawn(executor, std::move(coroutine), as_tuple(deferred));
    auto const [thrown, end] = co_await std::move(spawned);
    co_return !thrown && end.ok();
}

TEST(co_spawn, is_not_found_where_asios_is_meant)
{
    keel::testing::simulation world;
    EXPECT_TRUE(world.run(spawns(keel::pipeline{}, keel::testing::scripted<int>().returns(1))));
}

} // namespace
