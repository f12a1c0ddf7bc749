// keel_sweep [--all] [--scenes N] [--seed S [--point P]]: interferes with random scenes between any two
// handlers.
//
// Each scene (a few calls through a random stack) is run once to find its points: before each handler of the
// event loop, and after the last. Then it is run from the beginning for each point and each interference:
// each call cancelled with each type of cancellation, the context destroyed, every handle destroyed.
//
//   --all       every point and every interference; without it 20 of them for each scene, at random
//   --scenes N  scenes 1 to N; default 360
//   --seed S    only scene S, with every point
//   --point P   only that point, and every event written
//
// The last line is `N passed, M failed`. Exit status 0 only if nothing failed and something ran; 2 for a
// wrong command line.

#include "scene.hpp"

#include "simulation/stream.hpp"

#include <charconv>
#include <cstdint>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace asio = boost::asio;
using keel::simulated::stream;
using keel::sweep::interference;
using keel::sweep::run_end;
using keel::sweep::scene;

struct tally
{
    std::uint64_t scenes = 0;
    std::uint64_t points = 0;
    std::uint64_t runs = 0;
    std::uint64_t cancelled = 0;
    std::uint64_t failed = 0;
};

std::vector<interference> every_interference(std::uint32_t callers)
{
    std::vector<interference> all;
    for (auto call = 0U; call < callers; ++call)
        for (auto const type : {asio::cancellation_type::terminal, asio::cancellation_type::partial,
                                asio::cancellation_type::total})
            all.push_back({interference::kind::cancel, call, type});
    all.push_back({interference::kind::destroy});
    all.push_back({interference::kind::drop});
    return all;
}

class sweep_of
{
public:
    sweep_of(std::uint64_t seed, tally& t) : seed_(seed), tally_(t)
    {
        scene undisturbed(seed_, true);
        all_ = every_interference(undisturbed.callers());
        text_ = undisturbed.text();
        base_ = undisturbed.run(0, {});
        ++tally_.scenes;
        tally_.points += base_.points;
        note(base_, 0, {});
    }

    void every_point()
    {
        for (std::uint64_t point = 0; point < base_.points; ++point)
            for (auto const& how : all_) once(point, how);
    }

    void one_point(std::uint64_t point)
    {
        std::cout << "undisturbed:\n";
        (void)scene(seed_, true, &std::cout).run(0, {});
        for (auto const& how : all_) {
            std::cout << how.text() << ":\n";
            once(point, how, &std::cout);
        }
    }

    void some_points(unsigned runs)
    {
        stream random(seed_, 1);
        for (auto i = 0U; i < runs; ++i) {
            auto const point = random.below(static_cast<std::uint32_t>(base_.points));
            auto const which = random.below(static_cast<std::uint32_t>(all_.size()));
            once(point, all_[which]);
        }
    }

private:
    void once(std::uint64_t point, interference const& how, std::ostream* text = nullptr)
    {
        auto end = scene(seed_, true, text).run(point, how);
        // What nobody hears of must change nothing.
        auto const is_unheard = how.what == interference::kind::drop ||
                                (how.what == interference::kind::cancel && !end.cancelled);
        if (is_unheard && end.complaints.empty() && end.hash != base_.hash)
            end.complaints.emplace_back("what happened is not what happens without it");
        tally_.cancelled += end.cancelled ? 1 : 0;
        note(end, point, how);
    }

    void note(run_end const& end, std::uint64_t point, interference const& how)
    {
        ++tally_.runs;
        if (end.complaints.empty()) return;
        if (++tally_.failed > 20) return;
        std::cout << "scene " << seed_ << " {" << text_ << "}, point " << point << " of " << base_.points
                  << ", " << how.text() << ": " << end.complaints.front() << '\n';
    }

    std::uint64_t seed_;
    tally& tally_;
    std::vector<interference> all_;
    std::string text_;
    run_end base_;
};

std::optional<std::uint64_t> number(std::string_view text)
{
    std::uint64_t value = 0;
    auto const* const end = text.data() + text.size();
    auto const [stopped, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || stopped != end) return std::nullopt;
    return value;
}

int usage(std::string const& why)
{
    std::cerr << "keel_sweep: " << why << "\nusage: keel_sweep [--all] [--scenes N] [--seed S [--point P]]\n";
    return 2;
}

} // namespace

int main(int argc, char** argv)
{
    auto all = false;
    std::uint64_t scenes = 360;
    std::optional<std::uint64_t> only;
    std::optional<std::uint64_t> point;
    for (auto i = 1; i < argc; ++i) {
        std::string_view const option(argv[i]);
        std::string_view const value(i + 1 < argc ? argv[i + 1] : "");
        auto const n = number(value);
        if (option == "--all") {
            all = true;
        } else if (option == "--scenes") {
            if (!n || *n == 0) return usage("--scenes needs a number above 0");
            scenes = *n;
            ++i;
        } else if (option == "--seed") {
            if (!n) return usage("--seed needs a number");
            only = n;
            ++i;
        } else if (option == "--point") {
            if (!n || !only) return usage("--point needs a number, and --seed before it");
            point = n;
            ++i;
        } else {
            return usage("unknown option " + std::string(option));
        }
    }

    tally t;
    auto const first = only.value_or(1);
    auto const last = only.value_or(scenes);
    for (auto seed = first; seed <= last; ++seed) {
        sweep_of sweep(seed, t);
        if (point)
            sweep.one_point(*point);
        else if (all || only)
            sweep.every_point();
        else
            sweep.some_points(20);
    }
    std::cout << t.scenes << " scenes, " << t.points << " points, " << t.runs << " runs, " << t.cancelled
              << " calls cancelled\n"
              << t.runs - t.failed << " passed, " << t.failed << " failed\n";
    auto const enough = only ? 1 : scenes * (all ? 140 : 14);
    if (t.runs < enough) std::cout << "too few runs: at least " << enough << " are wanted\n";
    return t.failed == 0 && t.runs >= enough ? 0 : 1;
}
