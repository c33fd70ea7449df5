#include "portable_suites.hpp"

#include <dv/random.hpp>

#include <cmath>
#include <limits>

namespace dv::testing {
namespace {

/// A run in which everything is known that the callback may look for: each text among its parameters is a metric's
/// name.
RunBuilder known_run(const Subject& subject, double value) {
    RunBuilder run;
    run.max_epochs(2).has_validation().log_due();
    for (const char* name : {"train/loss", "val/loss", "train/accuracy", "val/accuracy"}) run.metric(name, value);
    for (const Entry& entry : *subject.config().as<Value::Table>()) {
        if (const auto* text = entry.value.as<std::string>()) run.metric(*text, value);
    }
    for (const ParameterNote& p : subject.note().parameters) {
        const auto* text = p.fallback ? p.fallback->as<std::string>() : nullptr;
        if (text && p.type == "string" && !text->empty()) run.metric(*text, value);
    }
    return run.learning_rate("regular", 1e-3);
}

void batches(CallbackHandle& callback, RunBuilder& run, std::initializer_list<dv_phase> phases, int n) {
    for (int i = 0; i < n; ++i) {
        run.batch(i, n);
        for (const dv_phase phase : phases) callback.phase(phase, run);
    }
}

void validate(CallbackHandle& callback, RunBuilder& run) {
    run.stage(DV_STAGE_VALIDATE);
    callback.phase(DV_VALIDATION_START, run);
    callback.phase(DV_VALIDATION_EPOCH_START, run);
    batches(callback, run, {DV_VALIDATION_BATCH_START, DV_VALIDATION_BATCH_END}, 2);
    callback.phase(DV_VALIDATION_EPOCH_END, run);
    callback.phase(DV_VALIDATION_END, run);
    run.stage(DV_STAGE_TRAIN);
}

void fit(CallbackHandle& callback, RunBuilder& run) {
    run.stage(DV_STAGE_TRAIN);
    callback.phase(DV_SETUP, run);
    callback.phase(DV_FIT_START, run);
    callback.phase(DV_SANITY_CHECK_START, run);
    validate(callback, run);
    callback.phase(DV_SANITY_CHECK_END, run);
    callback.phase(DV_TRAIN_START, run);
    for (int epoch = 0; epoch < 2; ++epoch) {
        callback.phase(DV_TRAIN_EPOCH_START, run.epoch(epoch));
        for (int i = 0; i < 3; ++i) {
            run.batch(i, 3);
            for (const dv_phase phase : {DV_TRAIN_BATCH_START, DV_BEFORE_ZERO_GRAD, DV_BEFORE_BACKWARD,
                                         DV_AFTER_BACKWARD, DV_BEFORE_OPTIMIZER_STEP}) {
                callback.phase(phase, run);
            }
            callback.phase(DV_TRAIN_BATCH_END, run.step(epoch * 3 + i + 1).elapsed(epoch + i));
        }
        validate(callback, run);
        callback.phase(DV_TRAIN_EPOCH_END, run);
    }
    callback.phase(DV_TRAIN_END, run);
    callback.phase(DV_FIT_END, run);
    callback.phase(DV_TEARDOWN, run.message("success"));
}

void test_and_predict(CallbackHandle& callback, RunBuilder& run) {
    run.stage(DV_STAGE_TEST);
    for (const dv_phase phase : {DV_SETUP, DV_TEST_START, DV_TEST_EPOCH_START}) callback.phase(phase, run);
    batches(callback, run, {DV_TEST_BATCH_START, DV_TEST_BATCH_END}, 2);
    for (const dv_phase phase : {DV_TEST_EPOCH_END, DV_TEST_END, DV_TEARDOWN}) callback.phase(phase, run);
    run.stage(DV_STAGE_PREDICT);
    for (const dv_phase phase : {DV_SETUP, DV_PREDICT_START, DV_PREDICT_EPOCH_START}) callback.phase(phase, run);
    batches(callback, run, {DV_PREDICT_BATCH_START, DV_PREDICT_BATCH_END}, 2);
    for (const dv_phase phase : {DV_PREDICT_EPOCH_END, DV_PREDICT_END, DV_TEARDOWN}) callback.phase(phase, run);
}

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

}  // namespace

void check_callback(const Subject& subject, Checks& check) {
    check("callback.asks_for_phases", [&] { asks_for_phases(subject); });
    check("callback.a_whole_run_passes", [&] { a_whole_run_passes(subject); });
    check("callback.unknown_phases_are_ignored", [&] { unknown_phases_are_ignored(subject); });
    check("callback.newer_hosts_are_understood", [&] { newer_hosts_are_understood(subject); });
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
