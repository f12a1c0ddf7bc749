#pragma once

#include <keel/testing/contract.hpp>

#include <string>
#include <vector>

namespace keel::tests {

/// One policy in one of its forms.
struct form
{
    std::string policy; ///< A column of the matrix.
    std::string name;
    testing::make_subject make;
};

/// Every policy of Keel, and two as users write them, each in the forms that the laws may tell apart.
std::vector<form> const& forms();

} // namespace keel::tests
