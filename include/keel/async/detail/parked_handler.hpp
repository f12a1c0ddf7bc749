#pragma once

#include <keel/async/detail/frame_pool.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace keel::detail {

/// Owns a completion handler of any type that takes nothing. Asio's own `any_completion_handler` cannot be
/// assigned in 1.81 (its move assignment calls itself), which is what waiting needs. The handler of a
/// coroutine that awaits lives in it; a larger one in the `frame_pool`.
class parked_handler
{
public:
    parked_handler() = default;
    parked_handler(parked_handler const&) = delete;
    parked_handler& operator=(parked_handler const&) = delete;
    ~parked_handler() { clear(); }

    explicit operator bool() const noexcept { return verbs_ != nullptr; }

    /// Must be empty.
    template <class Handler>
    void park(Handler handler)
    {
        if constexpr (fits<Handler>) {
            new (place_) Handler(std::move(handler));
            verbs_ = &verbs_of<Handler>;
        } else {
            new (place_) boxed<Handler>(std::move(handler));
            verbs_ = &verbs_of<boxed<Handler>>;
        }
    }

    /// Is empty when the handler is called.
    void call() { std::exchange(verbs_, nullptr)->call(place_); }
    /// Is empty when the handler is destroyed.
    void clear() noexcept
    {
        if (auto const* const had = std::exchange(verbs_, nullptr)) had->destroy(place_);
    }

private:
    static constexpr std::size_t room = 2 * sizeof(void*);

    template <class Handler>
    static constexpr bool fits = sizeof(Handler) <= room && alignof(Handler) <= alignof(void*) &&
                                 std::is_nothrow_move_constructible_v<Handler>;

    template <class Handler>
    class boxed
    {
    public:
        explicit boxed(Handler&& handler) : held_(new box{{}, std::move(handler)}) {}
        void operator()()
        {
            auto handler = std::move(held_->handler);
            held_.reset();
            std::move(handler)();
        }

    private:
        struct box : pooled
        {
            box(pooled, Handler&& h) : handler(std::move(h)) {}
            Handler handler;
        };
        std::unique_ptr<box> held_;
    };

    struct verbs
    {
        void (*call)(void* place);
        void (*destroy)(void* place) noexcept;
    };

    // The handler may end the object that holds it, so it leaves its place first.
    template <class Handler>
    static void call_in(void* place)
    {
        auto handler = take<Handler>(place);
        std::move(handler)();
    }
    template <class Handler>
    static void destroy_in(void* place) noexcept
    {
        auto const gone = take<Handler>(place);
    }
    template <class Handler>
    static Handler take(void* place) noexcept
    {
        auto* const at = std::launder(static_cast<Handler*>(place));
        auto handler = std::move(*at);
        at->~Handler();
        return handler;
    }

    template <class Handler>
    static constexpr verbs verbs_of{call_in<Handler>, destroy_in<Handler>};

    verbs const* verbs_ = nullptr;
    alignas(void*) std::byte place_[room];
};

} // namespace keel::detail
