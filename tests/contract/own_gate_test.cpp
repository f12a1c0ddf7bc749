// A gate as in the documents, and its contract.

#include <keel/keel.hpp>
#include <keel/testing/contract.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>

namespace {

// [gate]
/// Lets so many calls in at once, and refuses the others.
class turnstile final : public keel::gate
{
public:
    explicit turnstile(int width) : width_(width)
    {
        if (width < 1) throw std::invalid_argument("turnstile: width must be at least 1");
    }

    std::string_view name() const noexcept override { return "turnstile"; }

    keel::admission admit(keel::visit const&) override
    {
        if (++inside < width_ + 1) return keel::admission::granted({});
        --inside;
        return keel::admission::refused(keel::errc::bulkhead_full);
    }

    void settle(keel::grant const&, keel::verdict, keel::visit const&) noexcept override { --inside; }

    std::atomic<int> inside = 0;

private:
    int width_;
};
// [/gate]

// [contract]
TEST(turnstile, keeps_the_contract)
{
    keel::testing::policy_contract const contract{
        "turnstile", [](keel::testing::surroundings const&) {
            auto const own = std::make_shared<turnstile>(2);
            keel::testing::subject s{.policy = std::shared_ptr<keel::gate>(own)};
            s.refuse = [own] { own->inside = 2; };
            s.in_use = [own] { return static_cast<std::size_t>(own->inside); };
            s.mistakes = {{"width", [] { turnstile(0); }}};
            return s;
        }};
    auto const report = contract.check();
    EXPECT_TRUE(report.held()) << report;
}
// [/contract]

} // namespace
