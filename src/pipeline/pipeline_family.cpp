#include <keel/pipeline/pipeline_family.hpp>

#include <keel/core/error.hpp>
#include <keel/pipeline/detail/custody.hpp>
#include <keel/pipeline/detail/family_shelf.hpp>

#include <boost/system/system_error.hpp>

#include <algorithm>
#include <iterator>
#include <list>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace keel {

using detail::custody;
using detail::family_shelf;
using entry = detail::family_entry;
using entry_ptr = detail::family_entry_ptr;

option_faults validate(pipeline_family_options const& o)
{
    option_faults faults;
    faults.require(o.max_entries >= 1, "max_entries", o.max_entries, "at least 1");
    faults.require(o.max_key_size >= 1, "max_key_size", o.max_key_size, "at least 1");
    faults.require(o.idle_expiry > duration::zero(), "idle_expiry", o.idle_expiry, "above 0");
    faults.require(o.state_expiry >= o.idle_expiry, "state_expiry", o.state_expiry, "at least idle_expiry");
    return faults;
}

std::string_view to_string(removal_cause why) noexcept
{
    switch (why) {
    case removal_cause::idle: return "idle";
    case removal_cause::room: return "room";
    case removal_cause::request: return "request";
    }
    return "unknown";
}

namespace {

/// An entry that was idle when it was chosen, and what it has to keep: found out without a lock, and true for
/// as long as nobody has asked for it.
struct candidate
{
    entry_ptr of;
    std::uint64_t times_asked;
    std::vector<kept_state> keeps{};

    bool still_stands() const noexcept { return of->here && of->times_asked == times_asked && !of->in_use(); }
};

struct removal
{
    pipeline_removed what;
    entry_ptr gone; ///< Destroyed with this, outside the lock.
};

} // namespace

class pipeline_family::state
{
public:
    state(pipeline_family_options options, factory make)
        : options_(checked("pipeline_family", std::move(options))),
          make_(std::move(make))
    {
        if (!make_) throw std::invalid_argument("pipeline_family: \"" + options_.name + "\" has no factory");
    }

    std::optional<pipeline> get(std::string_view key, time_point now)
    {
        check(key);
        auto due = false;
        auto found = look_up(key, now, due);
        if (!found) found = put(std::make_shared<entry>(key, custody::own_copy(make_(key), key)), now, due);
        if (due) drop_what_is_over(few, now);
        return found;
    }

    bool contains(std::string_view key) const
    {
        std::lock_guard lock(mutex_);
        return shelf_.find(key) != nullptr;
    }

    bool remove(std::string_view key, time_point now)
    {
        entry_ptr gone;
        {
            std::lock_guard lock(mutex_);
            if (auto* const e = shelf_.find(key)) gone = shelf_.take(*e);
        }
        if (!gone) return false;
        auto lost = custody::state_of(gone->held, now);
        {
            std::lock_guard lock(mutex_);
            count(removal_cause::request, !lost.empty());
        }
        report({options_.name, gone->key, removal_cause::request, std::move(lost), now});
        return true;
    }

    std::size_t sweep(time_point now)
    {
        auto dropped = drop_what_is_over(all, now);
        auto const kept = [&] {
            std::lock_guard lock(mutex_);
            return coldest(shelf_.kept(), all, [&](entry const& e) { return is_idle(e, now); }, now);
        }();
        return dropped + settle(look_at(kept, now), removal_cause::idle, all, now);
    }

    pipeline_family_snapshot snapshot() const
    {
        std::lock_guard lock(mutex_);
        auto seen = counted_;
        seen.entries = shelf_.size();
        seen.max_entries = options_.max_entries;
        return seen;
    }

    std::vector<pipeline_entry> entries(time_point now) const
    {
        std::vector<entry_ptr> held;
        std::vector<pipeline_entry> seen;
        {
            std::lock_guard lock(mutex_);
            for (auto const* list : {&shelf_.recent(), &shelf_.kept()})
                for (auto const& e : *list) {
                    auto const idle = std::max(duration::zero(), saturating_sub(now, e->asked));
                    seen.push_back({options_.name, e->key, e->in_use(), idle, {}});
                    held.push_back(e);
                }
        }
        for (std::size_t i = 0; i < held.size(); ++i) seen[i].keeps = custody::state_of(held[i]->held, now);
        return seen;
    }

