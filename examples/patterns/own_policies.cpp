// A gate and a loop of one's own: they stand in a pipeline like Keel's.

#include "check.hpp"

#include <keel/keel.hpp>

#include <atomic>
#include <iostream>
#include <memory>
#include <stdexcept>

namespace asio = boost::asio;
using namespace std::chrono_literals;

// [gate]
/// Refuses everything while somebody works on the dependency.
class maintenance final : public keel::gate
{
public:
    std::string_view name() const noexcept override { return "maintenance"; }

    keel::admission admit(keel::visit const& v) override
    {
        if (closed) return keel::admission::refused(keel::errc::circuit_forced_open, v.now() + 30s);
        return keel::admission::granted({});
    }

    void settle(keel::grant const&, keel::verdict, keel::visit const&) noexcept override {}

    std::string_view state_to_keep(keel::time_point) const noexcept override
    {
        return closed ? "closed" : "";
    }

    std::atomic<bool> closed = false;
};
// [/gate]

// [loop]
/// Runs again whatever failed within its first millisecond: it cannot have had an effect.
class eager final : public keel::loop
{
public:
    std::string_view name() const noexcept override { return "eager"; }

    std::unique_ptr<keel::loop_run> begin(keel::moment& now) const override
    {
        return std::make_unique<run>(now());
    }

private:
    class run final : public keel::loop_run
    {
    public:
        explicit run(keel::time_point started) : started_(started) {}

        keel::loop_action attempt_ended(keel::attempt_end const& end) override
        {
            auto const early = end.now() - started_ < 1ms;
            if (end.what == keel::verdict::success || !early || end.attempts > 2) return keel::pass_on{};
            return keel::run_again{};
        }

    private:
        keel::time_point started_;
    };
};
// [/loop]

asio::awaitable<int> flaky(int* calls)
{
    if (++*calls == 1) throw std::runtime_error("the connection is gone");
    co_return 42;
}

asio::awaitable<void> example()
{
    // [usage]
    auto const works = std::make_shared<maintenance>();
    keel::pipeline const orders{std::shared_ptr<keel::gate>(works),
                                std::shared_ptr<keel::loop const>(std::make_shared<eager>())};
    // [/usage]
    auto calls = 0;
    auto const first = co_await orders.run(flaky, &calls);
    check(first.ok() && calls == 2, "the loop ran it again");

    works->closed = true;
    auto const refused = co_await orders.run(flaky, &calls);
    std::cout << "ended by " << refused.report().policy << '\n';
    check(refused.error() == keel::condition::rejected, "the gate refuses");
    check(calls == 2, "refused means not run");
}
