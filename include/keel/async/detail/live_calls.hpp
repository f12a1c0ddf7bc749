#pragma once

#include <keel/async/detail/live_call.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <unordered_map>

namespace keel::detail {

namespace asio = boost::asio;

/// The calls of one context that are on their way. Exists only where somebody wants to stop gracefully; for
/// the others a call costs one look at a null pointer. Thread-safe.
class live_calls
{
public:
    /// \returns false when no new calls are let in, and this one must not begin
    bool join(live_call&, asio::any_io_executor const&, bool inside_another);
    void leave(live_call&) noexcept;

    /// From now on only calls inside other calls are let in.
    void close();
    /// False: somebody is draining them already, until `drained`.
    bool begin_draining() noexcept;
    void drained() noexcept;
    std::size_t size() const;

    /// From now on no calls are let in, and every one is told to stop, on its own executor.
    void call_off_all();

    /// Calls that have ended since the last `close`.
    struct ends
    {
        std::size_t by_themselves = 0;
        std::size_t called_off = 0;
    };
    ends ended() const;

    /// Calls `tell` once, under the lock, when the last call leaves; at once if there is none. One at a time.
    void when_empty(std::function<void()> tell);
    /// \returns false when it has been told already
    bool forget_when_empty() noexcept;

private:
    struct entry
    {
        live_call* call;
        asio::any_io_executor executor;
        bool called_off = false;
    };
    enum class doors : std::uint8_t
    {
        open,
        closing,
        closed
    };

    void call_off(std::uint64_t number);

    mutable std::mutex mutex_;
    std::unordered_map<std::uint64_t, entry> all_;
    std::function<void()> tell_;
    std::uint64_t last_ = 0;
    ends ended_;
    doors doors_ = doors::open;
    bool draining_ = false;
};

} // namespace keel::detail
