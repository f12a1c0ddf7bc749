// What the contract finds for every policy, as lines of fields with tabs between: for matrix.py.

#include "contract/subjects.hpp"

#include <cstdlib>
#include <iostream>

int main()
{
    auto held = true;
    for (auto const& law : keel::testing::policy_contract::laws())
        std::cout << "law\t" << law.law << '\t' << law.says << '\n';
    for (auto const& form : keel::tests::forms()) {
        auto const report = keel::testing::policy_contract(form.name, form.make).check();
        held = held && report.held();
        for (auto const& f : report.findings())
            std::cout << "found\t" << form.policy << '\t' << form.name << '\t' << f.law << '\t'
                      << keel::testing::to_string(f.state) << '\t' << f.why << '\n';
    }
    return held ? EXIT_SUCCESS : EXIT_FAILURE;
}
