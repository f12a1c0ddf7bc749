#pragma once

#include <keel/async/time_source.hpp>

#include <functional>
#include <utility>

namespace keel {

/// Does something when its time comes.
class bell final : public deadline
{
public:
    bell(asio::any_io_executor const& on, std::function<void()> then) : deadline(on), then_(std::move(then))
    {}

private:
    void reached() override { then_(); }

    std::function<void()> then_;
};

} // namespace keel
