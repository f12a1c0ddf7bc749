#include <keel/pipeline_registry.hpp>

#include "support/dice.hpp"
#include "support/two_threads.hpp"
#include "support/world.hpp"

#include <algorithm>
#include <atomic>
#include <latch>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace keel;

constexpr time_point t0{1000s};

/// A gate that lets everybody in and says what it is told to say.
class talker final : public gate
{
public:
    std::string_view name() const noexcept override { return "talker"; }
    admission admit(visit const&) override { return admission::granted({}); }
    void settle(grant const&, verdict, visit const&) noexcept override {}
    std::string_view state_to_keep(time_point) const noexcept override { return says.load(); }

    std::atomic<char const*> says{""};
};

/// A family of pipelines of one talker each, and everything that happens to it.
struct talkers
{
    explicit talkers(pipeline_family_options options) : family(told(std::move(options)), make()) {}

    pipeline_family_options told(pipeline_family_options options)
    {
        options.on_removed = [this](pipeline_removed const& r) { removals.push_back(r); };
        return options;
    }

    pipeline_family::factory make()
    {
        return [this](std::string_view key) {
            auto own = std::make_shared<talker>();
            last[std::string(key)] = own.get();
            ++built;
            return pipeline{std::shared_ptr<gate>(std::move(own))};
        };
    }

    /// Asks, and says what the entry has to keep from now on.
    void ask(std::string const& key, time_point at, char const* state = "")
    {
        (void)family.get(key, at);
        last.at(key)->says = state;
    }

    std::vector<std::string> gone() const
    {
        std::vector<std::string> keys;
        for (auto const& r : removals) keys.push_back(r.key);
        return keys;
    }

    int built = 0;
    std::map<std::string, talker*> last; ///< By key, the newest.
    std::vector<pipeline_removed> removals;
    pipeline_family family;
};

pipeline_family_options holding(std::size_t entries)
{
    pipeline_family_options o;
    o.name = "hosts";
    o.max_entries = entries;
    return o;
}

std::optional<pipeline_entry> entry_of(pipeline_family const& family, std::string_view key, time_point now)
{
    for (auto& e : family.entries(now))
        if (e.key == key) return e;
    return std::nullopt;
}

using keys = std::vector<std::string>;

// --- asking

TEST(pipeline_family, builds_a_pipeline_when_its_key_is_first_asked_for)
{
    talkers hosts(holding(10));
    EXPECT_EQ(hosts.built, 0);
    (void)hosts.family.get("a", t0);
    (void)hosts.family.get("a", t0);
    (void)hosts.family.get("b", t0);
    EXPECT_EQ(hosts.built, 2);
    EXPECT_EQ(hosts.family.snapshot().entries, 2u);
    EXPECT_EQ(hosts.family.snapshot().built, 2u);
    EXPECT_TRUE(hosts.family.contains("a"));
    EXPECT_FALSE(hosts.family.contains("c"));
}

TEST(pipeline_family, gives_each_key_a_state_of_its_own)
{
    simulation world;
    pipeline_family const hosts(holding(10),
                                [](std::string_view) { return pipeline{circuit_breaker{trips_after(1)}}; });
    scripted<int> op;
    op.fails(reset()).returns(42);
    auto const ill = hosts.get("ill", world.clock().now());
    auto const well = hosts.get("well", world.clock().now());

    EXPECT_EQ(world.run(ill.run(op)).error(), reset());
    EXPECT_EQ(world.run(ill.run(op)).error(), errc::circuit_open);
    EXPECT_TRUE(world.run(well.run(op)).ok());
    auto const again = hosts.get("ill", world.clock().now());
    EXPECT_EQ(world.run(again.run(op)).error(), errc::circuit_open) << "the same pipeline as before";
}

TEST(pipeline_family, keeps_its_own_copy_of_the_key)
{
    talkers hosts(holding(10));
    {
        std::string const passing = "a key that is too long for the small string";
        (void)hosts.family.get(passing, t0);
    }
    EXPECT_TRUE(hosts.family.contains("a key that is too long for the small string"));
}

TEST(pipeline_family, gives_the_pipeline_the_name_and_the_sink_that_the_factory_gave_it)
{
    simulation world;
    auto const heard = std::make_shared<recorder>();
    pipeline_family const hosts(holding(10), [heard](std::string_view) {
        return pipeline{{.name = "to_host", .sink = heard}, rate_limiter{{.permits = 1, .per = 1h}}};
    });
    scripted<int> op;
    op.returns(42);
    auto const p = hosts.get("a", world.clock().now());
    EXPECT_EQ(p.name(), "to_host");
    EXPECT_TRUE(world.run(p.run(op)).ok());
    EXPECT_FALSE(world.run(p.run(op)).ok());
    EXPECT_EQ(heard->count("rejected"), 1u);
}

