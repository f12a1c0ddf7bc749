#include <keel/testing/contract.hpp>

#include "law.hpp"
#include "scene.hpp"

#include <ostream>

namespace keel::testing {
namespace {

using detail::law;

/// The broken law that `l` rests on, directly or by another law. Empty: there is none.
std::string_view cause(std::string_view name, std::vector<finding> const& so_far)
{
    for (auto const& f : so_far)
        if (f.law == name && f.state == law_state::broken) return f.law;
    for (auto const& l : detail::all_laws())
        if (l.name == name)
            for (auto const below : l.rests_on)
                if (auto const found = cause(below, so_far); !found.empty()) return found;
    return {};
}

finding judge(law const& l, detail::trial const& with)
{
    try {
        l.check(with);
    } catch (detail::breach const& b) {
        return {l.name, l.says, law_state::broken, b.what()};
    } catch (would_deadlock const&) {
        return {l.name, l.says, law_state::broken, "a call never ended: nothing is left that could end it"};
    } catch (detail::exemption const& e) {
        return {l.name, l.says, law_state::not_applicable, e.what()};
    }
    return {l.name, l.says, law_state::held, {}};
}

/// What is found where calls come from plain coroutines, unless only those from scopes break the law.
finding judge_everywhere(law const& l, make_subject const& make, duration patience)
{
    auto plain = judge(l, {make, patience, detail::place::coroutine});
    if (plain.state == law_state::broken) return plain;
    auto scoped = judge(l, {make, patience, detail::place::scope});
    if (scoped.state != law_state::broken) return plain;
    scoped.why = "in a scope: " + scoped.why;
    return scoped;
}

} // namespace

std::string_view to_string(law_state s) noexcept
{
    switch (s) {
    case law_state::held: return "held";
    case law_state::broken: return "BROKEN";
    case law_state::not_applicable: return "-";
    }
    return "unknown";
}

std::vector<std::string_view> contract_report::broken() const
{
    std::vector<std::string_view> names;
    for (auto const& f : findings_)
        if (f.state == law_state::broken) names.push_back(f.law);
    return names;
}

std::ostream& operator<<(std::ostream& out, contract_report const& r)
{
    out << "contract of " << r.policy() << ": " << (r.held() ? "held" : "BROKEN") << '\n';
    for (auto const& f : r.findings()) {
        out << "  " << to_string(f.state) << '\t' << f.law;
        if (!f.why.empty()) out << ": " << f.why;
        if (f.state == law_state::broken) out << "\n\t\tthe law: " << f.says;
        out << '\n';
    }
    return out;
}

contract_report policy_contract::check() const
{
    std::vector<finding> all;
    for (auto const& l : detail::all_laws()) {
        if (auto const found = cause(l.name, all); !found.empty())
            all.push_back({l.name, l.says, law_state::not_applicable,
                           "not checked: " + std::string(found) + " is broken"});
        else
            all.push_back(judge_everywhere(l, make_, patience_));
    }
    return {policy_, std::move(all)};
}

std::vector<finding> policy_contract::laws()
{
    std::vector<finding> all;
    for (auto const& l : detail::all_laws()) all.push_back({l.name, l.says, law_state::held, {}});
    return all;
}

} // namespace keel::testing
