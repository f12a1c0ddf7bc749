#include <keel/async/circuit_breaker_registry.hpp>

#include <keel/async/detail/circuit_shard.hpp>

#include <boost/system/system_error.hpp>

#include <algorithm>
#include <bit>
#include <limits>
#include <stdexcept>
#include <utility>

namespace keel {

using detail::circuit_commons;
using detail::circuit_entry;
using detail::circuit_lookup;
using detail::circuit_shard;

option_faults validate(circuit_breaker_registry_options const& o)
{
    option_faults faults;
    faults.merge("breaker", validate(o.breaker));
    faults.require(o.max_entries >= 1, "max_entries", o.max_entries, "at least 1");
    faults.require(o.max_key_size >= 1 && o.max_key_size <= 65'535, "max_key_size", o.max_key_size,
                   "1 to 65535");
    faults.require(o.idle_expiry > duration::zero(), "idle_expiry", o.idle_expiry, "above 0");
    return faults;
}

namespace {

// A shard for some hundred entries, so that small registries have one and a bound of few entries is exact in
// what it lets go.
std::size_t shards_for(std::size_t entries)
{
    return std::bit_floor(std::clamp<std::size_t>(entries / 256, 1, 64));
}

/// How many idle breakers a new key lets go at most.
constexpr std::size_t some = 4;

} // namespace

class circuit_breaker_registry::state_type
{
public:
    explicit state_type(circuit_breaker_registry_options o)
        : commons_(std::make_shared<circuit_commons>(checked("circuit_breaker_registry", std::move(o)))),
          shards_(shards_for(commons_->options.max_entries))
    {
        for (auto& s : shards_) s.reset(new circuit_shard(commons_));
    }

    circuit_commons& commons() const noexcept { return *commons_; }

    circuit_shard& shard_of(circuit_lookup const& l) const
    {
        return *shards_[l.hash >> hash_bits_in_use & (shards_.size() - 1)];
    }

    /// Null: there is no room.
    circuit_entry* find_or_add(circuit_lookup const& l, circuit_shard& s, circuit_shard::lock& held,
                               time_point now)
    {
        if (auto* const found = s.find(l)) return found;
        held.unlock();
        auto* const added = add(l, s, held, now);
        if (!added) commons_->refused.fetch_add(1, std::memory_order_relaxed);
        return added;
    }

    template <class Visit>
    void for_each_shard(Visit visit) const
    {
        for (auto const& s : shards_) visit(*s);
    }

private:
    struct leave
    {
        void operator()(circuit_shard* s) const noexcept { s->leave(); }
    };

    /// A place that is given back unless an entry fills it.
    struct place
    {
        ~place()
        {
            if (of) of->places_taken.fetch_sub(1, std::memory_order_relaxed);
        }
        circuit_commons* of;
    };

    circuit_entry* add(circuit_lookup const& l, circuit_shard& s, circuit_shard::lock& held, time_point now)
    {
        if (l.key.size() > commons_->options.max_key_size)
            throw std::length_error("circuit_breaker_registry: a key of " + std::to_string(l.key.size()) +
                                    " bytes");
        s.drop_idle(now, some);
        for (auto rounds = 0; !commons_->take_place(); ++rounds)
            if (rounds == most_rounds || !make_room(s, now)) return nullptr;
        place here{commons_.get()};
        auto fresh = detail::make_circuit_entry(l.key, commons_->rules.words());
        held.lock();
        if (auto* const others = s.find(l)) return others; // another thread was faster
        auto& added = s.insert(std::move(fresh));
        here.of = nullptr;
        return &added;
    }

    bool make_room(circuit_shard& first, time_point now) const
    {
        for (auto const at_rest : {true, false}) {
            if (first.displace(at_rest, now)) return true;
            for (auto const& s : shards_)
                if (s.get() != &first && s->displace(at_rest, now)) return true;
        }
        return false;
    }

    /// Others may be faster to take the room that was made. So may `on_removed`, for ever, if it asks for a key.
    static constexpr int most_rounds = 64;

    // The set uses the lowest eight bits and the highest ones.
    static constexpr unsigned hash_bits_in_use = 8;

    std::shared_ptr<circuit_commons> const commons_;
    std::vector<std::unique_ptr<circuit_shard, leave>> shards_;
};

/// What a handle to a registry's breaker refers to. It pins the entry.
class circuit_breaker_registry::keyed_cell final : public circuit_breaker::cell
{
public:
    /// `e` is pinned already.
    keyed_cell(circuit_shard& s, circuit_entry& e) noexcept : shard_(s), entry_(e) {}
    ~keyed_cell() override { shard_.unpin(entry_); }

