#pragma once
/// A run from its first phase to its last, for the conformance of callbacks of both classes.

#include <dv/testing/conformance.hpp>

#include <initializer_list>

namespace dv::testing {

/// A run in which everything is known that the callback may look for: each text among its parameters is a metric's
/// name.
inline RunBuilder known_run(const Subject& subject, double value) {
    RunBuilder run;
    run.max_epochs(2).validates_each_epoch_end().log_due();
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

template <class Handle>
void batches(Handle& callback, RunBuilder& run, std::initializer_list<dv_phase> phases, int n) {
    for (int i = 0; i < n; ++i) {
        run.batch(i, n);
        for (const dv_phase phase : phases) callback.phase(phase, run);
    }
}

template <class Handle>
void validate(Handle& callback, RunBuilder& run) {
    run.stage(DV_STAGE_VALIDATE);
    callback.phase(DV_VALIDATION_START, run);
    callback.phase(DV_VALIDATION_EPOCH_START, run);
    batches(callback, run, {DV_VALIDATION_BATCH_START, DV_VALIDATION_BATCH_END}, 2);
    callback.phase(DV_VALIDATION_EPOCH_END, run);
    callback.phase(DV_VALIDATION_END, run);
    run.stage(DV_STAGE_TRAIN);
}

template <class Handle>
void fit(Handle& callback, RunBuilder& run) {
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
            run.step(epoch * 3 + i + 1).samples(epoch * 3 + i + 1, 6 * (epoch * 3 + i + 1));
            callback.phase(DV_OPTIMIZER_STEP_DONE, run);
            callback.phase(DV_TRAIN_BATCH_END, run.elapsed(epoch + i));
        }
        validate(callback, run);
        callback.phase(DV_TRAIN_EPOCH_END, run);
        callback.phase(DV_SAVE_CHECKPOINT, run);
        callback.phase(DV_CHECKPOINT_TAKEN, run);
    }
    callback.phase(DV_TRAIN_END, run);
    callback.phase(DV_FIT_END, run);
    callback.phase(DV_TEARDOWN, run.message("success"));
}

template <class Handle>
void test_and_predict(Handle& callback, RunBuilder& run) {
    run.stage(DV_STAGE_TEST);
    for (const dv_phase phase : {DV_SETUP, DV_TEST_START, DV_TEST_EPOCH_START}) callback.phase(phase, run);
    batches(callback, run, {DV_TEST_BATCH_START, DV_TEST_BATCH_END}, 2);
    for (const dv_phase phase : {DV_TEST_EPOCH_END, DV_TEST_END, DV_TEARDOWN}) callback.phase(phase, run);
    run.stage(DV_STAGE_PREDICT);
    for (const dv_phase phase : {DV_SETUP, DV_PREDICT_START, DV_PREDICT_EPOCH_START}) callback.phase(phase, run);
    batches(callback, run, {DV_PREDICT_BATCH_START, DV_PREDICT_BATCH_END}, 2);
    for (const dv_phase phase : {DV_PREDICT_EPOCH_END, DV_PREDICT_END, DV_TEARDOWN}) callback.phase(phase, run);
}

}  // namespace dv::testing
