#include "law.hpp"
#include "scene.hpp"

#include <stdexcept>

namespace keel::testing::detail {

void mistakes_make_no_policy(trial const& t)
{
    scene const s(t);
    if (s.it().mistakes.empty()) does_not_apply("it has no options that could be wrong");
    for (auto const& wrong : s.it().mistakes) {
        std::string said;
        auto refused = false;
        try {
            wrong.make();
        } catch (std::invalid_argument const& e) {
            refused = true;
            said = e.what();
        } catch (...) {
            throw breach("what is wrong with `" + wrong.field + "` was told by something else than a " +
                         "std::invalid_argument");
        }
        require(refused, "a policy was made though `" + wrong.field + "` was wrong");
        require(said.find(wrong.field) != std::string::npos,
                "what is wrong with `" + wrong.field + "` was told without naming it: " + quoted(said));
    }
}

} // namespace keel::testing::detail
