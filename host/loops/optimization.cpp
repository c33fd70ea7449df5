#include "loops/optimization.hpp"

#include "loops/gradients.hpp"

#include <ATen/core/grad_mode.h>

#include <algorithm>

namespace dvhost::loops {

namespace {

std::vector<dv::NamedTensor> trainable(dv::Model& model) {
    std::vector<dv::NamedTensor> out;
    for (dv::NamedTensor& t : model.parameters()) {
        if (t.trainable && t.tensor.requires_grad()) out.push_back(std::move(t));
    }
    return out;
}

void check_flags(const Experiment& e) {
    if (e.optimizers.empty()) throw dv::Error("nothing trains without an [optimizer] table: add one, e.g. type = \"adam\"");
    const TrainerOptions& options = e.trainer;
    const bool accumulates = std::any_of(options.accumulate.begin(), options.accumulate.end(),
                                         [](const AccumulateFrom& a) { return a.batches != 1; });
    if (e.model->optimizes_itself()) {
        if (accumulates) throw dv::Error("this model optimizes itself, so trainer.accumulate_grad_batches has nothing to act on: leave it out");
        if (options.gradient_clip_val) throw dv::Error("this model optimizes itself and clips its gradients itself: leave trainer.gradient_clip_val out");
        return;
    }
    if (e.optimizers.size() > 1) {
        throw dv::Error("several [[optimizer]] tables need a model that optimizes itself (dv::Model::manual_step), and this one does not");
    }
    if (e.optimizers.front()->needs_closure() && (accumulates || options.precision == Precision::half_mixed)) {
        throw dv::Error("this optimizer evaluates the loss several times per step, which goes neither with "
                        "trainer.accumulate_grad_batches nor with trainer.precision = \"16-mixed\"");
    }
}

}  // namespace

/// The model's side of manual optimization.
class Optimization::Manual final : public dv::ManualOptimization {
public:
    explicit Manual(Optimization& all) : all_(all), e_(all.run_.experiment) {}

