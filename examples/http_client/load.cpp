#include "load.hpp"

#include <keel/async/time_source.hpp>
#include <keel/core/option_faults.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <iomanip>
#include <memory>
#include <utility>

namespace keel_get {

namespace asio = boost::asio;

namespace {

/// What the workers share.
struct job
{
    keel::pipeline through;
    example::url where;
    listener on_end;
    std::size_t calls_left;
    std::size_t workers_left;
};

asio::awaitable<void> work(std::shared_ptr<job> shared)
{
    while (shared->calls_left > 0) {
        --shared->calls_left;
        auto const begun = keel::steady_now();
        auto const ended = co_await shared->through.run(example::http_get, shared->where);
        shared->on_end(ended, keel::steady_now() - begun);
    }
}

} // namespace

void call(asio::io_context& io, keel::pipeline through, example::url where, amount wanted, listener on_end)
{
    auto const workers = std::min(wanted.calls, wanted.at_once);
    auto const shared = std::make_shared<job>(
        job{std::move(through), std::move(where), std::move(on_end), wanted.calls, workers});

    auto const finish = [&io, shared](std::exception_ptr problem) {
        if (problem) std::rethrow_exception(problem);
        if (--shared->workers_left == 0) io.stop(); // even if something abandoned is still running
    };
    for (std::size_t i = 0; i < workers; ++i) asio::co_spawn(io, work(shared), finish);
    io.run();
}

void summary::add(ending const& how, std::uint32_t attempts, keel::duration took)
{
    if (how.code == exit_code::ok)
        ++ok_;
    else
        ++failures_[how.code][how.why];
    attempts_ += attempts;
    durations_.push_back(took);
}

exit_code summary::code() const { return failures_.empty() ? exit_code::ok : failures_.begin()->first; }

void summary::print(std::ostream& to, keel::duration took) const
{
    auto const show = [](keel::duration d) {
        return keel::to_string(std::chrono::round<std::chrono::microseconds>(d));
    };
    auto const per_call = static_cast<double>(attempts_) / static_cast<double>(calls());

    to << "calls     " << calls() << " in " << show(took) << '\n'
       << "ok        " << ok_ << '\n'
       << "failed    " << calls() - ok_ << '\n';
    for (auto const& [code, reasons] : failures_)
        for (auto const& [why, times] : reasons) to << "          " << times << " x " << why << '\n';
    to << "attempts  " << std::fixed << std::setprecision(2) << per_call << " per call\n"
       << "p50       " << show(percentile(50)) << '\n'
       << "p99       " << show(percentile(99)) << '\n';
}

/// The time that so many percent of the calls did not exceed. There must be calls.
keel::duration summary::percentile(std::size_t percent) const
{
    auto sorted = durations_;
    std::ranges::sort(sorted);
    auto const rank = (sorted.size() * percent + 99) / 100; // from 1, the fastest call
    return sorted[rank - 1];
}

} // namespace keel_get
