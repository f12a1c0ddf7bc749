#include <keel/async/detail/parking_list.hpp>

#include <keel/async/detail/parking.hpp>

#include <utility>

namespace keel::detail {

void parking_list::push_back(parking& p) noexcept
{
    p.in_ = this;
    p.previous_ = last_;
    p.next_ = nullptr;
    (last_ ? last_->next_ : first_) = &p;
    last_ = &p;
}

void parking_list::remove(parking& p) noexcept
{
    auto* const in = std::exchange(p.in_, nullptr);
    if (!in) return;
    (p.previous_ ? p.previous_->next_ : in->first_) = p.next_;
    (p.next_ ? p.next_->previous_ : in->last_) = p.previous_;
}

} // namespace keel::detail
