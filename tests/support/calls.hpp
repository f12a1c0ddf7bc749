#pragma once

#include "support/world.hpp"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace keel {

/// Calls that run at the same time in a simulation, and how each of them ended.
class calls
{
public:
    struct end
    {
        bool ok = false;
        error_code error{};
        duration at{};
        keel::ended_by by{};
    };

    explicit calls(simulation& world) : world_(&world) {}

    /// Starts one call. \returns its number
    std::size_t start(pipeline const& p, scripted<int> const& op)
    {
        auto slot = std::make_shared<std::optional<end>>();
        ends_.push_back(slot);
        handles_.push_back(world_->start(run(p, op, slot, &world_->clock())));
        return ends_.size() - 1;
    }

    void cancel(std::size_t number) { handles_.at(number).cancel(); }
    bool done(std::size_t number) const { return ends_.at(number)->has_value(); }
    end const& at(std::size_t number) const { return ends_.at(number)->value(); }

private:
    static asio::awaitable<void> run(pipeline p, scripted<int> op, std::shared_ptr<std::optional<end>> slot,
                                     testing::virtual_time* clock)
    {
        auto const outcome = co_await p.run(op);
        *slot = end{outcome.ok(), outcome.error(), clock->now().time_since_epoch(), outcome.ended_by()};
    }

    simulation* world_;
    std::vector<std::shared_ptr<std::optional<end>>> ends_;
    std::vector<testing::started> handles_;
};

} // namespace keel