    std::size_t n_optimizers() const override { return e_.optimizers.size(); }
    void zero_grad(std::size_t i) override { at(i).zero_grad(); }
    void backward(const at::Tensor& loss) override {
        all_.run_.events(DV_BEFORE_BACKWARD);
        const at::Tensor scaled = all_.scaler_.scaled(loss);
        all_.run_.hooks.around(dv::Hook::backward, [&] { e_.strategy->backward(scaled, dv::GradientSync::now); }, [&] { return ModelHooks::Details{.index = 0, .loss = scaled}; });
        all_.run_.events(DV_AFTER_BACKWARD);
    }
    void step(std::size_t i) override {
        dv::Optimizer& optimizer = at(i);
        all_.run_.events(DV_BEFORE_OPTIMIZER_STEP);
        e_.before_change();
        if (all_.scaler_.unscale(all_.parameters_)) {
            const ProfileScope scope(e_.profiler, Profiler::optimizer_step);
            optimizer.step();
        }
        ++all_.run_.progress.optimizer_calls;
        all_.stepped_ = true;
        all_.run_.events(DV_OPTIMIZER_STEP_DONE);
    }
    void clip_gradient_norm(std::size_t i, double max_norm) override {
        std::vector<dv::NamedTensor> own;
        for (const dv::ParameterGroup& group : at(i).groups()) own.insert(own.end(), group.parameters.begin(), group.parameters.end());
        loops::clip_gradient_norm(own, max_norm);
    }
    void toggle(std::size_t i) override {
        untoggle(i);
        for (dv::NamedTensor& t : all_.parameters_) {
            bool is_own = false;
            for (const dv::ParameterGroup& group : at(i).groups()) {
                is_own = is_own || std::any_of(group.parameters.begin(), group.parameters.end(), [&](const dv::NamedTensor& p) { return p.name == t.name; });
            }
            t.tensor.requires_grad_(is_own);
        }
    }
    void untoggle(std::size_t) override {
        for (dv::NamedTensor& t : all_.parameters_) t.tensor.requires_grad_(true);
    }

private:
    dv::Optimizer& at(std::size_t i) {
        if (i >= e_.optimizers.size()) {
            throw dv::Error("there is no optimizer " + std::to_string(i) + ": the manifest has " + std::to_string(e_.optimizers.size()));
        }
        return *e_.optimizers[i];
    }
    Optimization& all_;
    Experiment& e_;
};

Optimization::Optimization(Run& run)
    : run_(run), nan_watch_(run.experiment), scaler_(run.experiment.trainer.precision == Precision::half_mixed),
      parameters_(trainable(*run.experiment.model)) {
    check_flags(run.experiment);
}

dv::StepOutput Optimization::train(const dv::Batch& batch, const WindowPlace& place, recording::StageRecording* recording) {
    stepped_ = false;
    if (run_.experiment.model->optimizes_itself()) {
        if (recording != nullptr) recording->begin_batch(batch);
        dv::StepOutput output = train_manually(batch);
        if (recording != nullptr) recording->end_batch(batch, output.outputs, output.labels);
        return output;
    }
    dv::StepOutput output;
    bool done = false;
    const auto closure = [&] {
        if (std::exchange(done, true)) return;
        if (recording != nullptr) recording->begin_batch(batch);
        output = forward(batch);
        if (recording != nullptr) recording->end_batch(batch, output.outputs, output.labels);
        run_.context.output = &output;
        if (place.first) zero_grad();
        if (output.loss.defined()) backward(output.loss, batch, place);
    };
    if (place.last) {
        const auto step = [&] {
            closure();
            finish_window(batch, output);
        };
        run_.hooks.around(dv::Hook::optimizer_step, step, [&] { return ModelHooks::Details{.index = 0, .loss = {}, .closure = closure}; });
    } else {
        closure();
    }
    run_.context.output = nullptr;
    return output;
}

dv::StepOutput Optimization::train_manually(const dv::Batch& batch) {
    Experiment& e = run_.experiment;
    Manual manual(*this);
    const AutocastScope autocast(e.trainer.precision, e.strategy->device());
    const ProfileScope scope(e.profiler, Profiler::training_step);
    dv::StepOutput output = e.model->manual_step(batch, *e.loss, manual);
    manual.untoggle(0);
    if (stepped_) ++run_.progress.global_step;
    return output;
}

void Optimization::zero_grad() {
    run_.events(DV_BEFORE_ZERO_GRAD);
    run_.hooks.around(dv::Hook::optimizer_zero_grad, [&] {
        const ProfileScope scope(run_.experiment.profiler, Profiler::zero_grad);
        optimizer().zero_grad();
    });
    window_ = {};
}

dv::StepOutput Optimization::forward(const dv::Batch& batch) {
    Experiment& e = run_.experiment;
    const AutocastScope autocast(e.trainer.precision, e.strategy->device());
    const auto stepped = [&] {
        const ProfileScope scope(e.profiler, Profiler::training_step);
        return e.model->training_step(batch, *e.loss);
    };
    dv::StepOutput output = stepped();
    if (!nan_watch_.accepts(output, batch, run_.progress)) output.loss.reset();
    return output;
}

void Optimization::backward(const at::Tensor& loss, const dv::Batch& batch, const WindowPlace& place) {
    Experiment& e = run_.experiment;
    const auto samples = static_cast<double>(batch.size());
    at::Tensor scaled = loss;
    switch (e.trainer.accumulate_reduction) {
        case AccumulateReduction::mean:
            if (place.size > 1) scaled = loss.div(static_cast<double>(place.size));
            break;
        case AccumulateReduction::weighted: scaled = loss.mul(samples); break;
        case AccumulateReduction::sum: break;
    }
    run_.events(DV_BEFORE_BACKWARD);
    scaled = scaler_.scaled(scaled);
    const auto pass = [&] {
        const ProfileScope scope(e.profiler, Profiler::backward);
        e.strategy->backward(scaled, place.last ? dv::GradientSync::now : dv::GradientSync::later);
    };
    run_.hooks.around(dv::Hook::backward, pass, [&] { return ModelHooks::Details{.index = 0, .loss = scaled}; });
    run_.events(DV_AFTER_BACKWARD);
    ++window_.losses;
    window_.weight += samples;
}

void Optimization::finish_window(const dv::Batch& batch, dv::StepOutput& output) {
    if (window_.losses == 0) {
        if (run_.experiment.trainer.lightning) ++run_.progress.global_step;
        ++run_.progress.skipped_steps;
    } else if (optimizer().needs_closure()) {
        step_with_closure(batch, output);
    } else {
        step();
    }
}

void Optimization::step() {
    Experiment& e = run_.experiment;
    const bool finite = scaler_.unscale(parameters_);
    if (e.trainer.accumulate_reduction == AccumulateReduction::weighted) scale_gradients(parameters_, 1.0 / window_.weight);
    run_.events(DV_BEFORE_OPTIMIZER_STEP);
    clip();
    e.before_change();
    if (finite) {
        const ProfileScope scope(e.profiler, Profiler::optimizer_step);
        optimizer().step();
    } else {
        ++run_.progress.skipped_steps;
    }
    stepped_ = true;
    ++run_.progress.global_step;
    ++run_.progress.optimizer_calls;
    run_.events(DV_OPTIMIZER_STEP_DONE);
}

/// The gradients of the first evaluation are there; the optimizer asks for more as it likes.
void Optimization::step_with_closure(const dv::Batch& batch, dv::StepOutput& output) {
    Experiment& e = run_.experiment;
    bool has_first = true;
    run_.events(DV_BEFORE_OPTIMIZER_STEP);
    clip();
    e.before_change();
    const ProfileScope scope(e.profiler, Profiler::optimizer_step);
    optimizer().step_with([&] {
        if (!std::exchange(has_first, false)) {
            const at::AutoGradMode with_gradient(true);
            optimizer().zero_grad();
            const dv::StepOutput again = forward(batch);
            if (!again.loss.defined()) throw dv::Error("the model gave no loss while its optimizer looked for a step");
            e.strategy->backward(again.loss, dv::GradientSync::now);
            clip();
            return again.loss.detach();
        }
        return output.loss.detach();
    });
    stepped_ = true;
    ++run_.progress.global_step;
    ++run_.progress.optimizer_calls;
    run_.events(DV_OPTIMIZER_STEP_DONE);
}

void Optimization::clip() {
    run_.hooks.around(dv::Hook::configure_gradient_clipping, [this] {
        const TrainerOptions& options = run_.experiment.trainer;
        if (!options.gradient_clip_val) return;
        if (options.gradient_clip_algorithm == ClipAlgorithm::norm) {
            clip_gradient_norm(parameters_, *options.gradient_clip_val);
        } else {
            clip_gradient_value(parameters_, *options.gradient_clip_val);
        }
    });
}

void Optimization::drop_gradients() {
    for (dv::NamedTensor& t : parameters_) t.tensor.mutable_grad().reset();
}

Optimization::Window Optimization::window() const {
    Window out = window_;
    for (const dv::NamedTensor& t : parameters_) {
        if (t.tensor.grad().defined()) out.gradients.push_back({t.name, t.tensor.grad(), false});
    }
    return out;
}

void Optimization::restore(Window window) {
    for (const dv::NamedTensor& gradient : window.gradients) {
        const auto found = std::find_if(parameters_.begin(), parameters_.end(), [&](const dv::NamedTensor& t) { return t.name == gradient.name; });
        if (found == parameters_.end()) throw dv::Error("the checkpoint has a gradient of '" + gradient.name + "', which is no trainable parameter of this model");
        found->tensor.mutable_grad() = gradient.tensor.to(found->tensor.device(), found->tensor.scalar_type(), false, /*copy=*/true);
    }
    window.gradients.clear();
    window_ = std::move(window);
}

}  // namespace dvhost::loops
