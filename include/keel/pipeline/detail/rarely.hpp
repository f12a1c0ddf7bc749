#pragma once

#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace keel::detail {

/// What is there in few cases and large: a `std::optional` whose storage stays unwritten while it is empty.
/// The constructor of `std::optional` is a constant expression, and g++ clears all of the storage by that.
template <class T>
class rarely
{
public:
    rarely() noexcept {}
    rarely(rarely const& other)
    {
        if (other) emplace(*other);
    }
    rarely(rarely&& other) noexcept(std::is_nothrow_move_constructible_v<T>)
    {
        if (other) emplace(std::move(*other));
    }
    rarely& operator=(rarely const& other)
    {
        if (this != &other) *this = rarely(other);
        return *this;
    }
    rarely& operator=(rarely&& other) noexcept(std::is_nothrow_move_constructible_v<T>)
    {
        if (this == &other) return *this;
        reset();
        if (other) emplace(std::move(*other));
        return *this;
    }
    ~rarely() { reset(); }

    /// Must be empty.
    template <class... Args>
    T& emplace(Args&&... args)
    {
        auto* const made = std::construct_at(&what_, std::forward<Args>(args)...);
        is_there_ = true;
        return *made;
    }
    void reset() noexcept
    {
        if (std::exchange(is_there_, false)) std::destroy_at(&what_);
    }

    explicit operator bool() const noexcept { return is_there_; }
    T& operator*() noexcept { return what_; }
    T const& operator*() const noexcept { return what_; }
    T* operator->() noexcept { return &what_; }
    T const* operator->() const noexcept { return &what_; }

private:
    union
    {
        T what_;
    };
    bool is_there_ = false;
};

} // namespace keel::detail
