// Every policy under the contract that all of them keep.

#include "contract/subjects.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <set>

namespace keel::tests {

void PrintTo(form const& f, std::ostream* out) { *out << f.policy << ", " << f.name; }

namespace {

class every_policy : public ::testing::TestWithParam<form>
{};

TEST_P(every_policy, keeps_the_contract)
{
    auto const& [policy, name, make] = GetParam();
    auto const report = testing::policy_contract(policy + ", " + name, make).check();
    EXPECT_TRUE(report.held()) << report;
    EXPECT_EQ(report.findings().size(), testing::policy_contract::laws().size());
}

std::string as_name(::testing::TestParamInfo<form> const& info)
{
    auto name = info.param.policy + "__" + info.param.name;
    std::replace_if(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(contract, every_policy, ::testing::ValuesIn(forms()), as_name);

TEST(the_laws, have_names_of_their_own_and_say_something)
{
    std::set<std::string_view> names;
    for (auto const& law : testing::policy_contract::laws()) {
        EXPECT_TRUE(names.insert(law.law).second) << law.law;
        EXPECT_FALSE(law.says.empty()) << law.law;
    }
}

TEST(the_laws, each_apply_to_some_policy)
{
    std::set<std::string_view> held;
    for (auto const& f : forms())
        for (auto const& finding : testing::policy_contract(f.name, f.make).check().findings())
            if (finding.state == testing::law_state::held) held.insert(finding.law);
    for (auto const& law : testing::policy_contract::laws()) EXPECT_TRUE(held.contains(law.law)) << law.law;
}

} // namespace
} // namespace keel::tests