TEST(pipeline_family, changes_nothing_about_the_pipelines_of_its_factory)
{
    simulation world;
    auto const heard = std::make_shared<recorder>();
    auto build = [heard](std::string instance) {
        return pipeline{{.instance = std::move(instance), .sink = heard, .idempotent = false},
                        retry{},
                        retry{},
                        bulkhead{{.max_concurrent = 1}}};
    };
    auto const alone = build("a");
    auto const findings = heard->lines();
    ASSERT_FALSE(findings.empty());
    auto const now = world.clock().now();

    auto const kept =
        pipeline_family(holding(10), [&](std::string_view) { return build("a"); }).get("key", now);
    EXPECT_EQ(kept.describe(), alone.describe());
    EXPECT_EQ(kept.lint(), alone.lint());
    EXPECT_EQ(heard->lines().size(), 2 * findings.size()) << "each pipeline is questionable once";

    auto const nameless =
        pipeline_family(holding(10), [&](std::string_view) { return build(""); }).get("key", now);
    EXPECT_EQ(nameless.describe().instance, "key");
}

TEST(pipeline_family, is_not_held_by_outcomes_that_somebody_keeps)
{
    simulation world;
    auto const now = world.clock().now();
    pipeline_family const hosts(holding(1), [](std::string_view) {
        return pipeline{retry{retry_every(1ms, 2)}, rate_limiter{{.permits = 1, .per = 1h}}};
    });
    std::vector<outcome<int>> kept;
    for (auto i = 0; i < 2; ++i) {
        auto const p = hosts.get("a", now);
        kept.push_back(world.run(p.run(scripted<int>().fails(reset()))));
    }
    EXPECT_FALSE(hosts.entries(now).at(0).in_use);
    EXPECT_TRUE(hosts.try_get("b", now));
    EXPECT_EQ(kept.at(0).report().earlier.size(), 1u);
    EXPECT_EQ(kept.at(1).report().policy, "rate_limiter") << "which is gone";
}

TEST(pipeline_family, is_held_by_a_pipeline_that_one_of_its_own_stands_in)
{
    auto const hosts =
        pipeline_family(holding(1), [](std::string_view) { return pipeline{circuit_breaker{}}; });
    std::optional<pipeline> mine(std::in_place, timeout{}, hosts.get("a", t0));
    EXPECT_TRUE(hosts.entries(t0).at(0).in_use);
    EXPECT_FALSE(hosts.try_get("b", t0));
    mine.reset();
    EXPECT_TRUE(hosts.try_get("b", t0));
}

TEST(pipeline_family, is_held_by_those_of_another_family)
{
    pipeline_family const breakers(holding(1), [](std::string_view) { return pipeline{circuit_breaker{}}; });
    pipeline_family const routes(holding(1), [&](std::string_view route) {
        return pipeline{timeout{}, pipeline{timeout{}, breakers.get(route, t0)}};
    });
    (void)routes.get("a", t0);
    EXPECT_TRUE(breakers.entries(t0).at(0).in_use);
    EXPECT_TRUE(routes.remove("a"));
    EXPECT_FALSE(breakers.entries(t0).at(0).in_use);
}

TEST(pipeline_family, tells_of_the_state_of_a_pipeline_inside)
{
    std::optional<circuit_breaker> last;
    pipeline_family const hosts(holding(1), [&](std::string_view) {
        last.emplace();
        return pipeline{timeout{}, pipeline{*last}};
    });
    (void)hosts.get("a", t0);
    last->force_open(t0);
    last.reset();
    ASSERT_EQ(hosts.entries(t0).at(0).keeps.size(), 1u);
    EXPECT_EQ(hosts.entries(t0).at(0).keeps.at(0).state, "forced_open");
}

TEST(pipeline_family, tells_of_a_spent_budget_of_two_retries)
{
    simulation world;
    auto const now = world.clock().now();
    pipeline_family const hosts(holding(10), [](std::string_view) {
        retry_budget const one{{.kind = success_bucket{.size = 1}}};
        return pipeline{retry{retry_every(1ms, 2), one}, timeout{}, retry{retry_every(1ms, 2), one}};
    });
    auto const p = hosts.get("a", now);
    (void)world.run(p.run(scripted<int>().fails(reset())));
    ASSERT_FALSE(hosts.entries(now).at(0).keeps.empty());
    EXPECT_EQ(hosts.entries(now).at(0).keeps.at(0).state, "spent");
}

TEST(pipeline_family, keeps_nothing_of_a_factory_that_throws)
{
    auto broken = true;
    pipeline_family const hosts(holding(1), [&](std::string_view key) {
        if (broken) throw std::runtime_error("no policies for " + std::string(key));
        return pipeline{};
    });
    EXPECT_THROW((void)hosts.get("a", t0), std::runtime_error);
    EXPECT_EQ(hosts.snapshot().entries, 0u);
    EXPECT_EQ(hosts.snapshot().built, 0u);
    broken = false;
    EXPECT_TRUE(hosts.try_get("a", t0));
}

