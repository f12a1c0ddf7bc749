#pragma once

#include <boost/asio/recycling_allocator.hpp>

#include <memory>
#include <utility>

namespace keel::detail {

/// Owns a completion handler of any type that takes nothing. Asio's own `any_completion_handler` cannot be
/// assigned in 1.81 (its move assignment calls itself), which is what waiting needs.
class parked_handler
{
public:
    parked_handler() = default;

    template <class Handler>
    explicit parked_handler(Handler handler)
    {
        using box = model<Handler>;
        boost::asio::recycling_allocator<box> allocator;
        held_.reset(new (allocator.allocate(1)) box(std::move(handler)));
    }

    explicit operator bool() const noexcept { return held_ != nullptr; }

    /// Frees the memory, then calls the handler.
    void operator()() && { held_.release()->call(); }

private:
    struct concept_
    {
        virtual void call() = 0;
        virtual void destroy() = 0;

    protected:
        ~concept_() = default;
    };

    template <class Handler>
    struct model final : concept_
    {
        explicit model(Handler&& h) : handler(std::move(h)) {}

        void call() override
        {
            auto h = std::move(handler);
            destroy();
            std::move(h)();
        }

        void destroy() override
        {
            boost::asio::recycling_allocator<model> allocator;
            this->~model();
            allocator.deallocate(this, 1);
        }

        Handler handler;
    };

    struct destroyer
    {
        void operator()(concept_* held) const { held->destroy(); }
    };

    std::unique_ptr<concept_, destroyer> held_;
};

} // namespace keel::detail
