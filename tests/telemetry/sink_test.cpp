#include <keel/telemetry/sink.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace {

using namespace keel::telemetry;

static_assert(noexcept(emit(std::declval<sink*>(), std::declval<event const&>())));
static_assert(!std::is_copy_constructible_v<sink>);
static_assert(std::has_virtual_destructor_v<sink>);

class kinds final : public sink
{
public:
    explicit kinds(severity least) : least_(least) {}

    void on(event const& e) override { seen.push_back(e.index()); }
    severity least_severity() const noexcept override { return least_; }

    std::vector<std::size_t> seen;

private:
    severity least_;
};

template <class Thrown>
class thrower final : public sink
{
public:
    explicit thrower(Thrown what) : what_(std::move(what)) {}

    void on(event const&) override
    {
        ++asked;
        throw what_;
    }

    int asked = 0;

private:
    Thrown what_;
};

TEST(sink, hears_every_kind_of_event)
{
    kinds k(severity::debug);
    emit(&k, circuit_changed{});
    emit(&k, retry_scheduled{});
    emit(&k, retry_stopped{});
    emit(&k, timed_out{});
    emit(&k, rejected{});
    emit(&k, fell_back{});
    emit(&k, orphan_ended{});
    emit(&k, circuit_reset{});
    emit(&k, circuit_ignored{});
    emit(&k, attempt_ended{});
    emit(&k, call_ended{});
    emit(&k, questionable_composition{});
    EXPECT_EQ(k.seen, (std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
    EXPECT_EQ(k.seen.size(), std::variant_size_v<event>);
}

TEST(sink, hears_only_what_is_severe_enough_for_it)
{
    kinds k(severity::warning);
    emit(&k, call_ended{}); // debug
    emit(&k, fell_back{});  // information
    emit(&k, rejected{});   // warning
    EXPECT_EQ(k.seen, (std::vector<std::size_t>{event(rejected{}).index()}));
}

TEST(sink, nobody_needs_to_listen) { emit(nullptr, orphan_ended{}); }

TEST(sink, what_it_throws_is_dropped)
{
    thrower failing(std::runtime_error("disk full"));
    emit(&failing, orphan_ended{});
    emit(&failing, orphan_ended{});
    EXPECT_EQ(failing.asked, 2);
}

TEST(sink, may_throw_what_is_no_exception_type)
{
    thrower failing(42);
    emit(&failing, orphan_ended{});
    EXPECT_EQ(failing.asked, 1);
}

} // namespace