TEST(pipeline_family, lets_its_factory_ask_it_for_another_key)
{
    std::optional<pipeline_family> hosts;
    hosts.emplace(holding(10), [&](std::string_view key) {
        if (key == "replica") (void)hosts->get("primary", t0);
        return pipeline{};
    });
    (void)hosts->get("replica", t0);
    EXPECT_TRUE(hosts->contains("primary"));
}

TEST(pipeline_family, refuses_a_key_that_is_too_long)
{
    auto options = holding(10);
    options.max_key_size = 4;
    talkers hosts(options);
    (void)hosts.family.get("1234", t0);
    try {
        (void)hosts.family.get("12345", t0);
        FAIL() << "no complaint";
    } catch (std::length_error const& e) {
        EXPECT_STREQ(e.what(), "pipeline_family: a key of \"hosts\" has 5 bytes, allowed is up to 4");
    }
    EXPECT_EQ(hosts.built, 1);
}

TEST(pipeline_family, names_every_option_out_of_range)
{
    pipeline_family_options o;
    o.max_entries = 0;
    o.max_key_size = 0;
    o.idle_expiry = 0s;
    o.state_expiry = -1s;
    auto const faults = validate(o);
    ASSERT_EQ(faults.list().size(), 4u);
    EXPECT_EQ(faults.list()[0].field, "max_entries");
    EXPECT_EQ(faults.list()[1].field, "max_key_size");
    EXPECT_EQ(faults.list()[2].field, "idle_expiry");
    EXPECT_EQ(faults.list()[3].field, "state_expiry");
    auto const none = [](std::string_view) { return pipeline{}; };
    EXPECT_THROW((void)pipeline_family(o, none), invalid_options);
    EXPECT_THROW((void)pipeline_family({}, pipeline_family::factory()), std::invalid_argument);
    EXPECT_TRUE(validate(pipeline_family_options()).empty());
}

// --- room

TEST(pipeline_family, makes_room_by_dropping_what_was_not_asked_for_for_the_longest_time)
{
    talkers hosts(holding(3));
    hosts.ask("a", t0);
    hosts.ask("b", t0 + 1s);
    hosts.ask("c", t0 + 2s);
    hosts.ask("a", t0 + 3s);
    hosts.ask("d", t0 + 4s);
    hosts.ask("e", t0 + 5s);
    EXPECT_EQ(hosts.gone(), (keys{"b", "c"}));
    EXPECT_EQ(hosts.removals[0].why, removal_cause::room);
    EXPECT_EQ(hosts.removals[0].family, "hosts");
    EXPECT_EQ(hosts.removals[0].at, t0 + 4s);
    EXPECT_TRUE(hosts.removals[0].lost.empty());
    EXPECT_EQ(hosts.family.snapshot().entries, 3u);
    EXPECT_EQ(hosts.family.snapshot().displaced, 2u);
    EXPECT_EQ(hosts.family.snapshot().lost_state, 0u);
}

TEST(pipeline_family, drops_a_warm_entry_at_rest_before_a_cold_one_with_state)
{
    talkers hosts(holding(3));
    hosts.ask("open", t0, "open");
    hosts.ask("spent", t0 + 1s, "spent");
    hosts.ask("calm", t0 + 2s);
    hosts.ask("new", t0 + 3s);
    EXPECT_EQ(hosts.gone(), (keys{"calm"}));
    hosts.ask("newer", t0 + 4s);
    EXPECT_EQ(hosts.gone(), (keys{"calm", "new"}));
    EXPECT_TRUE(hosts.family.contains("open"));
    EXPECT_TRUE(hosts.family.contains("spent"));
}

TEST(pipeline_family, drops_an_entry_that_has_come_to_rest_meanwhile_before_one_with_state)
{
    talkers hosts(holding(3));
    hosts.ask("open", t0, "open");
    hosts.ask("healing", t0 + 1s, "open");
    hosts.ask("calm", t0 + 2s);
    hosts.ask("new", t0 + 3s, "open"); // both were seen with state, and set apart
    ASSERT_EQ(hosts.gone(), (keys{"calm"}));
    hosts.last.at("healing")->says = "";
    hosts.ask("newer", t0 + 4s);
    EXPECT_EQ(hosts.gone(), (keys{"calm", "healing"}));
}

TEST(pipeline_family, tells_what_is_lost_when_only_entries_with_state_are_left)
{
    talkers hosts(holding(2));
    hosts.ask("a", t0, "open");
    hosts.ask("b", t0 + 1s, "half_open");
    hosts.ask("c", t0 + 2s, "open");
    ASSERT_EQ(hosts.gone(), (keys{"a"}));
    EXPECT_EQ(hosts.removals[0].lost, (std::vector<kept_state>{{"talker", "open"}}));
    EXPECT_EQ(hosts.removals[0].why, removal_cause::room);
    hosts.ask("d", t0 + 3s);
    ASSERT_EQ(hosts.gone(), (keys{"a", "b"}));
    EXPECT_EQ(hosts.removals[1].lost, (std::vector<kept_state>{{"talker", "half_open"}}));
    EXPECT_EQ(hosts.family.snapshot().lost_state, 2u);
}

