#pragma once

#include "live.hpp"
#include "stream.hpp"

#include <keel/keel.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace keel::simulated {

/// What the predicates, listeners, functions and policies of the simulated user throw.
struct users_mistake
{};

/// A gate as a user might write one: lets so many in, keeps as many waiting, makes some come a little later,
/// and has mistakes in it. For one thread.
class users_gate final : public gate
{
public:
    users_gate(std::string name, std::uint32_t most, std::uint64_t seed, live captured)
        : name_(std::move(name)),
          most_(most),
          random_(seed),
          captured_(captured)
    {}

    std::string_view name() const noexcept override { return name_; }
    bool holds_capacity() const noexcept override { return true; }

    admission admit(visit const&) override;
    void settle(grant const&, verdict, visit const&) noexcept override;
    bool withdraw(turn_waiter&, visit const&) noexcept override;
    void give_back(grant const&, visit const&) noexcept override;
    verdict narrow(verdict, failure const&) const override;

    std::size_t inside() const noexcept { return inside_; }
    std::size_t waiting() const noexcept { return queue_.size(); }

private:
    bool fits(std::uint32_t weight) const noexcept { return inside_ + weight <= most_; }
    grant take(std::uint32_t weight) noexcept;
    void let_in() noexcept;

    std::string name_;
    std::size_t most_;
    std::size_t inside_ = 0;
    waiter_list queue_;
    stream random_;
    live captured_;
};

/// A loop as a user might write one: runs again what failed, a number of times, and has mistakes in it.
class users_loop final : public loop
{
public:
    users_loop(std::string name, std::uint32_t attempts, duration pause, std::uint64_t seed, live captured)
        : name_(std::move(name)),
          attempts_(attempts),
          pause_(pause),
          random_(seed),
          captured_(captured)
    {}

    std::string_view name() const noexcept override { return name_; }
    std::unique_ptr<loop_run> begin(moment& now) const override;

private:
    std::string name_;
    std::uint32_t attempts_;
    duration pause_;
    mutable stream random_;
    live captured_;
};

} // namespace keel::simulated
