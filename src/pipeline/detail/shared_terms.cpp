#include <keel/pipeline/detail/shared_terms.hpp>

#include <keel/async/detail/cache_line.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <utility>

namespace keel::detail {
namespace {

// Not more: they are made for each pipeline, and of two threads that meet in one place each only waits now
// and then.
constexpr std::size_t places_of_each = 4;

/// Which place this thread's owners are counted in.
std::size_t own_place() noexcept
{
    static constinit std::atomic<std::size_t> threads{0};
    thread_local constinit std::size_t own = places_of_each;
    if (own == places_of_each) own = threads.fetch_add(1, std::memory_order_relaxed) % places_of_each;
    return own;
}

/// As large as a line of the cache, so that what counts the owners has one to itself.
struct alignas(cache_line) place
{
    std::shared_ptr<terms const> what;
};

std::shared_ptr<terms const> make_place(std::shared_ptr<terms const> what)
{
    auto made = std::make_shared<place>(std::move(what));
    auto const* const where = made->what.get();
    return {std::move(made), where};
}

} // namespace

struct shared_terms::places
{
    std::array<std::shared_ptr<terms const>, places_of_each> all;
};

shared_terms shared_terms::counted_apart(std::shared_ptr<terms const> what)
{
    auto places = std::make_shared<shared_terms::places>();
    for (auto& p : places->all) p = make_place(what);
    shared_terms made(std::move(what));
    made.places_ = std::move(places);
    return made;
}

std::shared_ptr<terms const> const& shared_terms::place() const noexcept { return places_->all[own_place()]; }

bool shared_terms::has_other_owners() const noexcept
{
    // First, for who drops the last other copy of a pipeline has made his calls with it before.
    auto const own = places_ ? 1 + places_of_each : 1;
    if (what_.use_count() > static_cast<long>(own)) return true;
    std::atomic_thread_fence(std::memory_order_acquire);
    auto const is_shared = [](auto const& p) { return p.use_count() > 1; };
    return places_ && std::any_of(places_->all.begin(), places_->all.end(), is_shared);
}

} // namespace keel::detail