TEST(pipeline_family, puts_an_entry_with_state_back_among_the_others_when_it_is_asked_for)
{
    talkers hosts(holding(2));
    hosts.ask("a", t0, "open");
    hosts.ask("b", t0 + 1s);
    hosts.ask("c", t0 + 2s); // a is set apart, b goes
    hosts.ask("a", t0 + 3s);
    hosts.ask("d", t0 + 4s);
    EXPECT_EQ(hosts.gone(), (keys{"b", "c"}));
}

TEST(pipeline_family, never_drops_a_pipeline_that_somebody_holds)
{
    talkers hosts(holding(2));
    auto held = std::optional(hosts.family.get("held", t0));
    hosts.ask("b", t0 + 1s);
    hosts.ask("c", t0 + 2s);
    hosts.ask("d", t0 + 3s);
    EXPECT_EQ(hosts.gone(), (keys{"b", "c"}));
    held.reset();
    hosts.ask("e", t0 + 4s);
    hosts.ask("f", t0 + 5s);
    EXPECT_EQ(hosts.gone(), (keys{"b", "c", "held", "d"})) << "nobody holds it any more";
}

TEST(pipeline_family, refuses_a_new_key_only_when_every_entry_is_in_use)
{
    talkers hosts(holding(2));
    auto const a = hosts.family.get("a", t0);
    auto b = std::optional(hosts.family.get("b", t0));
    EXPECT_FALSE(hosts.family.try_get("c", t0));
    try {
        (void)hosts.family.get("c", t0);
        FAIL() << "no complaint";
    } catch (boost::system::system_error const& e) {
        EXPECT_EQ(e.code(), errc::registry_full);
        EXPECT_EQ(e.code(), condition::rejected);
        EXPECT_NE(std::string(e.what()).find("hosts"), std::string::npos);
    }
    EXPECT_EQ(hosts.family.snapshot().refused, 2u);
    EXPECT_TRUE(hosts.family.try_get("a", t0)) << "a key that is there is never refused";
    b.reset();
    EXPECT_TRUE(hosts.family.try_get("c", t0));
    EXPECT_EQ(hosts.gone(), (keys{"b"}));
}

TEST(pipeline_family, finds_the_one_entry_that_is_free_among_many_in_use)
{
    talkers hosts(holding(100));
    std::vector<pipeline> held;
    hosts.ask("free", t0 + 1s);
    for (auto i = 0; i < 99; ++i) held.push_back(hosts.family.get(std::to_string(i), t0));
    EXPECT_TRUE(hosts.family.try_get("new", t0 + 2s));
    EXPECT_EQ(hosts.gone(), (keys{"free"}));
}

// --- time

TEST(pipeline_family, drops_what_nobody_has_asked_for_when_it_is_asked_for_something_else)
{
    talkers hosts(holding(10));
    hosts.ask("a", t0);
    hosts.ask("b", t0 + 1s);
    hosts.ask("c", t0 + 10min - 1ns);
    EXPECT_EQ(hosts.gone(), keys{});
    hosts.ask("c", t0 + 10min);
    ASSERT_EQ(hosts.gone(), (keys{"a"}));
    EXPECT_EQ(hosts.removals[0].why, removal_cause::idle);
    EXPECT_EQ(hosts.family.snapshot().expired, 1u);
    hosts.ask("d", t0 + 11min);
    EXPECT_EQ(hosts.gone(), (keys{"a", "b"}));
    hosts.ask("a", t0 + 11min);
    EXPECT_EQ(hosts.built, 5) << "it is built anew";
}

TEST(pipeline_family, drops_a_few_for_each_access_so_that_none_has_to_wait)
{
    talkers hosts(holding(100));
    for (auto i = 0; i < 50; ++i) hosts.ask(std::to_string(i), t0);
    hosts.ask("late", t0 + 1h);
    EXPECT_EQ(hosts.removals.size(), 2u);
    for (auto i = 0; i < 30; ++i) hosts.ask("late", t0 + 1h);
    EXPECT_EQ(hosts.family.snapshot().entries, 1u);
}

TEST(pipeline_family, sweeps_all_that_is_over)
{
    talkers hosts(holding(100));
    for (auto i = 0; i < 50; ++i) hosts.ask(std::to_string(i), t0);
    hosts.ask("late", t0 + 5min);
    EXPECT_EQ(hosts.family.sweep(t0 + 10min - 1ns), 0u);
    EXPECT_EQ(hosts.family.sweep(t0 + 10min), 50u);
    EXPECT_EQ(hosts.family.snapshot().entries, 1u);
    EXPECT_EQ(hosts.removals.size(), 50u);
}

TEST(pipeline_family, keeps_an_idle_pipeline_that_is_in_use)
{
    talkers hosts(holding(10));
    auto held = std::optional(hosts.family.get("a", t0));
    EXPECT_EQ(hosts.family.sweep(t0 + 2h), 0u);
    held.reset();
    EXPECT_EQ(hosts.family.sweep(t0 + 2h + 9min), 0u) << "it was in use at the last sweep";
    EXPECT_EQ(hosts.family.sweep(t0 + 2h + 10min), 1u);
}

