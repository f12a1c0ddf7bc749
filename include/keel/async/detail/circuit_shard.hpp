#pragma once

#include <keel/async/circuit_breaker_registry.hpp>
#include <keel/async/circuit_permit.hpp>
#include <keel/async/detail/brief_lock.hpp>
#include <keel/async/detail/circuit_cell.hpp>
#include <keel/async/detail/observer_slot.hpp>
#include <keel/async/gate.hpp>
#include <keel/policy/circuit_breaker.hpp>

#include <boost/unordered/unordered_flat_set.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

namespace keel::detail {

/// A circuit with its key and the words of its window behind it, in one block: for 100 outcomes 64 bytes and
/// the key, in whole words, which is what a look-up touches anyway. The key comes first: where it lies does
/// not depend on what is in the block, so that the processor fetches both at once. Everything but the key
/// under the lock of its shard.
struct circuit_entry
{
    policy::circuit circuit;
    std::uint32_t uses = 0; ///< Permits and handles that are out.
    std::uint16_t key_size;
    time_point asked{};

    std::string_view key() noexcept { return {reinterpret_cast<char const*>(this + 1), key_size}; }
    policy::word* window() noexcept
    {
        return reinterpret_cast<policy::word*>(this + 1) + words_for_key(key_size);
    }
    static constexpr std::size_t words_for_key(std::size_t size) noexcept
    {
        return (size + sizeof(policy::word) - 1) / sizeof(policy::word);
    }

    bool is_at_rest() const noexcept { return uses == 0 && circuit.state == circuit_state::closed; }
    bool may_be_lost() const noexcept { return uses == 0 && circuit.state != circuit_state::forced_open; }

    struct free_block
    {
        void operator()(circuit_entry*) const noexcept;
    };
};

static_assert(alignof(circuit_entry) >= alignof(policy::word)); // which lie behind it

using circuit_entry_ptr = std::unique_ptr<circuit_entry, circuit_entry::free_block>;
circuit_entry_ptr make_circuit_entry(std::string_view key, std::size_t window_words);

/// What all shards of a registry have in common.
struct circuit_commons
{
    explicit circuit_commons(circuit_breaker_registry_options);

    /// Takes a place for one more entry, if there is one.
    bool take_place() noexcept;
    void tell_removed(circuit_entry&, time_point) const noexcept;

    circuit_breaker_registry_options const options; ///< But for `breaker`, which is in the rules.
    policy::circuit_rules const rules;
    observer_slot sink;
    std::atomic<std::size_t> places_taken{0};
    std::atomic<std::uint64_t> refused{0};
    std::atomic<std::uint64_t> expired{0};
    std::atomic<std::uint64_t> displaced{0};
    std::atomic<std::uint64_t> lost_state{0};
};

/// A key and its hash, which is worked out once.
struct circuit_lookup
{
    explicit circuit_lookup(std::string_view k) noexcept : key(k), hash(std::hash<std::string_view>{}(k)) {}

    std::string_view key;
    std::size_t hash;
};

/// A part of a registry's circuits, under one lock. It belongs to the registry and to every permit and
/// handle that is out, and deletes itself when the last of them lets it go; that count is one more number
/// under the lock, where a shared pointer would be an atomic that all threads pull at.
class circuit_shard
{
public:
    using lock = std::unique_lock<brief_lock>;

    explicit circuit_shard(std::shared_ptr<circuit_commons> c) : commons_(std::move(c)) {}

    circuit_commons& commons() const noexcept { return *commons_; }
    /// The registry goes.
    void leave() noexcept { let_go(nullptr); }

    lock hold() { return lock(lock_); }

    // Under the lock.

    circuit_entry* find(circuit_lookup const& l) const
    {
        auto const found = index_.find(l);
        return found == index_.end() ? nullptr : *found;
    }
    circuit_entry& insert(circuit_entry_ptr);
    void pin(circuit_entry& e, time_point now) noexcept
    {
        ++e.uses;
        ++held_;
        e.asked = std::max(e.asked, now);
    }
    /// The answer of a circuit that has just been found; it gives the lock away to tell of it.
    circuit_permit answer(circuit_entry&, time_point now, lock);
    template <class Visit>
    void for_each(Visit visit)
    {
        for (auto* const e : index_) visit(*e);
    }
    policy::circuit_view view(circuit_entry& e) const noexcept
    {
        return {commons_->rules, e.circuit, e.window()};
    }

    // Without it.

    /// For handles, which have pinned the entry.
    admission admit(circuit_entry&, visit const&);
    void settle(circuit_entry&, grant const&, verdict, visit const&) noexcept;
    void force(circuit_entry&, bool open, time_point now);
    void unpin(circuit_entry& e) noexcept { let_go(&e); }

    /// The call of a permit has ended.
    void take_back(circuit_entry&, grant const&, verdict, moment&) noexcept;

    /// Of the next `most` entries at rest that are idle for long enough. \returns how many went
    std::size_t drop_idle(time_point now, std::size_t most);
    /// An entry goes for another: one at rest, or else any that may. False: there is none.
    bool displace(bool at_rest, time_point now);

private:
    struct hash
    {
        using is_transparent = void;
        using is_avalanching = void;
        std::size_t operator()(circuit_lookup const& l) const noexcept { return l.hash; }
        std::size_t operator()(circuit_entry* e) const noexcept { return circuit_lookup(e->key()).hash; }
    };
    struct equal
    {
        using is_transparent = void;
        bool operator()(circuit_entry* a, circuit_entry* b) const noexcept { return a == b; }
        bool operator()(circuit_lookup const& l, circuit_entry* e) const noexcept
        {
            return l.key == e->key();
        }
        bool operator()(circuit_entry* e, circuit_lookup const& l) const noexcept
        {
            return l.key == e->key();
        }
    };

    ~circuit_shard();

    policy::circuit_control control(circuit_entry& e) noexcept
    {
        return {commons_->rules, e.circuit, e.window()};
    }
    /// One decision under the lock; if it changed the state, everybody is told after the lock is gone.
    template <class Decision>
    auto change(circuit_entry&, visit const&, Decision);
    circuit_reporter tell(circuit_entry& e, visit const& v,
                          std::shared_ptr<telemetry::sink> const& own) const noexcept
    {
        return {commons_->rules.options(), own.get(), v, e.key()};
    }

    /// Under the lock. True: that was the last one, and the shard is to be deleted without it.
    bool release(circuit_entry* used) noexcept
    {
        if (used) {
            --used->uses;
            if (used->is_at_rest()) none_rests_ = false;
            if (used->may_be_lost()) none_may_go_ = false;
        }
        return --held_ == 0;
    }
    void let_go(circuit_entry* used) noexcept;

    /// Goes round from the hand over at most `most` entries, and takes out the coldest of the first `enough`
    /// that may go. When it has found one, it does not look further than at `patience` entries.
    template <class MayGo>
    circuit_entry_ptr take(MayGo, std::size_t enough, std::size_t most, std::size_t patience);

    brief_lock lock_;
    boost::unordered_flat_set<circuit_entry*, hash, equal> index_;
    std::size_t held_ = 1;          ///< By the registry, and by all who use an entry.
    circuit_entry* hand_ = nullptr; ///< Where the next search begins. Null: anywhere.
    bool none_rests_ = false;       ///< Found out by looking at all; nothing has come to rest since.
    bool none_may_go_ = false;      ///< Likewise; of nothing that may be lost has anybody let go since.
    std::shared_ptr<circuit_commons> commons_;
};

} // namespace keel::detail
