#pragma once

#include <boost/asio/recycling_allocator.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace keel::detail {

/// A function of any type that takes nothing, and its place in a `function_queue`.
class queued_function
{
public:
    queued_function() = default;
    queued_function(queued_function const&) = delete;
    queued_function& operator=(queued_function const&) = delete;

    /// Frees this, then calls the function, so that the function finds its memory to use again.
    virtual void run() = 0;
    virtual void destroy() noexcept = 0;

protected:
    ~queued_function() = default;

private:
    friend class function_queue;

    queued_function* next_ = nullptr;
    std::uint64_t number_ = 0;
};

struct destroy_function
{
    void operator()(queued_function* f) const noexcept { f->destroy(); }
};

using function_ptr = std::unique_ptr<queued_function, destroy_function>;

/// What Asio passes for "no allocator of its own" stands for the recycling allocator here, as it does there.
template <class Allocator>
using allocator_for_functions =
    std::conditional_t<std::is_same_v<typename std::allocator_traits<Allocator>::template rebind_alloc<void>,
                                      std::allocator<void>>,
                       boost::asio::recycling_allocator<void>, Allocator>;

template <class Function, class Allocator>
class function_box final : public queued_function
{
    using memory = typename std::allocator_traits<Allocator>::template rebind_alloc<function_box>;

public:
    template <class F>
    static function_ptr make(F&& f, Allocator const& allocator)
    {
        memory from(allocator);
        auto* const place = from.allocate(1);
        try {
            return function_ptr(::new (static_cast<void*>(place)) function_box(std::forward<F>(f), from));
        } catch (...) {
            from.deallocate(place, 1);
            throw;
        }
    }

    void run() override
    {
        function_ptr self(this);
        Function function(std::move(function_));
        self.reset();
        function();
    }

    void destroy() noexcept override
    {
        memory from(std::move(memory_));
        this->~function_box();
        from.deallocate(this, 1);
    }

private:
    template <class F>
    function_box(F&& f, memory const& from) : function_(std::forward<F>(f)),
                                              memory_(from)
    {}

    Function function_;
    memory memory_;
};

template <class F, class Allocator>
function_ptr box_function(F&& f, Allocator const& allocator)
{
    using box = function_box<std::decay_t<F>, allocator_for_functions<Allocator>>;
    if constexpr (std::is_convertible_v<Allocator const&, allocator_for_functions<Allocator>>)
        return box::make(std::forward<F>(f), allocator);
    else
        return box::make(std::forward<F>(f), {});
}

/// Functions in the order in which they came. Owns them. Not thread-safe; runs no function, but destroys
/// those that are left.
class function_queue
{
public:
    function_queue() = default;
    function_queue(function_queue const&) = delete;
    function_queue& operator=(function_queue const&) = delete;
    ~function_queue()
    {
        while (pop_front()) {}
    }

    bool empty() const noexcept { return first_ == nullptr; }
    std::size_t size() const noexcept { return size_; }

    /// \returns the number by which `extract` knows the function
    std::uint64_t push_back(function_ptr f) noexcept;
    /// Puts a function that was popped back to where it was. It keeps its number.
    void push_front(function_ptr f) noexcept;
    /// Null if there is none.
    function_ptr pop_front() noexcept;
    /// Takes one out of the middle. Null if it is not here any more.
    function_ptr extract(std::uint64_t number) noexcept;
    /// Takes over all of the other's.
    void append(function_queue& other) noexcept;

private:
    queued_function* first_ = nullptr;
    queued_function** end_ = &first_; ///< The pointer that is null: the last function's, or `first_`.
    std::size_t size_ = 0;
    std::uint64_t last_number_ = 0;
};

} // namespace keel::detail