TEST(pipeline_family, keeps_an_idle_pipeline_with_state_for_longer_and_tells_when_it_goes)
{
    talkers hosts(holding(10));
    hosts.ask("ill", t0, "open");
    EXPECT_EQ(hosts.family.sweep(t0 + 10min), 0u);
    EXPECT_EQ(hosts.family.sweep(t0 + 1h - 1ns), 0u);
    EXPECT_EQ(hosts.family.sweep(t0 + 1h), 1u);
    ASSERT_EQ(hosts.removals.size(), 1u);
    EXPECT_EQ(hosts.removals[0].why, removal_cause::idle);
    EXPECT_EQ(hosts.removals[0].lost, (std::vector<kept_state>{{"talker", "open"}}));
    EXPECT_EQ(hosts.family.snapshot().lost_state, 1u);
}

TEST(pipeline_family, drops_an_entry_with_state_on_access_too_when_its_longer_time_is_over)
{
    talkers hosts(holding(10));
    hosts.ask("ill", t0, "open");
    hosts.ask("well", t0 + 10min);
    EXPECT_EQ(hosts.gone(), keys{});
    hosts.ask("well", t0 + 1h);
    EXPECT_EQ(hosts.gone(), (keys{"ill"}));
}

TEST(pipeline_family, drops_an_entry_that_has_come_to_rest_at_the_next_sweep)
{
    talkers hosts(holding(10));
    hosts.ask("ill", t0, "open");
    EXPECT_EQ(hosts.family.sweep(t0 + 10min), 0u);
    hosts.last.at("ill")->says = "";
    EXPECT_EQ(hosts.family.sweep(t0 + 10min), 1u);
    EXPECT_TRUE(hosts.removals.at(0).lost.empty());
}

TEST(pipeline_family, is_not_confused_by_a_clock_that_a_caller_read_earlier)
{
    talkers hosts(holding(10));
    hosts.ask("a", t0 + 10min);
    hosts.ask("a", t0);
    EXPECT_EQ(hosts.family.sweep(t0 + 10min), 0u);
    hosts.ask("a", time_point::min());
    EXPECT_EQ(hosts.family.sweep(time_point::max()), 1u);
}

// --- what policies have to keep

struct of_policies
{
    simulation world;
    std::vector<pipeline_removed> removals;

    pipeline_family family(pipeline_family::factory make)
    {
        auto options = holding(10);
        options.on_removed = [this](pipeline_removed const& r) { removals.push_back(r); };
        return pipeline_family(options, std::move(make));
    }

    time_point now() { return world.clock().now(); }

    void call(pipeline_family const& family, scripted<int> op)
    {
        auto const p = family.get("a", now());
        (void)world.run(p.run(op));
    }

    std::vector<kept_state> kept(pipeline_family const& family)
    {
        return entry_of(family, "a", now()).value().keeps;
    }
};

scripted<int> failing()
{
    scripted<int> op;
    op.fails(reset());
    return op;
}

TEST(state_to_keep, of_a_circuit_breaker_is_any_state_but_closed)
{
    of_policies t;
    auto const f = t.family([](std::string_view) { return pipeline{circuit_breaker{trips_after(2)}}; });
    t.call(f, failing());
    EXPECT_EQ(t.kept(f), (std::vector<kept_state>{})) << "closed";
    t.call(f, failing());
    EXPECT_EQ(t.kept(f), (std::vector<kept_state>{{"circuit_breaker", "open"}}));
    EXPECT_EQ(f.sweep(t.now() + 30min), 0u) << "open, though trial calls would be let in by now";
    EXPECT_EQ(f.sweep(t.now() + 1h), 1u);
    EXPECT_EQ(t.removals.at(0).lost, (std::vector<kept_state>{{"circuit_breaker", "open"}}));
}

TEST(state_to_keep, of_a_circuit_breaker_is_gone_when_it_has_closed_again)
{
    of_policies t;
    auto const f = t.family([](std::string_view) { return pipeline{circuit_breaker{trips_after(1)}}; });
    t.call(f, failing());
    t.world.advance(10s);
    scripted<int> op;
    op.returns(42);
    t.call(f, op);
    EXPECT_EQ(f.sweep(t.now() + 10min), 1u);
    EXPECT_TRUE(t.removals.at(0).lost.empty());
}

TEST(state_to_keep, of_a_circuit_breaker_names_every_state)
{
    circuit_breaker const breaker{trips_after(1, 1s)};
    auto const g = breaker.as_gate();
    EXPECT_EQ(g->state_to_keep(t0), "");
    breaker.force_open(t0);
    EXPECT_EQ(g->state_to_keep(t0), "forced_open");
    breaker.force_close(t0);
    breaker.try_acquire(t0).settle(verdict::failure, t0);
    EXPECT_EQ(g->state_to_keep(t0), "open");
    auto const trial = breaker.try_acquire(t0 + 1s);
    EXPECT_EQ(g->state_to_keep(t0 + 1s), "half_open");
}

