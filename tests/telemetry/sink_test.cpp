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
    void on(event const& e) override { seen.push_back(e.index()); }

    std::vector<std::size_t> seen;
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
    kinds k;
    emit(&k, circuit_changed{});
    emit(&k, retry_scheduled{});
    emit(&k, retry_stopped{});
    emit(&k, timed_out{});
    emit(&k, rejected{});
    emit(&k, fell_back{});
    emit(&k, orphan_ended{});
    EXPECT_EQ(k.seen, (std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(k.seen.size(), std::variant_size_v<event>);
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
