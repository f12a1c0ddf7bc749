#include <keel/async/detail/circuit_shard.hpp>

#include <cstring>
#include <limits>
#include <new>
#include <optional>
#include <utility>

namespace keel {

void circuit_permit::come_home(verdict v, moment& at) noexcept
{
    std::exchange(shard_, nullptr)->take_back(*entry_, {generation_, at_, 1}, v, at);
}

} // namespace keel

namespace keel::detail {
namespace {

constexpr std::size_t all = std::numeric_limits<std::size_t>::max();

// How many entries that may go are compared, and how many are looked at for better ones when one that is not
// at rest has been found: then the registry is in trouble, and each new key comes here.
constexpr std::size_t compared = 16;
constexpr std::size_t looked_at = 64;

} // namespace

circuit_entry_ptr make_circuit_entry(std::string_view key, std::size_t window_words)
{
    auto const words = circuit_entry::words_for_key(key.size()) + window_words;
    auto* const block = ::operator new(sizeof(circuit_entry) + words * sizeof(policy::word));
    auto* const made =
        ::new (block) circuit_entry{.circuit = {}, .key_size = static_cast<std::uint16_t>(key.size())};
    std::memcpy(static_cast<void*>(made + 1), key.data(), key.size());
    std::uninitialized_fill_n(made->window(), window_words, policy::word{0});
    return circuit_entry_ptr(made);
}

void circuit_entry::free_block::operator()(circuit_entry* e) const noexcept { ::operator delete(e); }

circuit_commons::circuit_commons(circuit_breaker_registry_options o)
    : options(std::move(o)),
      rules(options.breaker)
{}

bool circuit_commons::take_place() noexcept
{
    auto taken = places_taken.load(std::memory_order_relaxed);
    while (taken < options.max_entries)
        if (places_taken.compare_exchange_weak(taken, taken + 1, std::memory_order_relaxed)) return true;
    return false;
}

void circuit_commons::tell_removed(circuit_entry& e, time_point now) const noexcept
{
    if (!options.on_removed) return;
    try {
        options.on_removed({e.key(), e.circuit.state, now});
    } catch (...) { // an observer must not be able to break the call whose request made the entry go
    }
}

circuit_shard::~circuit_shard()
{
    for (auto* const e : index_) circuit_entry_ptr{e};
}

void circuit_shard::let_go(circuit_entry* used) noexcept
{
    auto held = hold();
    auto const last = release(used);
    held.unlock();
    if (last) delete this;
}

circuit_entry& circuit_shard::insert(circuit_entry_ptr e)
{
    index_.insert(e.get());
    return *e.release();
}

template <class Decision>
auto circuit_shard::change(circuit_entry& e, visit const& v, Decision decide)
{
    auto const now = v.now();
    auto held = hold();
    auto const before = e.circuit.state;
    auto const answer = decide(control(e), now);
    auto const after = e.circuit.state;
    held.unlock();
    if (before != after) tell(e, v, commons_->sink.get()).changed({before, after, now});
    return answer;
}

circuit_permit circuit_shard::answer(circuit_entry& e, time_point now, lock held)
{
    pin(e, now);
    auto const before = e.circuit.state;
    if (before == circuit_state::closed) return {*this, e, e.circuit.generation, now};

    auto const answer = control(e).admit(now);
    auto const after = e.circuit.state;
    auto const granted = answer.what == admission::kind::granted;
    held.unlock();
    moment at(now);
    visit const v{.now = at};
    auto const own = commons_->sink.get();
    if (before != after) tell(e, v, own).changed({before, after, now});
    if (granted) return {*this, e, answer.pass.generation, now};
    if (own) tell(e, v, own).refused(answer);
    unpin(e);
    return {answer.why, answer.at};
}

void circuit_shard::take_back(circuit_entry& e, grant const& pass, verdict what, moment& at) noexcept
{
    // A success that cannot open the circuit does not need the time; the clock is not read under the lock.
    auto untimed = what == verdict::success && commons_->rules.is_timeless();
    if (!untimed) at();
    auto held = hold();
    if (untimed && !view(e).is_safe_from_success()) {
        untimed = false;
        held.unlock();
        at();
        held.lock();
    }
    auto const before = e.circuit.state;
    control(e).settle(pass, what, untimed ? time_point{} : at());
    auto const after = e.circuit.state;
    if (before == after && what != verdict::ignored) {
        auto const last = release(&e);
        held.unlock();
        if (last) delete this;
        return;
    }
    held.unlock();
    visit const v{.now = at};
    auto const own = commons_->sink.get();
    if (before != after) tell(e, v, own).changed({before, after, at()});
    if (what == verdict::ignored) tell(e, v, own).ignored();
    unpin(e);
}

admission circuit_shard::admit(circuit_entry& e, visit const& v)
{
    auto const answer = change(e, v, [&](policy::circuit_control circuit, time_point now) {
        e.asked = std::max(e.asked, now);
        return circuit.admit(now);
    });
    if (answer.what == admission::kind::refused)
        if (auto const own = commons_->sink.get()) tell(e, v, own).refused(answer);
    return answer;
}

void circuit_shard::settle(circuit_entry& e, grant const& pass, verdict what, visit const& v) noexcept
{
    change(e, v,
           [&](policy::circuit_control circuit, time_point now) { return circuit.settle(pass, what, now); });
    if (what == verdict::ignored) tell(e, v, commons_->sink.get()).ignored();
}

void circuit_shard::force(circuit_entry& e, bool open, time_point now)
{
    moment at(now);
    visit const v{.now = at};
    change(e, v, [&](policy::circuit_control circuit, time_point) {
        if (open)
            circuit.force_open();
        else
            circuit.force_close();
        return open;
    });
    if (!open) tell(e, v, commons_->sink.get()).was_reset();
}

template <class MayGo>
circuit_entry_ptr circuit_shard::take(MayGo may_go, std::size_t enough, std::size_t most,
                                      std::size_t patience)
{
    auto it = hand_ ? index_.find(hand_) : index_.begin();
    circuit_entry* coldest = nullptr;
    for (auto left = std::min(most, index_.size()); left > 0 && enough > 0; --left) {
        if (coldest && patience == 0) break;
        if (patience > 0) --patience;
        auto* const e = *it;
        if (++it == index_.end()) it = index_.begin();
        if (!may_go(*e)) continue;
        --enough;
        if (!coldest || e->asked < coldest->asked) coldest = e;
    }
    hand_ = it == index_.end() || *it == coldest ? nullptr : *it;
    if (!coldest) return nullptr;
    index_.erase(coldest);
    commons_->places_taken.fetch_sub(1, std::memory_order_relaxed);
    return circuit_entry_ptr(coldest);
}

std::size_t circuit_shard::drop_idle(time_point now, std::size_t most)
{
    auto const is_over = [&](circuit_entry const& e) {
        return e.is_at_rest() && saturating_sub(now, e.asked) >= commons_->options.idle_expiry;
    };
    std::size_t dropped = 0;
    for (auto held = hold(); most > 0; held.lock(), --most) {
        auto const gone = take(is_over, 1, std::min(most, index_.size()), all);
        held.unlock();
        if (!gone) break;
        ++dropped;
        commons_->expired.fetch_add(1, std::memory_order_relaxed);
        commons_->tell_removed(*gone, now);
    }
    return dropped;
}

bool circuit_shard::displace(bool at_rest, time_point now)
{
    auto held = hold();
    auto& none = at_rest ? none_rests_ : none_may_go_;
    if (none) return false;
    auto const gone = at_rest ? take([](auto const& e) { return e.is_at_rest(); }, compared, all, all)
                              : take([](auto const& e) { return e.may_be_lost(); }, compared, all, looked_at);
    none = !gone;
    held.unlock();
    if (!gone) return false;
    commons_->displaced.fetch_add(1, std::memory_order_relaxed);
    if (gone->circuit.state != circuit_state::closed)
        commons_->lost_state.fetch_add(1, std::memory_order_relaxed);
    commons_->tell_removed(*gone, now);
    return true;
}

} // namespace keel::detail