TEST(state_to_keep, of_a_bulkhead_is_calls_and_another_size)
{
    bulkhead const compartment{{.max_concurrent = 2}};
    auto const g = compartment.as_gate();
    EXPECT_EQ(g->state_to_keep(t0), "");
    auto held = compartment.try_acquire(t0);
    EXPECT_EQ(g->state_to_keep(t0), "in use");
    held.settle(verdict::success, t0);
    EXPECT_EQ(g->state_to_keep(t0), "");
    compartment.resize(3, t0);
    EXPECT_EQ(g->state_to_keep(t0), "resized");
}

TEST(state_to_keep, of_a_rate_limiter_lasts_until_it_is_full_again)
{
    for (auto const algorithm : {rate_algorithm::token_bucket, rate_algorithm::gcra}) {
        rate_limiter const limiter{{.permits = 10, .per = 10s, .algorithm = algorithm}};
        auto const g = limiter.as_gate();
        EXPECT_EQ(g->state_to_keep(t0), "") << "not used yet";
        EXPECT_TRUE(limiter.try_acquire(t0));
        EXPECT_EQ(g->state_to_keep(t0), "spent");
        EXPECT_EQ(g->state_to_keep(t0 + 1s - 1ns), "spent");
        EXPECT_EQ(g->state_to_keep(t0 + 1s), "");
    }
}

TEST(state_to_keep, of_a_retry_budget_is_that_it_refuses)
{
    of_policies t;
    auto const f = t.family([](std::string_view) {
        return pipeline{retry{retry_every(1ms, 2), retry_budget{{success_bucket{.size = 2}}}}};
    });
    t.call(f, failing());
    EXPECT_EQ(t.kept(f), (std::vector<kept_state>{}));
    t.call(f, failing());
    EXPECT_EQ(t.kept(f), (std::vector<kept_state>{{"retry", "spent"}}));
}

TEST(state_to_keep, of_a_retry_budget_is_nothing_when_a_new_one_would_refuse_too)
{
    EXPECT_EQ(retry_budget({ratio_window{.min_per_second = 0, .ratio = 0}}).state_to_keep(t0), "");
    EXPECT_EQ(retry_budget({concurrency_share{.ratio = 0, .min_retries = 0}}).state_to_keep(t0), "");
}

TEST(state_to_keep, of_a_policy_that_others_hold_too_does_not_go_with_the_entry)
{
    of_policies t;
    circuit_breaker const for_all{trips_after(1)};
    retry_budget const budget{{success_bucket{.size = 1}}};
    auto const f =
        t.family([=](std::string_view) { return pipeline{retry{retry_every(1ms, 2), budget}, for_all}; });
    t.call(f, failing());
    EXPECT_EQ(for_all.state(), circuit_state::open);
    EXPECT_EQ(t.kept(f), (std::vector<kept_state>{}));
    EXPECT_EQ(f.sweep(t.now() + 10min), 1u);
}

TEST(state_to_keep, of_a_policy_that_stands_twice_in_one_pipeline_does_go_with_it)
{
    of_policies t;
    auto const f = t.family([](std::string_view) {
        circuit_breaker const own{trips_after(2)};
        return pipeline{own, own};
    });
    t.call(f, failing());
    EXPECT_EQ(t.kept(f).size(), 2u);
}

TEST(state_to_keep, of_a_users_gate_is_unknown_unless_it_says_otherwise)
{
    class silent final : public gate
    {
    public:
        std::string_view name() const noexcept override { return "silent"; }
        admission admit(visit const&) override { return admission::granted({}); }
        void settle(grant const&, verdict, visit const&) noexcept override {}
    };
    of_policies t;
    auto const f = t.family([](std::string_view) {
        return pipeline{std::shared_ptr<gate>(std::make_shared<silent>()), timeout{{.limit = 1s}}};
    });
    (void)f.get("a", t.now());
    EXPECT_EQ(t.kept(f), (std::vector<kept_state>{{"silent", "unknown"}}));
    EXPECT_EQ(f.sweep(t.now() + 10min), 0u);
}

// --- calls in flight

TEST(a_call_in_a_family, keeps_its_pipeline_whatever_happens_to_the_entry)
{
    simulation world;
    scripted<int> op;
    op.takes(1s).returns(42);
    std::optional<outcome<int>> end;
    {
        talkers hosts(holding(1));
        world.start(
            [](pipeline p, scripted<int> o, std::optional<outcome<int>>* to) -> asio::awaitable<void> {
                to->emplace(co_await p.run(o));
            }(hosts.family.get("a", t0), op, &end));
        EXPECT_TRUE(entry_of(hosts.family, "a", t0).value().in_use);
        EXPECT_EQ(hosts.family.sweep(t0 + 24h), 0u);
        EXPECT_FALSE(hosts.family.try_get("b", t0));
        EXPECT_TRUE(hosts.family.remove("a", t0));
        EXPECT_FALSE(hosts.family.contains("a"));
        EXPECT_TRUE(hosts.family.try_get("a", t0)) << "a new one";
        EXPECT_EQ(hosts.built, 3) << "one was built for b in vain";
    }
    EXPECT_FALSE(end);
    world.drain();
    ASSERT_TRUE(end);
    EXPECT_TRUE(end->ok());
}

