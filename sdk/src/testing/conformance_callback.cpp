#include "callback_scenario.hpp"
#include "portable_suites.hpp"

#include <dv/random.hpp>

#include <cmath>
#include <limits>

namespace dv::testing {
namespace {

void asks_for_phases(const Subject& subject) {
    const auto callback = subject.make<Callback>();
    expect(callback.phases() != 0, "it asks for no phase, so it is never called");
    expect(callback.phases() >> DV_N_PHASES == 0, "it asks for phases that this door does not know: mask ",
           callback.phases());
    const Made& made = callback.made();
    expect(made.vtable<dv_callback_1>().phases(made.object()) == callback.phases(),
           "asked twice, it wants different phases; the host asks once");
}

void a_whole_run_passes(const Subject& subject) {
    Plugin plugin = subject.plugin();
    auto callback = plugin.make<Callback>(subject.note().id, subject.config());
    RunBuilder run = known_run(subject, 0.5);
    fit(callback, run);
    test_and_predict(callback, run);
    expect_balanced(plugin.host());
}

void unknown_phases_are_ignored(const Subject& subject) {
    auto callback = subject.make<Callback>();
    const RunBuilder run = known_run(subject, 0.5);
    for (const std::uint32_t phase : {static_cast<std::uint32_t>(DV_N_PHASES), 63u, 1000u, ~0u}) {
        const AnswerLog answer = callback.force_phase(phase, run.view());
        expect(!answer.stopped(), "it stops the run in phase ", phase, ", which it cannot know");
    }
}

void newer_hosts_are_understood(const Subject& subject) {
    auto callback = subject.make<Callback>();
    const RunBuilder run = known_run(subject, 0.5);
    struct {
        dv_run known;
        std::uint64_t added[16];
    } larger{run.view(), {~0u, ~0u}};
    larger.known.size = sizeof larger;
    for (std::uint32_t phase = 0; phase < DV_N_PHASES; ++phase) {
        if (callback.wants(static_cast<dv_phase>(phase))) callback.force_phase(phase, larger.known);
    }
}

/// Errors are allowed here (a metric that is watched may be missing), crashes and errors without a text are not.
void survives(const Subject& subject, const RunBuilder& run, std::uint64_t seed) {
    Plugin plugin = subject.plugin();
    auto callback = plugin.make<Callback>(subject.note().id, subject.config());
    Random random(seed, 0, 0, Purpose::synthesize);
    RunBuilder shown = run;
    for (int i = 0; i < 1000; ++i) {
        const auto phase = static_cast<dv_phase>(random.below(DV_N_PHASES));
        shown.epoch(random.below(5)).step(random.below(100)).batch(random.below(10), 10);
        refusal_of([&] { callback.phase(phase, shown); });
    }
    expect_balanced(plugin.host());
}

void state_goes_round(const Subject& subject) {
    Plugin plugin = subject.plugin();
    auto callback = plugin.make<Callback>(subject.note().id, subject.config());
    RunBuilder run = known_run(subject, 0.5);
    fit(callback, run);
    const Config state = callback.save_state();
    if (state == Config()) skip("it has no state");
    auto fresh = plugin.make<Callback>(subject.note().id, subject.config());
    fresh.load_state(state);
    expect(fresh.save_state() == state, "what it saves after loading is not what was loaded");
    expect(fresh.state_key() == callback.state_key(), "its state_key changes: '", callback.state_key(), "' and '",
           fresh.state_key(), "'");
}

/// Of another version, or another component: a refusal with a text is an answer, a crash is not.
void foreign_states_are_survived(const Subject& subject) {
    Plugin plugin = subject.plugin();
    auto callback = plugin.make<Callback>(subject.note().id, subject.config());
    RunBuilder run = known_run(subject, 0.5);
    fit(callback, run);
    Config other;
    const Config state = callback.save_state();
    for (const Entry& entry : *state.as<Value::Table>()) other.set(entry.key, list(1, 2));
    for (const Config& foreign : {Config(), Config{{"unknown", 1}}, other}) {
        refusal_of([&] { plugin.make<Callback>(subject.note().id, subject.config()).load_state(foreign); });
    }
    expect_balanced(plugin.host());
}

}  // namespace

void check_callback(const Subject& subject, Checks& check) {
    check("callback.asks_for_phases", [&] { asks_for_phases(subject); });
    check("callback.a_whole_run_passes", [&] { a_whole_run_passes(subject); });
    check("callback.unknown_phases_are_ignored", [&] { unknown_phases_are_ignored(subject); });
    check("callback.newer_hosts_are_understood", [&] { newer_hosts_are_understood(subject); });
    check("callback.state_goes_round", [&] { state_goes_round(subject); });
    check("callback.foreign_states_are_survived", [&] { foreign_states_are_survived(subject); });
    check("callback.any_order_is_survived", [&] {
        for (const std::uint64_t seed : {1, 2, 3}) survives(subject, known_run(subject, 0.5), seed);
    });
    check("callback.missing_metrics_are_survived", [&] { survives(subject, RunBuilder(), 4); });
    check("callback.values_that_are_no_numbers_are_survived", [&] {
        survives(subject, known_run(subject, std::nan("")), 5);
        survives(subject, known_run(subject, std::numeric_limits<double>::infinity()), 6);
    });
}

}  // namespace dv::testing
