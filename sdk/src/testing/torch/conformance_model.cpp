#include "suites.hpp"

#include <ATen/ops/cat.h>
#include <c10/core/GradMode.h>

#include <cmath>

namespace dv::testing {
namespace {

constexpr DataFacts kFacts{.n_frames = 1, .channels = 3, .height = 32, .width = 32, .n_classes = 5};
constexpr std::int64_t kBatch = 3;

std::shared_ptr<Model> built(const Subject& subject, std::uint64_t seed = 42) {
    Plugin plugin = subject.plugin();
    plugin.host().seed = seed;
    auto model = plugin.make<Model>(subject.note().id, subject.config());
    model->build(kFacts);
    model->train(false);
    return model;
}

/// A sequence of different frames.
Sequence frames(std::int64_t batch, std::int64_t n_timesteps, at::ScalarType dtype = at::kFloat) {
    return Sequence::of(
        uniform(81, {batch, n_timesteps, kFacts.channels, kFacts.height, kFacts.width}, 0.0, 1.0, dtype));
}

Batch batch_of(std::int64_t size) {
    Batch batch = still_batch(82, size, kFacts);
    batch.split = Split::train;
    return batch;
}

void expect_shape(const at::Tensor& outputs, std::int64_t batch, std::int64_t n_timesteps, std::string_view what) {
    const std::vector<std::int64_t> expected{batch, n_timesteps, kFacts.n_classes};
    expect(outputs.defined(), what, " gives an undefined tensor");
    expect(outputs.sizes() == at::IntArrayRef(expected), what, " gives outputs of shape ", outputs.sizes(), "; ",
           at::IntArrayRef(expected), " [batch, time, class] was expected");
}

void outputs_have_their_shape(const Subject& subject) {
    const auto model = built(subject);
    const c10::NoGradGuard values_only;
    for (const auto& [batch, n_timesteps] : {std::pair{kBatch, std::int64_t{3}}, {1, 3}, {kBatch, 1}, {1, 1}}) {
        const at::Tensor outputs = model->forward_sequence(frames(batch, n_timesteps));
        expect_shape(outputs, batch, n_timesteps, cat("a sequence of ", n_timesteps, " step(s) and batch ", batch));
        expect(outputs.scalar_type() == at::kFloat, "float frames give outputs of ", outputs.scalar_type());
        expect(outputs.isfinite().all().item<bool>(), "its outputs are not all finite");
    }
}

/// A model and the loss it is trained with, which reports to the same host.
struct Bench {
    explicit Bench(const Subject& subject) : plugin(subject.plugin()) {
        loss.host = plugin.host().for_component("dv.testing", "dv.testing.reference_loss", "loss");
        model = plugin.make<Model>(subject.note().id, subject.config());
        model->build(kFacts);
    }
    Plugin plugin;
    ReferenceLoss loss;
    std::shared_ptr<Model> model;
};

void steps_agree_with_themselves(const Subject& subject) {
    const Bench bench(subject);
    const auto& [plugin, loss, model] = bench;
    model->train(false);
    const Batch batch = batch_of(kBatch);
    const auto scored = [&](const StepOutput& out, std::string_view step) {
        expect(out.outputs.defined() && out.outputs.dim() == 3, step, " gives no outputs [batch, time, class]");
        expect_shape(out.outputs, kBatch, out.outputs.size(1), step);
        expect(out.labels.sizes() == out.outputs.sizes().slice(0, 2), step, " gives labels of shape ",
               out.labels.sizes(), " beside outputs of shape ", out.outputs.sizes());
        expect(out.loss.defined() && out.loss.dim() == 0 && out.loss.isfinite().item<bool>(), step,
               " gives no finite loss");
    };
    scored(model->training_step(batch, loss), "training_step()");
    const c10::NoGradGuard values_only;
    Batch validation = batch;
    validation.split = Split::val;
    scored(model->validation_step(validation, loss), "validation_step()");
    Batch prediction = batch;
    prediction.split = Split::predict;
    prediction.labels.reset();
    const at::Tensor predicted = model->predict_step(prediction);
    expect(predicted.dim() == 3, "predict_step() gives outputs of shape ", predicted.sizes());
    expect_shape(predicted, kBatch, predicted.size(1), "predict_step()");
}

void names_are_clear(const Subject& subject) {
    const auto parameters = built(subject)->parameters();
    expect_unique_names(parameters);
    expect(std::ranges::any_of(parameters, &NamedTensor::trainable), "it has nothing to train");
}

void every_parameter_gets_a_gradient(const Subject& subject) {
    const Bench bench(subject);
    bench.model->train(true);
    bench.model->training_step(batch_of(kBatch), bench.loss).loss.backward();
    for (const NamedTensor& p : bench.model->parameters()) {
        if (!p.trainable) continue;
        expect(p.tensor.grad().defined(), "'", p.name, "' is trainable and gets no gradient from a training step");
        expect(p.tensor.grad().isfinite().all().item<bool>(), "the gradient of '", p.name, "' is not finite");
    }
}

void equal_seeds_give_equal_models(const Subject& subject) {
    const auto one = built(subject), two = built(subject), other = built(subject, 43);
    const auto values = one->parameters(), same = two->parameters(), different = other->parameters();
    bool any_differs = false;
    for (std::size_t i = 0; i < values.size(); ++i) {
        expect(same_bits(values[i].tensor, same.at(i).tensor), "'", values[i].name,
               "' starts differently with the same seed");
        any_differs |= !same_bits(values[i].tensor, different.at(i).tensor);
    }
    expect(any_differs, "with another seed all parameters start the same; draw them from dv::initial_value_key(host)");
    const c10::NoGradGuard values_only;
    const Sequence shown = frames(kBatch, 3);
    expect(same_bits(one->forward_sequence(shown), two->forward_sequence(shown)),
           "equal models give different outputs");
}

void keeps_no_state_between_batches(const Subject& subject) {
    const auto model = built(subject);
    const c10::NoGradGuard values_only;
    const Sequence shown = frames(kBatch, 3);
    const at::Tensor before = shown.frames.clone();
    const at::Tensor first = model->forward_sequence(shown).clone();
    model->forward_sequence(frames(1, 2));
    expect(same_bits(model->forward_sequence(shown), first),
           "the same frames give other outputs later, in evaluation mode");
    expect(same_bits(shown.frames, before), "it changes its frames");
}

void items_are_independent(const Subject& subject) {
    const auto model = built(subject);
    const c10::NoGradGuard values_only;
    const Sequence shown = frames(kBatch, 3);
    std::vector<at::Tensor> alone;
    for (std::int64_t i = 0; i < kBatch; ++i) {
        alone.push_back(model->forward_sequence(Sequence::of(shown.frames.narrow(0, i, 1).contiguous())));
    }
    expect_close(model->forward_sequence(shown), at::cat(alone), 1e-4,
                 "the outputs of a batch and of its items alone, in evaluation mode");
}

void modes_are_respected(const Subject& subject) {
    const auto model = built(subject);
    const Sequence shown = frames(kBatch, 3);
    {
        const c10::NoGradGuard values_only;
        const at::Tensor outputs = model->forward_sequence(shown);
        expect(!outputs.requires_grad(),
               "without gradient mode, its outputs require a gradient: it switches the mode on");
        expect(!c10::GradMode::is_enabled(), "it leaves gradient mode switched on");
        model->train(true);
        model->forward_sequence(shown);
        model->train(false);
        // Running statistics may have moved; what counts is that evaluation is again a function of the frames alone.
        const at::Tensor first = model->forward_sequence(shown).clone();
        expect(same_bits(model->forward_sequence(shown), first),
               "after train(true) and train(false) it is not deterministic");
    }
    expect(c10::GradMode::is_enabled(), "it leaves gradient mode switched off");
    expect(model->forward_sequence(shown).requires_grad(), "with gradient mode, its outputs require no gradient");
    expect(c10::GradMode::is_enabled(), "it leaves gradient mode switched off");
}

void parameters_are_handles(const Subject& subject) {
    const auto model = built(subject);
    const c10::NoGradGuard values_only;
    const at::Tensor before = model->forward_sequence(frames(1, 3)).clone();
    for (const NamedTensor& p : model->parameters()) {
        if (p.trainable) p.tensor.set_data(p.tensor.detach().mul(0.5).add(0.01));
    }
    expect(!same_bits(model->forward_sequence(frames(1, 3)), before),
           "new data behind its parameters changes no output: it computes with copies, and a move to a device would be "
           "missed");
}

void gradients_are_right(const Subject& subject) {
    const auto model = built(subject);
    const auto parameters = model->parameters();
    make_double(parameters);
    Sequence shown = frames(1, 3, at::kDouble);
    shown.frames.requires_grad_();
    const auto outputs = [&] { return model->forward_sequence(shown); };
    std::string refusal;
    try {
        refusal = outputs().scalar_type() == at::kDouble ? "" : "its outputs stay in single precision";
    } catch (const ComponentError& error) {
        refusal = error.what();
    }
    if (!refusal.empty()) skip("it cannot be moved to double precision: ", refusal);
    for (const NamedTensor& p : parameters) {
        if (!p.trainable) continue;
        const GradientAgreement agreement = gradient_agreement(outputs, p.tensor, 2);
        expect(agreement.worst < 1e-4, "the gradient of '", p.name,
               "' is not that of finite differences: ", agreement.where);
    }
    const GradientAgreement agreement = gradient_agreement(outputs, shown.frames, 4);
    expect(agreement.worst < 1e-4, "the gradient in the frames is not that of finite differences: ", agreement.where);
}

void describes_itself(const Subject& subject) {
    Plugin plugin = subject.plugin();
    const auto model = plugin.make<Model>(subject.note().id, subject.config());
    model->build(kFacts);
    model->describe();
    expect_balanced(plugin.host());
}

}  // namespace

void check_model(const Subject& subject, Checks& all_checks) {
    const auto check = [&](std::string id, const std::function<void()>& body) {
        all_checks(std::move(id), [&] {
            const c10::AutoGradMode as_a_run_has_it(true);  // put back afterwards, whatever the model does to it
            body();
        });
    };
    check("model.outputs_have_their_shape", [&] { outputs_have_their_shape(subject); });
    check("model.steps_agree_with_themselves", [&] { steps_agree_with_themselves(subject); });
    check("model.names_are_clear", [&] { names_are_clear(subject); });
    check("model.every_parameter_gets_a_gradient", [&] { every_parameter_gets_a_gradient(subject); });
    check("model.equal_seeds_give_equal_models", [&] { equal_seeds_give_equal_models(subject); });
    check("model.keeps_no_state_between_batches", [&] { keeps_no_state_between_batches(subject); });
    check("model.items_are_independent", [&] { items_are_independent(subject); });
    check("model.modes_are_respected", [&] { modes_are_respected(subject); });
    check("model.parameters_are_handles", [&] { parameters_are_handles(subject); });
    check("model.gradients_are_right", [&] { gradients_are_right(subject); });
    check("model.describes_itself", [&] { describes_itself(subject); });
}

}  // namespace dv::testing
