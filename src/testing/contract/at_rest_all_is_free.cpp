#include "law.hpp"
#include "scene.hpp"

namespace keel::testing::detail {

void at_rest_all_is_free(trial const& t)
{
    scene s(t);
    auto const memory = s.memory();
    auto const granted = s.fill() ? s.held() : 0;

    scene busy(t);
    busy.busy_day();
    busy.require_rest("after a busy day");
    require(busy.alone().orphans() == 0, "an operation was left behind");

    scene calm(t);
    auto const untouched = calm.in_use();
    require(untouched == 0, "a policy that was never used has " + std::to_string(untouched) + " in use");
    scripted<int> fails;
    fails.fails(some_error());
    scripted<int> returns;
    returns.returns(1);
    for (auto i = 0; i < 8; ++i) {
        calm.start(i % 2 == 0 ? fails : returns);
        calm.finish();
    }
    calm.require_rest("after calls that came one by one");
    if (calm.memory() != memory || granted == 0) return;
    calm.fill();
    require(calm.held() == granted, "a fresh policy lets " + std::to_string(granted) +
                                        " in, and after calls that have all ended " +
                                        std::to_string(calm.held()));
}

} // namespace keel::testing::detail
