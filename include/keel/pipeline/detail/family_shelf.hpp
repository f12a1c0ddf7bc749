#pragma once

#include <keel/core/time.hpp>
#include <keel/pipeline/detail/custody.hpp>
#include <keel/pipeline/pipeline.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace keel::detail {

/// A pipeline of a family, by its key.
struct family_entry
{
    family_entry(std::string_view k, pipeline p) : key(k), held(std::move(p)) {}

    std::string const key;
    pipeline const held;

    // The rest under the family's lock.
    time_point asked{};
    std::uint64_t times_asked = 0;
    bool kept = false; ///< It had state when it was last looked at, and nobody has asked for it since.
    bool here = false; ///< In the family.
    std::list<std::shared_ptr<family_entry>>::iterator place{};

    bool in_use() const noexcept { return custody::is_in_use(held); }
};

using family_entry_ptr = std::shared_ptr<family_entry>;

/// The entries by key and in the order in which they were last asked for. Those that were found to have state
/// stand apart, so that looking for one at rest need not step over them again and again. Not thread-safe.
class family_shelf
{
public:
    family_entry* find(std::string_view key) const
    {
        auto const found = by_key_.find(key);
        return found == by_key_.end() ? nullptr : found->second;
    }

    void add(family_entry_ptr const& e, time_point now)
    {
        recent_.push_front(e);
        e->place = recent_.begin();
        try {
            by_key_.emplace(e->key, e.get());
        } catch (...) {
            recent_.pop_front();
            throw;
        }
        e->here = true;
        asked_for(*e, now);
    }

    void asked_for(family_entry& e, time_point now)
    {
        e.asked = std::max(e.asked, now);
        ++e.times_asked;
        recent_.splice(recent_.begin(), e.kept ? kept_ : recent_, e.place);
        e.kept = false;
    }

    void set_apart(family_entry& e)
    {
        kept_.splice(kept_.begin(), e.kept ? kept_ : recent_, e.place);
        e.kept = true;
    }

    family_entry_ptr take(family_entry& e)
    {
        auto taken = *e.place;
        by_key_.erase(taken->key);
        (e.kept ? kept_ : recent_).erase(e.place);
        e.here = false;
        return taken;
    }

    std::size_t size() const noexcept { return by_key_.size(); }
    std::list<family_entry_ptr> const& recent() const noexcept { return recent_; }
    std::list<family_entry_ptr> const& kept() const noexcept { return kept_; }

private:
    std::unordered_map<std::string_view, family_entry*> by_key_;
    std::list<family_entry_ptr> recent_; ///< The last asked for in front.
    std::list<family_entry_ptr> kept_;
};

} // namespace keel::detail
