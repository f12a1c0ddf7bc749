#include "report.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

namespace demo {
namespace {

using namespace std::chrono_literals;

constexpr keel::duration cell = 250ms;

struct share
{
    std::size_t good = 0;
    std::size_t all = 0;
};

std::size_t cells_in(keel::duration d) { return static_cast<std::size_t>(d / cell); }
keel::duration cell_start(std::size_t i) { return cell * static_cast<keel::duration::rep>(i); }

/// The calls by the cell in which they began.
std::vector<share> by_cell(run_result const& run, keel::duration end)
{
    std::vector<share> cells(cells_in(end));
    for (auto const& call : run.calls) {
        auto const i = cells_in(call.begun);
        if (i >= cells.size()) continue;
        ++cells[i].all;
        cells[i].good += call.answered_well ? 1 : 0;
    }
    return cells;
}

bool is_well(share const& s) { return s.good * 10 >= s.all * 9; }

std::optional<keel::duration> recovery(run_result const& run, outage const& when, keel::duration end)
{
    auto const cells = by_cell(run, end);
    auto const last_bad = std::find_if_not(cells.rbegin(), cells.rend(), is_well);
    auto const first_well = static_cast<std::size_t>(cells.rend() - last_bad);
    if (first_well == cells.size()) return std::nullopt;
    keel::duration const since = cell_start(first_well) - when.start - when.length;
    return std::max(keel::duration(0), since);
}

keel::duration quantile(std::vector<keel::duration>& sorted, double q)
{
    if (sorted.empty()) return {};
    return sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1))];
}

double in_ms(keel::duration d) { return std::chrono::duration<double, std::milli>(d).count(); }
double in_s(keel::duration d) { return std::chrono::duration<double>(d).count(); }

template <class... Values>
std::string format(char const* pattern, Values... values)
{
    char text[160];
    std::snprintf(text, sizeof text, pattern, values...);
    return text;
}

std::string row(char const* what, std::string const& without, std::string const& with)
{
    return format("  %-44s %14s %14s\n", what, without.c_str(), with.c_str());
}

std::string seconds_or_never(std::optional<keel::duration> d)
{
    return d ? format("%.2f s", in_s(*d)) : std::string("never");
}

std::string outage_row(outage const& when, std::size_t cells)
{
    std::string row;
    for (std::size_t i = 0; i < cells; ++i)
        row += cell_start(i) >= when.start && cell_start(i) < when.start + when.length ? '!' : ' ';
    return row;
}

std::string calls_row(run_result const& run, keel::duration end)
{
    std::string row;
    for (auto const& s : by_cell(run, end))
        row += is_well(s) ? '#' : s.good * 2 >= s.all ? '+' : s.good > 0 ? '-' : '.';
    return row;
}

/// The breaker's state at the end of each cell, or half-open if it was so at all.
std::string states_row(run_result const& run, std::size_t cells)
{
    std::string row;
    auto state = keel::circuit_state::closed;
    auto next = run.states.begin();
    for (std::size_t i = 1; i <= cells; ++i) {
        auto tried = state == keel::circuit_state::half_open;
        for (; next != run.states.end() && next->at < cell_start(i); ++next) {
            state = next->to;
            tried = tried || state == keel::circuit_state::half_open;
        }
        row += tried ? 'h' : state == keel::circuit_state::closed ? 'c' : 'O';
    }
    return row;
}

std::string seconds_row(std::size_t cells)
{
    std::string row(cells, ' ');
    auto const per_second = static_cast<std::size_t>(1s / cell);
    for (std::size_t i = 0; i < cells; i += per_second) row[i] = static_cast<char>('0' + i / per_second % 10);
    return row;
}

} // namespace

summary summarise(run_result const& run, outage const& when, keel::duration end)
{
    summary s;
    std::vector<keel::duration> waits;
    std::size_t good = 0;
    std::size_t attempts = 0;
    for (auto const& call : run.calls) {
        good += call.answered_well ? 1 : 0;
        s.refused_fast += call.refused ? 1 : 0;
        attempts += call.waited ? call.attempts : 1;
        waits.push_back(call.waited.value_or(end - call.begun));
    }
    std::sort(waits.begin(), waits.end());
    auto const all = static_cast<double>(run.calls.size());
    s.answered_well = static_cast<double>(good) / all;
    s.attempts_per_call = static_cast<double>(attempts) / all;
    s.p50 = quantile(waits, 0.5);
    s.p99 = quantile(waits, 0.99);
    s.requests = run.requests;
    s.borne_in_outage = run.during_outage;
    s.recovered_after = recovery(run, when, end);
    return s;
}

std::string table(summary const& a, summary const& b)
{
    auto const percent = [](double share) { return format("%.1f %%", share * 100); };
    auto const ms = [](keel::duration d) { return format("%.0f ms", in_ms(d)); };
    auto const number = [](std::uint64_t n) { return std::to_string(n); };
    return row("", "unprotected", "with Keel") +
           row("well answered within 1 s", percent(a.answered_well), percent(b.answered_well)) +
           row("a caller waits, median", ms(a.p50), ms(b.p50)) +
           row("a caller waits, 99th percentile", ms(a.p99), ms(b.p99)) +
           row("attempts per call", format("%.2f", a.attempts_per_call),
               format("%.2f", b.attempts_per_call)) +
           row("refused fast, without asking the server", number(a.refused_fast), number(b.refused_fast)) +
           row("requests the server bore in its outage", number(a.borne_in_outage),
               number(b.borne_in_outage)) +
           row("requests it bore in all", number(a.requests), number(b.requests)) +
           row("well again after the end of the outage", seconds_or_never(a.recovered_after),
               seconds_or_never(b.recovered_after));
}

std::string timeline(run_result const& without, run_result const& with, outage const& when,
                     keel::duration end)
{
    auto const cells = cells_in(end);
    auto const line = [](char const* what, std::string const& row) {
        return format("  %-14s ", what) + row + '\n';
    };
    return line("second", seconds_row(cells)) + line("outage", outage_row(when, cells)) +
           line("unprotected", calls_row(without, end)) + line("with Keel", calls_row(with, end)) +
           line("its breaker", states_row(with, cells)) +
           "\n  calls: # well  + half or more well  - some  . none      breaker: c closed  O open  h "
           "half-open\n";
}

std::string complaint(summary const& without, summary const& with)
{
    if (with.answered_well <= without.answered_well) return "it answered no more calls well";
    if (with.p99 >= without.p99) return "its callers waited no less";
    if (with.borne_in_outage >= without.borne_in_outage) return "the struggling server had to bear no less";
    if (with.refused_fast == 0) return "it refused nothing during the outage";
    if (!with.recovered_after) return "it did not recover";
    if (without.recovered_after && *with.recovered_after > *without.recovered_after)
        return "it recovered later";
    return {};
}

} // namespace demo
