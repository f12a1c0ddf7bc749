#include <keel/async/bulkhead_registry.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;

constexpr time_point t0{1000s};

/// What `ask` throws as an `Error`, in words.
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

bool mentions(std::string_view text, std::string_view part)
{
    return text.find(part) != std::string_view::npos;
}

TEST(bulkhead_registry, gives_each_name_a_bulkhead_of_its_size)
{
    bulkhead_registry const compartments{{"database", 10, 5}, {"file_io", 3}};
    EXPECT_EQ(compartments.size(), 2u);
    auto const database = compartments.at("database").snapshot();
    EXPECT_EQ(database.max_concurrent, 10u);
    EXPECT_EQ(database.max_queue, 5u);
    auto const files = compartments.at("file_io").snapshot();
    EXPECT_EQ(files.max_concurrent, 3u);
    EXPECT_EQ(files.max_queue, 0u);
}

TEST(bulkhead_registry, asking_twice_gives_the_same_bulkhead)
{
    bulkhead_registry const compartments{{"database", 1}};
    auto const held = compartments.at("database").try_acquire(t0);
    EXPECT_TRUE(held);
    EXPECT_FALSE(compartments.at("database").try_acquire(t0));
}

TEST(bulkhead_registry, one_full_compartment_leaves_the_others_dry)
{
    bulkhead_registry const compartments{{"database", 1}, {"file_io", 1}};
    auto const held = compartments.at("database").try_acquire(t0);
    EXPECT_FALSE(compartments.at("database").try_acquire(t0));
    EXPECT_TRUE(compartments.at("file_io").try_acquire(t0));
}

TEST(bulkhead_registry, a_bulkhead_taken_out_outlives_the_registry)
{
    auto const taken = [] {
        bulkhead_registry const compartments{{"database", 1}};
        return compartments.at("database");
    }();
    EXPECT_TRUE(taken.try_acquire(t0));
}

TEST(bulkhead_registry, an_unknown_name_is_refused_with_the_known_ones)
{
    bulkhead_registry const compartments{{"database", 1}, {"file_io", 1}};
    auto const said = complaint<unknown_name>([&] { (void)compartments.at("databse"); });
    EXPECT_TRUE(mentions(said, "\"databse\"")) << said;
    EXPECT_TRUE(mentions(said, "database, file_io")) << said;
}

TEST(bulkhead_registry, an_unknown_name_can_be_caught_as_out_of_range)
{
    bulkhead_registry const compartments{{"database", 1}};
    EXPECT_THROW((void)compartments.at(""), std::out_of_range);
    EXPECT_THROW((void)compartments.at("Database"), std::out_of_range);
    EXPECT_THROW((void)compartments.at("database "), std::out_of_range);
}

TEST(bulkhead_registry, an_empty_registry_knows_no_name)
{
    bulkhead_registry const none{};
    EXPECT_EQ(none.size(), 0u);
    EXPECT_THROW((void)none.at("database"), unknown_name);
}

TEST(bulkhead_registry, tells_which_names_it_holds)
{
    bulkhead_registry const compartments{{"file_io", 3}, {"database", 10}};
    EXPECT_TRUE(compartments.contains("database"));
    EXPECT_TRUE(compartments.contains("file_io"));
    EXPECT_FALSE(compartments.contains("file"));
    std::vector<std::string> names;
    for (auto const& [name, held] : compartments) names.push_back(name);
    EXPECT_EQ(names, (std::vector<std::string>{"database", "file_io"}));
}

TEST(bulkhead_registry, takes_whole_options_and_sets_their_name)
{
    bulkhead_options wanted;
    wanted.name = "something else";
    wanted.max_concurrent = 2;
    wanted.max_queue = 7;
    bulkhead_registry const compartments{bulkhead_registry::compartment("database", wanted)};
    auto const& database = compartments.at("database");
    EXPECT_EQ(database.as_gate()->name(), "database");
    EXPECT_EQ(database.snapshot().max_concurrent, 2u);
    EXPECT_EQ(database.snapshot().max_queue, 7u);
}

TEST(bulkhead_registry, a_name_given_twice_is_a_mistake)
{
    auto const said = complaint<std::invalid_argument>(
        [] { bulkhead_registry const both{{"database", 1}, {"file_io", 1}, {"database", 2}}; });
    EXPECT_TRUE(mentions(said, "\"database\"")) << said;
}

TEST(bulkhead_registry, an_empty_name_is_a_mistake)
{
    auto const said = complaint<std::invalid_argument>([] { bulkhead_registry const nameless{{"", 1}}; });
    EXPECT_TRUE(mentions(said, "empty name")) << said;
}

TEST(bulkhead_registry, a_compartment_that_holds_nothing_is_a_mistake)
{
    auto const said = complaint<invalid_options>([] { bulkhead_registry const sunk{{"database", 0}}; });
    EXPECT_EQ(said, "bulkhead \"database\": max_concurrent is 0, allowed is at least 1");
}

} // namespace