TEST(a_call_in_a_family, makes_its_entry_in_use_also_by_overrides)
{
    simulation world;
    scripted<int> op;
    op.takes(1s).returns(42);
    talkers hosts(holding(1));
    world.start([](overridden_pipeline p, scripted<int> o) -> asio::awaitable<void> {
        (void)co_await p.run(o);
    }(hosts.family.get("a", t0).with(overrides().no_retry()), op));
    EXPECT_FALSE(hosts.family.try_get("b", t0));
    world.drain();
    EXPECT_TRUE(hosts.family.try_get("b", t0));
}

TEST(an_operation_that_a_family_abandoned, keeps_its_entry_in_use_until_it_ends)
{
    simulation world;
    scripted<int> op;
    op.takes(1min).ignoring_cancellation().returns(42);
    pipeline_family const hosts(
        holding(1), [](std::string_view) { return pipeline{timeout{{.limit = 1s, .on_expiry = abandon}}}; });
    {
        auto const p = hosts.get("a", world.clock().now());
        EXPECT_EQ(world.run(p.run(owning(op))).error(), errc::timed_out);
    }
    EXPECT_FALSE(hosts.try_get("b", world.clock().now()));
    world.drain();
    EXPECT_TRUE(hosts.try_get("b", world.clock().now()));
}

// --- removing and telling

TEST(pipeline_family, removes_by_request_and_tells_what_went)
{
    talkers hosts(holding(10));
    hosts.ask("a", t0, "open");
    EXPECT_TRUE(hosts.family.remove("a", t0 + 1s));
    EXPECT_FALSE(hosts.family.remove("a", t0 + 1s));
    ASSERT_EQ(hosts.removals.size(), 1u);
    EXPECT_EQ(hosts.removals[0].why, removal_cause::request);
    EXPECT_EQ(hosts.removals[0].lost.size(), 1u);
    EXPECT_EQ(hosts.removals[0].at, t0 + 1s);
    EXPECT_EQ(hosts.family.snapshot().removed, 1u);
    EXPECT_EQ(hosts.family.snapshot().lost_state, 1u);
    EXPECT_EQ(to_string(hosts.removals[0].why), "request");
}

TEST(pipeline_family, tells_every_entry)
{
    talkers hosts(holding(10));
    hosts.ask("a", t0, "open");
    auto const held = hosts.family.get("b", t0 + 1s);
    auto const a = entry_of(hosts.family, "a", t0 + 3s).value();
    EXPECT_EQ(a.name, "hosts");
    EXPECT_EQ(a.idle, 3s);
    EXPECT_FALSE(a.in_use);
    EXPECT_EQ(a.keeps, (std::vector<kept_state>{{"talker", "open"}}));
    auto const b = entry_of(hosts.family, "b", t0 + 3s).value();
    EXPECT_EQ(b.idle, 2s);
    EXPECT_TRUE(b.in_use);
    EXPECT_TRUE(b.keeps.empty());
    EXPECT_EQ(hosts.family.entries(t0).size(), 2u);
    EXPECT_EQ(hosts.family.snapshot().max_entries, 10u);
    EXPECT_EQ(hosts.family.name(), "hosts");
}

TEST(pipeline_family, lets_its_observer_ask_it_and_drops_what_that_throws)
{
    std::optional<pipeline_family> hosts;
    auto options = holding(1);
    std::vector<std::size_t> sizes;
    options.on_removed = [&](pipeline_removed const&) {
        sizes.push_back(hosts->snapshot().entries);
        throw std::runtime_error("an observer's own trouble");
    };
    hosts.emplace(options, [](std::string_view) { return pipeline{}; });
    (void)hosts->get("a", t0);
    EXPECT_TRUE(hosts->try_get("b", t0));
    EXPECT_EQ(sizes, (std::vector<std::size_t>{0}));
}

TEST(pipeline_family, gives_up_when_its_observer_takes_the_room_that_was_made)
{
    std::optional<pipeline_family> hosts;
    auto options = holding(1);
    options.on_removed = [&](pipeline_removed const&) { (void)hosts->try_get("audit", t0); };
    hosts.emplace(options, [](std::string_view) { return pipeline{}; });
    (void)hosts->get("a", t0);
    EXPECT_FALSE(hosts->try_get("b", t0));
    EXPECT_TRUE(hosts->contains("audit"));
}