    std::string const& name() const noexcept { return options_.name; }

private:
    static constexpr std::size_t few = 2; ///< What an access drops, and more than it can add.
    static constexpr std::size_t some = 16;
    /// Others may be faster to take the room that was made. So may `on_removed`, for ever, if it asks for a
    /// key.
    static constexpr int most_rounds = 64;
    static constexpr std::size_t all = static_cast<std::size_t>(-1);

    void check(std::string_view key) const
    {
        if (key.size() <= options_.max_key_size) return;
        throw std::length_error("pipeline_family: a key of \"" + options_.name + "\" has " +
                                std::to_string(key.size()) + " bytes, allowed is up to " +
                                std::to_string(options_.max_key_size));
    }

    // --- asking

    std::optional<pipeline> look_up(std::string_view key, time_point now, bool& due)
    {
        std::lock_guard lock(mutex_);
        auto* const e = shelf_.find(key);
        if (!e) return std::nullopt;
        return hand_out(*e, now, due);
    }

    pipeline hand_out(entry& e, time_point now, bool& due)
    {
        shelf_.asked_for(e, now);
        due = is_over(shelf_.recent(), options_.idle_expiry, now) ||
              is_over(shelf_.kept(), options_.state_expiry, now);
        return e.held;
    }

    /// Somebody else may have been faster: then it is theirs that everybody gets.
    std::optional<pipeline> put(entry_ptr const& made, time_point now, bool& due)
    {
        auto rounds = 0;
        do {
            std::lock_guard lock(mutex_);
            if (auto* const theirs = shelf_.find(made->key)) return hand_out(*theirs, now, due);
            if (has_room()) {
                shelf_.add(made, now);
                ++counted_.built;
                return hand_out(*made, now, due);
            }
        } while (rounds++ < most_rounds && make_room(now));
        std::lock_guard lock(mutex_);
        ++counted_.refused;
        return std::nullopt;
    }

    // --- dropping

    bool has_room() const noexcept { return shelf_.size() < options_.max_entries; }

    bool is_idle(entry const& e, time_point now) const noexcept
    {
        return saturating_sub(now, e.asked) >= options_.idle_expiry;
    }

    static bool is_over(std::list<entry_ptr> const& list, duration limit, time_point now) noexcept
    {
        return !list.empty() && saturating_sub(now, list.back()->asked) >= limit;
    }

    /// Up to `most` idle entries among the last `stretch` of a list, coldest first. One that is found in use
    /// counts as asked for.
    template <class Wanted>
    std::vector<candidate> coldest(std::list<entry_ptr> const& list, std::size_t most, Wanted wanted,
                                   time_point now, std::size_t stretch = all)
    {
        std::vector<candidate> chosen;
        auto left = std::min(list.size(), stretch);
        for (auto at = list.end(); left > 0 && chosen.size() < most; --left) {
            auto& e = **std::prev(at);
            if (!wanted(e)) break;
            if (e.in_use()) {
                shelf_.asked_for(e, now);
                continue;
            }
            --at;
            chosen.push_back({*at, e.times_asked});
        }
        return chosen;
    }

    /// Asks the policies, which may be the user's own. Without the lock.
    static std::vector<candidate> look_at(std::vector<candidate> chosen, time_point now)
    {
        for (auto& c : chosen) c.keeps = custody::state_of(c.of->held, now);
        return chosen;
    }

    /// Drops what may go of these, up to `most`, and sets apart what has state to keep. \returns how many
    /// went
    std::size_t settle(std::vector<candidate> seen, removal_cause why, std::size_t most, time_point now)
    {
        std::vector<removal> gone;
        gone.reserve(seen.size());
        {
            std::lock_guard lock(mutex_);
            for (auto& c : seen) {
                if (!c.still_stands() || gone.size() == most) continue;
                if (may_go(c, why, now))
                    gone.push_back(drop(c, why, now));
                else if (!c.of->kept)
                    shelf_.set_apart(*c.of);
            }
        }
        for (auto const& r : gone) report(r.what);
        return gone.size();
    }

