#pragma once

#include <boost/asio/awaitable.hpp>

#include <utility>

namespace keel::detail {

namespace asio = boost::asio;

/// What an attempt is to await: a coroutine that is there, or what gives one when it is called. Or nothing.
///
/// An operation is called by the coroutine that awaits it and not before: by then Asio has one of its two
/// recycled blocks free again, and the operation's frame needs no memory.
template <class T>
class work
{
public:
    work() noexcept = default;
    work(asio::awaitable<T> coroutine) noexcept : coroutine_(std::move(coroutine)) {}

    /// \param what is called with nothing; must live until then, and for as long as what it gives
    template <class Operation>
    static work by(Operation& what)
    {
        return work([](void* called) { return (*static_cast<Operation*>(called))(); }, &what);
    }

    explicit operator bool() const noexcept { return call_ || coroutine_.valid(); }

    /// Once, and not of nothing. \throws what the operation throws before there is a coroutine
    asio::awaitable<T> start() { return call_ ? call_(called_) : std::move(coroutine_); }

private:
    work(asio::awaitable<T> (*call)(void*), void* called) noexcept : call_(call), called_(called) {}

    asio::awaitable<T> coroutine_;
    asio::awaitable<T> (*call_)(void*) = nullptr;
    void* called_ = nullptr;
};

} // namespace keel::detail
