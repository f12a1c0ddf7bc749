#pragma once

#include "trial.hpp"

#include <string_view>
#include <vector>

namespace keel::testing::detail {

/// Returns when the law is held. \throws breach, exemption
using law_check = void (*)(trial const&);

struct law
{
    std::string_view name;
    std::string_view says;
    law_check check;
    std::vector<std::string_view> rests_on; ///< Is not checked when one of these is broken.
};

std::vector<law> const& all_laws();

// One file each.
void waiters_are_told_once(trial const&);
void every_call_ends_once(trial const&);
void refused_means_not_run(trial const&);
void refusals_are_neutral(trial const&);
void cancelled_gives_back(trial const&);
void cancelled_says_nothing(trial const&);
void cancelled_before_it_begins(trial const&);
void leaving_frees_the_place(trial const&);
void a_turn_is_never_lost(trial const&);
void results_pass_unchanged(trial const&);
void nothing_is_left_running(trial const&);
void late_results_do_not_count(trial const&);
void mistakes_make_no_policy(trial const&);
void at_rest_all_is_free(trial const&);
void user_code_may_throw(trial const&);
void user_code_runs_unlocked(trial const&);
void says_who_ended_it(trial const&);
void limits_bound_everything(trial const&);
void nesting_changes_nothing(trial const&);
void events_tell_the_time(trial const&);
void the_end_of_the_world_frees_all(trial const&);
void the_same_seed_tells_the_same(trial const&);
void looking_changes_nothing(trial const&);

} // namespace keel::testing::detail
