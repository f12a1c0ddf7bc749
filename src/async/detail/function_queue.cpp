#include <keel/async/detail/function_queue.hpp>

namespace keel::detail {

std::uint64_t function_queue::push_back(function_ptr f) noexcept
{
    f->number_ = ++last_number_;
    *end_ = f.release();
    end_ = &(*end_)->next_;
    ++size_;
    return last_number_;
}

void function_queue::push_front(function_ptr f) noexcept
{
    f->next_ = first_;
    first_ = f.release();
    if (!first_->next_) end_ = &first_->next_;
    ++size_;
}

function_ptr function_queue::pop_front() noexcept
{
    function_ptr f(first_);
    if (!f) return f;
    first_ = std::exchange(f->next_, nullptr);
    if (!first_) end_ = &first_;
    --size_;
    return f;
}

function_ptr function_queue::extract(std::uint64_t number) noexcept
{
    auto** at = &first_;
    while (*at && (*at)->number_ != number) at = &(*at)->next_;
    function_ptr f(*at);
    if (!f) return f;
    *at = std::exchange(f->next_, nullptr);
    if (!*at) end_ = at;
    --size_;
    return f;
}

void function_queue::append(function_queue& other) noexcept
{
    if (other.empty()) return;
    *end_ = std::exchange(other.first_, nullptr);
    end_ = std::exchange(other.end_, &other.first_);
    size_ += std::exchange(other.size_, 0);
}

} // namespace keel::detail