    bool may_go(candidate const& c, removal_cause why, time_point now) const
    {
        if (c.keeps.empty()) return true;
        return why == removal_cause::idle && saturating_sub(now, c.of->asked) >= options_.state_expiry;
    }

    removal drop(candidate& c, removal_cause why, time_point now)
    {
        count(why, !c.keeps.empty());
        return {{options_.name, c.of->key, why, std::move(c.keeps), now}, shelf_.take(*c.of)};
    }

    std::size_t drop_what_is_over(std::size_t most, time_point now)
    {
        std::vector<candidate> over;
        {
            std::lock_guard lock(mutex_);
            auto const limit = [&](duration d) {
                return [d, now](entry const& e) { return saturating_sub(now, e.asked) >= d; };
            };
            over = coldest(shelf_.recent(), most, limit(options_.idle_expiry), now);
            auto kept = coldest(shelf_.kept(), most, limit(options_.state_expiry), now);
            std::move(kept.begin(), kept.end(), std::back_inserter(over));
        }
        return settle(look_at(std::move(over), now), removal_cause::idle, all, now);
    }

    /// False: every entry is in use.
    bool make_room(time_point now)
    {
        auto const any = [](entry const&) { return true; };
        auto const choose = [&](std::list<entry_ptr> const& from) {
            std::lock_guard lock(mutex_);
            return coldest(from, some, any, now, some);
        };
        // In stretches, so that others get the lock in between. Whom one has stepped over is not at the cold
        // end any more.
        for (auto left = snapshot().entries; left > 0; left -= std::min(left, some)) {
            auto c = choose(shelf_.recent());
            if (settle(look_at(std::move(c), now), removal_cause::room, 1, now) > 0) return true;
        }
        auto kept = look_at(choose(shelf_.kept()), now);
        if (settle(kept, removal_cause::room, 1, now) > 0 || lose_first(kept, now)) return true;
        std::lock_guard lock(mutex_);
        return has_room();
    }

    /// Nothing is at rest: the one goes that has not been asked for for the longest time.
    bool lose_first(std::vector<candidate>& of, time_point now)
    {
        std::optional<removal> lost;
        {
            std::lock_guard lock(mutex_);
            auto const first =
                std::find_if(of.begin(), of.end(), [](auto const& c) { return c.still_stands(); });
            if (first != of.end()) lost.emplace(drop(*first, removal_cause::room, now));
        }
        if (lost) report(lost->what);
        return lost.has_value();
    }

    void count(removal_cause why, bool lost) noexcept
    {
        if (why == removal_cause::idle) ++counted_.expired;
        if (why == removal_cause::room) ++counted_.displaced;
        if (why == removal_cause::request) ++counted_.removed;
        if (lost) ++counted_.lost_state;
    }

    void report(pipeline_removed const& what) const noexcept
    {
        if (!options_.on_removed) return;
        try {
            options_.on_removed(what);
        } catch (...) { // an observer must not be able to break the call whose request made the entry go
        }
    }

    pipeline_family_options const options_;
    factory const make_;
    mutable std::mutex mutex_;
    family_shelf shelf_;
    pipeline_family_snapshot counted_;
};

pipeline_family::pipeline_family(pipeline_family_options options, factory make)
    : state_(std::make_shared<state>(std::move(options), std::move(make)))
{}

pipeline pipeline_family::get(std::string_view key, time_point now) const
{
    if (auto found = state_->get(key, now)) return *std::move(found);
    throw boost::system::system_error(errc::registry_full, state_->name());
}

std::optional<pipeline> pipeline_family::try_get(std::string_view key, time_point now) const
{
    return state_->get(key, now);
}

bool pipeline_family::contains(std::string_view key) const { return state_->contains(key); }
bool pipeline_family::remove(std::string_view key, time_point now) const { return state_->remove(key, now); }
std::size_t pipeline_family::sweep(time_point now) const { return state_->sweep(now); }
pipeline_family_snapshot pipeline_family::snapshot() const { return state_->snapshot(); }
std::vector<pipeline_entry> pipeline_family::entries(time_point now) const { return state_->entries(now); }
std::string const& pipeline_family::name() const noexcept { return state_->name(); }

} // namespace keel
