#include <keel/pipeline_registry.hpp>

#include "support/world.hpp"

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace keel;

constexpr time_point t0{1000s};

template <class Error, class Ask>
std::string complaint(Ask ask)
{
    try {
        ask();
    } catch (Error const& e) {
        return e.what();
    }
    return "no complaint";
}

pipeline empty(std::string_view) { return pipeline{}; }

pipeline_registry two_and_two()
{
    pipeline_registry const registry;
    registry.add("payments", pipeline{pipeline_options{.name = "payments"}});
    registry.add("mails", pipeline{});
    registry.define("tenants", empty);
    registry.define("hosts", empty);
    return registry;
}

TEST(pipeline_registry, gives_a_pipeline_by_its_name)
{
    simulation world;
    pipeline_registry const registry;
    registry.add("payments", pipeline{circuit_breaker{trips_after(1)}});
    scripted<int> op;
    op.fails(reset());
    auto const once = registry.at("payments");
    auto const twice = registry.at("payments");
    EXPECT_EQ(world.run(once.run(op)).error(), reset());
    EXPECT_EQ(world.run(twice.run(op)).error(), errc::circuit_open) << "the same one";
}

TEST(pipeline_registry, gives_a_pipeline_of_a_family_by_its_key)
{
    pipeline_registry const registry;
    auto const hosts = registry.define("hosts", empty);
    (void)registry.get("hosts", "a", t0);
    (void)registry.family("hosts").get("b", t0);
    EXPECT_EQ(hosts.snapshot().entries, 2u);
    EXPECT_EQ(hosts.name(), "hosts");
}

TEST(pipeline_registry, says_which_names_there_are_when_it_is_asked_for_another)
{
    auto const registry = two_and_two();
    EXPECT_EQ(complaint<unknown_name>([&] { (void)registry.at("paymnets"); }),
              "pipeline_registry: no pipeline is named \"paymnets\"; there are: mails, payments");
    EXPECT_EQ(complaint<unknown_name>([&] { (void)registry.get("host", "a"); }),
              "pipeline_registry: no family is named \"host\"; there are: hosts, tenants");
    EXPECT_EQ(complaint<unknown_name>([&] { (void)registry.family("host"); }),
              "pipeline_registry: no family is named \"host\"; there are: hosts, tenants");
    EXPECT_EQ(complaint<std::out_of_range>([] { (void)pipeline_registry().at("a"); }),
              "pipeline_registry: no pipeline is named \"a\"; there are: none");
}

TEST(pipeline_registry, says_when_a_name_is_one_of_the_other_kind)
{
    auto const registry = two_and_two();
    EXPECT_EQ(complaint<unknown_name>([&] { (void)registry.at("hosts"); }),
              "pipeline_registry: no pipeline is named \"hosts\"; there are: mails, payments; \"hosts\" is a "
              "family: ask for one of its pipelines with a key, by `get`");
    EXPECT_EQ(complaint<unknown_name>([&] { (void)registry.get("mails", "a"); }),
              "pipeline_registry: no family is named \"mails\"; there are: hosts, tenants; \"mails\" is a "
              "single pipeline: ask for it without a key, by `at`");
}

TEST(pipeline_registry, does_not_take_a_name_twice_nor_an_empty_one)
{
    auto const registry = two_and_two();
    EXPECT_EQ(complaint<std::invalid_argument>([&] { registry.add("mails", pipeline{}); }),
              "pipeline_registry: the name \"mails\" is given twice");
    EXPECT_EQ(complaint<std::invalid_argument>([&] { registry.define("mails", empty); }),
              "pipeline_registry: the name \"mails\" is given twice");
    EXPECT_EQ(complaint<std::invalid_argument>([&] { registry.add("hosts", pipeline{}); }),
              "pipeline_registry: the name \"hosts\" is given twice");
    EXPECT_EQ(complaint<std::invalid_argument>([&] { registry.add("", pipeline{}); }),
              "pipeline_registry: a name is empty");
    EXPECT_THROW(registry.define("nothing", pipeline_family::factory()), std::invalid_argument);
    EXPECT_FALSE(registry.contains("nothing"));
}

TEST(pipeline_registry, gives_families_its_options_unless_they_have_their_own)
{
    pipeline_family_options common;
    common.max_entries = 7;
    pipeline_registry const registry(common);
    pipeline_family_options own;
    own.name = "something else";
    own.max_entries = 3;
    EXPECT_EQ(registry.define("hosts", empty).snapshot().max_entries, 7u);
    auto const tenants = registry.define("tenants", own, empty);
    EXPECT_EQ(tenants.snapshot().max_entries, 3u);
    EXPECT_EQ(tenants.name(), "tenants");
}

TEST(pipeline_registry, refuses_options_out_of_range)
{
    pipeline_family_options none;
    none.max_entries = 0;
    EXPECT_THROW((void)pipeline_registry(none), invalid_options);
    EXPECT_THROW(pipeline_registry().define("hosts", none, empty), invalid_options);
}

TEST(pipeline_registry, tells_its_names_and_its_pipelines)
{
    auto const registry = two_and_two();
    EXPECT_EQ(registry.names(), (std::vector<std::string>{"hosts", "mails", "payments", "tenants"}));
    EXPECT_TRUE(registry.contains("hosts"));
    EXPECT_TRUE(registry.contains("mails"));
    EXPECT_FALSE(registry.contains("a"));
    (void)registry.get("hosts", "a", t0);
    auto const all = registry.entries(t0 + 1s);
    ASSERT_EQ(all.size(), 3u);
    EXPECT_EQ(all[0].name, "hosts");
    EXPECT_EQ(all[0].key, "a");
    EXPECT_EQ(all[0].idle, 1s);
    EXPECT_EQ(all[1].name, "mails");
    EXPECT_EQ(all[1].key, "");
    EXPECT_EQ(all[2].name, "payments");
}

TEST(pipeline_registry, tells_the_state_of_a_pipeline_with_a_name)
{
    simulation world;
    pipeline_registry const registry;
    registry.add("payments", pipeline{circuit_breaker{trips_after(1)}});
    EXPECT_TRUE(registry.entries(t0).at(0).keeps.empty());
    scripted<int> op;
    op.fails(reset());
    auto const payments = registry.at("payments");
    (void)world.run(payments.run(op));
    EXPECT_EQ(registry.entries(t0).at(0).keeps, (std::vector<kept_state>{{"circuit_breaker", "open"}}));
}

TEST(pipeline_registry, sweeps_every_family_and_no_single_pipeline)
{
    auto const registry = two_and_two();
    (void)registry.get("hosts", "a", t0);
    (void)registry.get("tenants", "a", t0);
    EXPECT_EQ(registry.sweep(t0 + 10min), 2u);
    EXPECT_EQ(registry.entries(t0).size(), 2u);
    EXPECT_TRUE(registry.contains("hosts"));
}

TEST(pipeline_registry, is_shared_by_its_copies_and_outlived_by_what_it_gave)
{
    auto const family = [] {
        pipeline_registry const registry;
        auto const copy = registry;
        copy.define("hosts", empty);
        return registry.family("hosts");
    }();
    EXPECT_TRUE(family.try_get("a", t0));
}

} // namespace
