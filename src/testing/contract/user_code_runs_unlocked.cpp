// Asks the policy from another thread while it is calling user code. If it holds a lock meanwhile, the other
// thread waits for ever, or rather until we have waited long enough for it.

#include "law.hpp"
#include "scene.hpp"

#include <atomic>
#include <future>
#include <thread>

namespace keel::testing::detail {
namespace {

/// Threads that may be stuck until the policy has let go of its lock.
class questions
{
public:
    questions(scene& s, duration patience) : scene_(s), patience_(patience)
    {
        s.around().when_user_code_runs([this] { ask(); });
        s.story()->on_event = [this](telemetry::event const& e) {
            // Attempts and ends of calls are the pipeline's to report.
            auto const by_pipeline = std::holds_alternative<telemetry::attempt_ended>(e) ||
                                     std::holds_alternative<telemetry::call_ended>(e);
            if (!by_pipeline) ask();
        };
    }
    questions(questions const&) = delete;
    ~questions()
    {
        for (auto& t : threads_) t.join(); // they may be in user code themselves
        scene_.around().when_user_code_runs({});
        scene_.story()->on_event = {};
    }

    std::size_t asked() const { return asked_; }
    bool stuck() const { return stuck_; }

private:
    void ask()
    {
        ++asked_;
        if (asking_ || stuck_ || asked_ > most) return;
        asking_ = true;
        std::promise<void> answered;
        auto answer = answered.get_future();
        auto const policy = scene_.it().policy;
        auto const now = scene_.around().now();
        threads_.emplace_back([this, policy, now, done = std::move(answered)]() mutable {
            question(policy, now);
            (void)scene_.in_use();
            (void)scene_.waiting();
            (void)scene_.memory();
            done.set_value();
        });
        if (answer.wait_for(patience_) != std::future_status::ready) stuck_ = true;
        asking_ = false;
    }

    static constexpr std::size_t most = 8;

    static void question(any_part const& policy, time_point at)
    {
        moment now(at);
        if (auto const l = loop_of(policy)) (void)l->begin(now);
        auto const g = gate_of(policy);
        if (!g) return;
        auto const answer = g->admit({.now = now});
        if (answer.what == admission::kind::granted) g->settle(answer.pass, verdict::ignored, {.now = now});
    }

    scene& scene_;
    duration patience_;
    std::vector<std::thread> threads_;
    std::atomic<std::size_t> asked_ = 0;
    std::atomic<bool> asking_ = false;
    std::atomic<bool> stuck_ = false;
};

} // namespace

void user_code_runs_unlocked(trial const& t)
{
    scene s(t, scene::observer::story);
    if (!s.as_gate() && !loop_of(s.it().policy) && !s.it().in_use && !s.it().memory)
        does_not_apply("its calls share nothing that a lock could guard");
    questions q(s, t.patience);
    s.busy_day();
    s.closing_time();
    require(!q.stuck(), "it holds a lock while it calls user code: another thread could not ask it");
    if (q.asked() == 0) does_not_apply("it calls no user code, and nothing is reported of it");
}

} // namespace keel::testing::detail
