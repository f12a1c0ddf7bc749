#pragma once

#include "simulation/book.hpp"

#include <keel/testing/simulation.hpp>

#include <boost/asio/cancellation_type.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace keel::sweep {

using simulated::book;
namespace asio = boost::asio;

/// What is done to a scene at one of its points.
struct interference
{
    enum class kind : std::uint8_t
    {
        none,
        cancel,  ///< One call is cancelled.
        destroy, ///< The context is destroyed.
        drop     ///< Every handle of the user is destroyed.
    };

    kind what = kind::none;
    std::uint32_t call = 0;
    asio::cancellation_type type = asio::cancellation_type::none;

    std::string text() const;
};

/// How a run of a scene went.
struct run_end
{
    /// Where it could have been interfered with: before each handler, and after the last one. Of a run that
    /// was not destroyed.
    std::uint64_t points = 0;
    std::uint64_t hash = 0; ///< Of everything that was reported.
    bool cancelled = false; ///< The cancellation was one that the caller accepts, while it could arrive.
    std::vector<std::string> complaints;
};

/// A few calls through one random stack, which follow from a seed alone.
class scene
{
public:
    /// \param sends whether bulkheads may send operations elsewhere
    explicit scene(std::uint64_t seed, bool sends, std::ostream* text = nullptr);
    ~scene();
    scene(scene const&) = delete;
    scene& operator=(scene const&) = delete;

    /// How many callers there are.
    std::uint32_t callers() const { return callers_; }
    std::string text() const;

    /// Runs to the point before handler number `point`, interferes there, and runs to the end.
    run_end run(std::uint64_t point, interference const&);

    /// Runs to the end, whatever comes out of a handler, for memory may run out in the middle. Nothing must
    /// be left behind, and nobody wait for ever.
    /// \param relieved called when nothing is left that could happen: from there on there is memory enough
    std::vector<std::string> run_short_of_memory(std::function<void()> const& relieved);

private:
    scene(std::uint64_t seed, std::shared_ptr<simulated::event_log>);

    void drop_handles();
    std::uint64_t steps(std::uint64_t most);
    void interfere(interference const&);
    void check_cancelled(interference const&);

    std::shared_ptr<simulated::event_log> log_;
    testing::simulation simulation_;
    book book_;
    std::uint32_t callers_ = 0;
};

} // namespace keel::sweep