TEST(pipeline_family, asks_policies_without_its_lock)
{
    class nosy final : public gate
    {
    public:
        explicit nosy(std::optional<pipeline_family> const& of) : of_(of) {}
        std::string_view name() const noexcept override { return "nosy"; }
        admission admit(visit const&) override { return admission::granted({}); }
        void settle(grant const&, verdict, visit const&) noexcept override {}
        std::string_view state_to_keep(time_point) const noexcept override
        {
            return of_->snapshot().entries > 1 ? "" : "alone";
        }

    private:
        std::optional<pipeline_family> const& of_;
    };
    std::optional<pipeline_family> hosts;
    hosts.emplace(holding(2), [&](std::string_view) {
        return pipeline{std::shared_ptr<gate>(std::make_shared<nosy>(hosts))};
    });
    for (auto const* key : {"a", "b", "c", "d"}) EXPECT_TRUE(hosts->try_get(key, t0));
    EXPECT_EQ(hosts->sweep(t0 + 10min), 2u);
    EXPECT_TRUE(hosts->remove("d", t0) || !hosts->contains("d"));
}

TEST(pipeline_family, keeps_an_entry_that_is_asked_for_while_its_policies_are_looked_at)
{
    class asking final : public gate
    {
    public:
        explicit asking(std::optional<pipeline_family> const& of) : of_(of) {}
        std::string_view name() const noexcept override { return "asking"; }
        admission admit(visit const&) override { return admission::granted({}); }
        void settle(grant const&, verdict, visit const&) noexcept override {}
        std::string_view state_to_keep(time_point) const noexcept override
        {
            (void)of_->try_get("a", t0);
            return "";
        }

    private:
        std::optional<pipeline_family> const& of_;
    };
    std::optional<pipeline_family> hosts;
    hosts.emplace(holding(2), [&](std::string_view) {
        return pipeline{std::shared_ptr<gate>(std::make_shared<asking>(hosts))};
    });
    (void)hosts->get("a", t0);
    EXPECT_EQ(hosts->sweep(t0 + 10min), 0u);
    EXPECT_TRUE(hosts->contains("a"));
}

TEST(pipeline_family, may_give_many_keys_one_and_the_same_pipeline)
{
    pipeline const gold{bulkhead{}};
    pipeline_family const tenants(holding(2), [&](std::string_view) { return gold; });
    for (auto const* key : {"a", "b", "c", "d"}) EXPECT_TRUE(tenants.try_get(key, t0));
    EXPECT_EQ(tenants.snapshot().entries, 2u);
    EXPECT_EQ(tenants.snapshot().displaced, 2u);
}

// --- threads

TEST(pipeline_family, gives_two_threads_that_ask_for_the_same_new_key_the_same_pipeline)
{
    std::latch both_build(2);
    std::atomic<int> built{0};
    pipeline_family const hosts(holding(10), [&](std::string_view) {
        ++built;
        both_build.arrive_and_wait();
        return pipeline{rate_limiter{{.permits = 1, .per = 1h}}};
    });
    std::vector<std::optional<pipeline>> got(2);
    on_two_threads([&](unsigned thread) { got[thread] = hosts.get("a", t0); });
    EXPECT_EQ(built, 2);
    EXPECT_EQ(hosts.snapshot().built, 1u);

    simulation world;
    scripted<int> op;
    op.returns(42);
    EXPECT_TRUE(world.run(got[0]->run(op)).ok());
    EXPECT_EQ(world.run(got[1]->run(op)).error(), errc::rate_limited) << "one limiter for both";
}

TEST(pipeline_family, stays_within_its_bound_while_threads_ask_remove_and_sweep)
{
    auto options = holding(8);
    std::atomic<std::size_t> lost{0};
    std::atomic<std::size_t> removals{0};
    options.on_removed = [&](pipeline_removed const& r) {
        ++removals;
        lost += r.lost.empty() ? 0u : 1u;
    };
    pipeline_family const hosts(options, [](std::string_view key) {
        circuit_breaker const own{trips_after(1)};
        if (key.size() > 1) own.try_acquire(t0).settle(verdict::failure, t0);
        return pipeline{own};
    });
    std::atomic<std::size_t> most{0};
    on_two_threads([&](unsigned thread) {
        tests::dice dice(thread + 1);
        std::vector<pipeline> held;
        for (auto i = 0; i < 20'000; ++i) {
            auto const now = t0 + std::chrono::milliseconds(i);
            auto const key = std::to_string(dice.below(20));
            auto got = hosts.try_get(key, now);
            if (got && dice.one_in(4)) held.push_back(*std::move(got));
            if (held.size() > 3) held.clear();
            if (dice.one_in(50)) hosts.remove(key, now);
            if (dice.one_in(50)) hosts.sweep(now);
            auto const size = hosts.snapshot().entries;
            for (auto m = most.load(); size > m && !most.compare_exchange_weak(m, size);) {}
        }
    });
    auto const seen = hosts.snapshot();
    EXPECT_EQ(most, 8u);
    EXPECT_EQ(seen.built, seen.entries + removals);
    EXPECT_EQ(seen.expired + seen.displaced + seen.removed, removals);
    EXPECT_EQ(seen.lost_state, lost);
    EXPECT_GT(lost, 0u);
}

} // namespace
