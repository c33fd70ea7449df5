#include "../callback_scenario.hpp"
#include "suites.hpp"

#include <dv/random.hpp>
#include <dv/testing/torch/callback.hpp>

#include <ATen/core/grad_mode.h>

namespace dv::testing {
namespace {

/// A model of one layer, in a run that shows every phase a batch.
class Seated {
public:
    explicit Seated(const Subject& subject) : Seated(subject, subject.plugin()) {}
    Seated(const Subject& subject, Plugin plugin)
        : plugin_(std::move(plugin)), handle_(plugin_.make<TorchCallback>(subject.note().id, subject.config())) {
        handle_.training().weights = {
            {"layer.weight", uniform(1, {3, 4}), true}, {"layer.bias", uniform(2, {3}), true}, {"layer.mean", uniform(3, {3}), false}};
        for (NamedTensor& t : handle_.training().weights) t.tensor.set_requires_grad(t.trainable);
        const DataFacts facts{.channels = 1, .height = 2, .width = 2, .n_classes = 3};
        handle_.batch = still_batch(4, 6, facts);
        handle_.output = StepOutput{uniform(5, {}), uniform(6, {6, 2, 3}), integers(7, {6, 2}, 0, 3), {}};
    }

    /// Each step of the optimizer changes the weights.
    AnswerLog phase(dv_phase phase, const RunBuilder& run = {}) {
        if (phase == DV_OPTIMIZER_STEP_DONE) {
            const at::NoGradGuard no_grad;
            for (NamedTensor& t : handle_.training().weights) t.tensor.add_(0.125);
        }
        return handle_.phase(phase, run);
    }
    TorchCallbackHandle& handle() { return handle_; }
    Plugin& plugin() { return plugin_; }

    std::vector<at::Tensor> weights() {
        std::vector<at::Tensor> out;
        for (const NamedTensor& t : handle_.training().weights) out.push_back(t.tensor.detach().clone());
        return out;
    }

private:
    Plugin plugin_;
    TorchCallbackHandle handle_;
};

void asks_for_phases(const Subject& subject) {
    Seated callback(subject);
    expect(callback.handle().phases() != 0, "it asks for no phase, so it is never called");
    expect(callback.handle().phases() >> DV_N_PHASES == 0, "it asks for phases that this door does not know: mask ",
           callback.handle().phases());
}

void a_whole_run_passes(const Subject& subject) {
    Seated callback(subject);
    RunBuilder run = known_run(subject, 0.5);
    fit(callback, run);
    test_and_predict(callback, run);
    expect_balanced(callback.plugin().host());
}

void unknown_phases_are_ignored(const Subject& subject) {
    Seated callback(subject);
    const RunBuilder run = known_run(subject, 0.5);
    for (const std::uint32_t phase : {static_cast<std::uint32_t>(DV_N_PHASES), 63u, 1000u, ~0u}) {
        expect(!callback.handle().force_phase(phase, run.view()).stopped(), "it stops the run in phase ", phase,
               ", which it cannot know");
    }
}

/// What a callback puts into the model for a checkpoint or a validation, it takes out again.
void weights_come_back(const Subject& subject) {
    Seated callback(subject);
    RunBuilder run = known_run(subject, 0.5);
    run.stage(DV_STAGE_TRAIN);
    callback.phase(DV_FIT_START, run);
    callback.phase(DV_TRAIN_START, run);
    callback.phase(DV_TRAIN_EPOCH_START, run);
    for (int i = 0; i < 2; ++i) callback.phase(DV_OPTIMIZER_STEP_DONE, run.step(i + 1));
    const std::vector<at::Tensor> before = callback.weights();
    const auto expect_back = [&](const char* after) {
        const std::vector<at::Tensor> now = callback.weights();
        for (std::size_t i = 0; i < now.size(); ++i) {
            expect(same_bits(now[i], before[i]), after, " the weights are not what they were before");
        }
    };
    validate(callback, run);
    expect_back("after a validation");
    callback.phase(DV_SAVE_CHECKPOINT, run);
    callback.phase(DV_CHECKPOINT_TAKEN, run);
    expect_back("after a checkpoint");
}

void state_goes_round(const Subject& subject) {
    Plugin plugin = subject.plugin();
    Seated first(subject, plugin);
    RunBuilder run = known_run(subject, 0.5);
    fit(first, run);
    const Config state = first.handle().save_state();
    const std::vector<NamedTensor> tensors = first.handle().save_tensors();
    if (state == Config() && tensors.empty()) skip("it has no state");
    expect_unique_names(tensors);
    Seated second(subject, plugin);
    second.handle().load_state(state);
    second.handle().load_tensors(tensors);
    expect(second.handle().save_state() == state, "what it saves after loading is not what was loaded");
    const std::vector<NamedTensor> again = second.handle().save_tensors();
    expect(again.size() == tensors.size(), "of ", tensors.size(), " tensors it keeps ", again.size());
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        expect(again[i].name == tensors[i].name && same_bits(again[i].tensor, tensors[i].tensor), "the tensor '",
               tensors[i].name, "' is not what was loaded");
    }
    expect(second.handle().state_key() == first.handle().state_key(), "its state_key changes");
}

/// Errors are allowed here, crashes and errors without a text are not.
void survives(const Subject& subject, const RunBuilder& run, std::uint64_t seed) {
    Seated callback(subject);
    Random random(seed, 0, 0, Purpose::synthesize);
    RunBuilder shown = run;
    for (int i = 0; i < 500; ++i) {
        const auto phase = static_cast<dv_phase>(random.below(DV_N_PHASES));
        shown.epoch(random.below(5)).step(random.below(100)).batch(random.below(10), 10);
        refusal_of([&] { callback.phase(phase, shown); });
    }
    expect_balanced(callback.plugin().host());
}

void missing_batches_are_survived(const Subject& subject) {
    Seated callback(subject);
    callback.handle().batch.reset();
    callback.handle().output.reset();
    RunBuilder run = known_run(subject, 0.5);
    refusal_of([&] {
        fit(callback, run);
        test_and_predict(callback, run);
    });
    expect_balanced(callback.plugin().host());
}

}  // namespace

void check_torch_callback(const Subject& subject, Checks& check) {
    check("torch_callback.asks_for_phases", [&] { asks_for_phases(subject); });
    check("torch_callback.a_whole_run_passes", [&] { a_whole_run_passes(subject); });
    check("torch_callback.unknown_phases_are_ignored", [&] { unknown_phases_are_ignored(subject); });
    check("torch_callback.weights_come_back", [&] { weights_come_back(subject); });
    check("torch_callback.state_goes_round", [&] { state_goes_round(subject); });
    check("torch_callback.any_order_is_survived", [&] {
        for (const std::uint64_t seed : {1, 2}) survives(subject, known_run(subject, 0.5), seed);
    });
    check("torch_callback.missing_metrics_are_survived", [&] { survives(subject, RunBuilder(), 3); });
    check("torch_callback.missing_batches_are_survived", [&] { missing_batches_are_survived(subject); });
}

}  // namespace dv::testing