    circuit_breaker_options const& options() const noexcept override
    {
        return shard_.commons().rules.options();
    }
    admission admit(visit const& v) override { return shard_.admit(entry_, v); }
    void settle(grant const& pass, verdict what, visit const& v) noexcept override
    {
        shard_.settle(entry_, pass, what, v);
    }
    /// The registry keeps it, whatever becomes of the handle.
    std::string_view state_to_keep(time_point) const noexcept override { return {}; }
    void force(bool open, time_point now) override { shard_.force(entry_, open, now); }
    circuit_state state() const noexcept override
    {
        auto const held = shard_.hold();
        return entry_.circuit.state;
    }
    circuit_breaker_snapshot snapshot(time_point now) const override
    {
        auto const held = shard_.hold();
        return shard_.view(entry_).snapshot(now);
    }
    void observe(std::shared_ptr<telemetry::sink> sink) override
    {
        shard_.commons().sink.set(std::move(sink));
    }

private:
    circuit_shard& shard_;
    circuit_entry& entry_;
};

circuit_breaker_registry::circuit_breaker_registry(circuit_breaker_registry_options options)
    : state_(std::make_shared<state_type>(std::move(options)))
{}

circuit_permit circuit_breaker_registry::try_acquire(std::string_view key, time_point now) const
{
    circuit_lookup const wanted(key);
    auto& shard = state_->shard_of(wanted);
    auto held = shard.hold();
    if (auto* const found = state_->find_or_add(wanted, shard, held, now))
        return shard.answer(*found, now, std::move(held));
    return {errc::registry_full, std::nullopt};
}

circuit_breaker circuit_breaker_registry::get(std::string_view key, time_point now) const
{
    circuit_lookup const wanted(key);
    auto& shard = state_->shard_of(wanted);
    auto held = shard.hold();
    auto* const found = state_->find_or_add(wanted, shard, held, now);
    if (!found)
        throw boost::system::system_error(errc::registry_full, state_->commons().rules.options().name);
    shard.pin(*found, now);
    held.unlock();
    try {
        return circuit_breaker(std::make_shared<keyed_cell>(shard, *found));
    } catch (...) { // no memory
        shard.unpin(*found);
        throw;
    }
}

void circuit_breaker_registry::force_open(std::string_view key, time_point now) const
{
    get(key, now).force_open(now);
}

void circuit_breaker_registry::force_close(std::string_view key, time_point now) const
{
    if (contains(key)) get(key, now).force_close(now);
}

circuit_state circuit_breaker_registry::state(std::string_view key) const
{
    circuit_lookup const wanted(key);
    auto& shard = state_->shard_of(wanted);
    auto const held = shard.hold();
    auto const* const found = shard.find(wanted);
    return found ? found->circuit.state : circuit_state::closed;
}

std::optional<circuit_breaker_snapshot> circuit_breaker_registry::snapshot(std::string_view key,
                                                                           time_point now) const
{
    circuit_lookup const wanted(key);
    auto& shard = state_->shard_of(wanted);
    auto const held = shard.hold();
    auto* const found = shard.find(wanted);
    if (!found) return std::nullopt;
    return shard.view(*found).snapshot(now);
}

bool circuit_breaker_registry::contains(std::string_view key) const
{
    circuit_lookup const wanted(key);
    auto& shard = state_->shard_of(wanted);
    auto const held = shard.hold();
    return shard.find(wanted) != nullptr;
}

circuit_breaker_registry_snapshot circuit_breaker_registry::snapshot() const
{
    auto const& seen = state_->commons();
    return {seen.places_taken, seen.options.max_entries, seen.refused,
            seen.expired,      seen.displaced,           seen.lost_state};
}

std::vector<circuit_breaker_entry> circuit_breaker_registry::entries(time_point now) const
{
    std::vector<circuit_breaker_entry> found;
    state_->for_each_shard([&](circuit_shard& s) {
        auto const held = s.hold();
        s.for_each([&](circuit_entry& e) {
            found.push_back({std::string(e.key()), s.view(e).snapshot(now), e.uses > 0,
                             std::max(saturating_sub(now, e.asked), duration::zero())});
        });
    });
    return found;
}

std::size_t circuit_breaker_registry::sweep(time_point now) const
{
    std::size_t dropped = 0;
    state_->for_each_shard(
        [&](circuit_shard& s) { dropped += s.drop_idle(now, std::numeric_limits<std::size_t>::max()); });
    return dropped;
}

void circuit_breaker_registry::observe(std::shared_ptr<telemetry::sink> sink) const
{
    state_->commons().sink.set(std::move(sink));
}

} // namespace keel
