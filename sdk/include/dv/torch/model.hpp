#pragma once
/// Kind dv.model (torch): frames over time to outputs over time.
///
/// The plain form: declare parameters in build(), compute in forward().
///
///     struct Readout final : dv::Model {
///         at::Tensor weight;
///         void build(const dv::DataFacts& data) override {
///             const auto features = data.channels * data.height * data.width;
///             weight = weights.add("weight", {data.n_classes, features}, dv::init::KaimingUniform{features});
///         }
///         at::Tensor forward(const at::Tensor& frames) override {            // [batch, time, channel, y, x]
///             return at::matmul(frames.flatten(2), weight.t());              // [batch, time, class]
///         }
///     };
///
/// A model takes the phases of a run that it wants as further bases, as a callback does (dv/callback.hpp); it sees each after the
/// callbacks:
///
///     struct Warming final : dv::Model, dv::OnTrainEpochStart { ... };
///
/// and takes over pieces of the trainer's work in the same way (dv/torch/hooks.hpp).
///
/// Models with layers and delays build a Circuit instead and override forward_sequence() (dv/temporal/circuit.hpp).
/// Models made of torch::nn modules derive from dv::NnModel (dv/torch/nn_model.hpp).

#include <dv/callback.hpp>
#include <dv/temporal/recorder.hpp>
#include <dv/torch/batch.hpp>
#include <dv/torch/hooks.hpp>
#include <dv/torch/kind.hpp>
#include <dv/torch/loss.hpp>
#include <dv/torch/parameters.hpp>

namespace dv {

/// A batch as a model shows it to itself.
struct Presentation {
    Sequence frames;
    at::Tensor labels;  ///< int64 [batch, time], negative where a step is not scored; undefined without labels
};

/// What a training, validation or test step gives.
struct StepOutput {
    at::Tensor loss;     ///< 0-dim; undefined: this batch is skipped
    at::Tensor outputs;  ///< [batch, time, class]
    at::Tensor labels;   ///< int64 [batch, time]
    std::vector<NamedTensor> metrics;  ///< further 0-dim values to log, by name
};

/// Outputs, and the signals inside the model that a loss asked for.
struct Outcome {
    at::Tensor outputs;  ///< [batch, time, class]
    std::vector<Activity> activity;
};

/// A layer whose activity can be recorded and monitored; layers are counted as a Recorder counts them.
struct LayerFacts {
    std::string name;
    std::int64_t channels = 0, height = 0, width = 0;  ///< of its response
    double dt = 0.0;                                   ///< [ms] from one time step to the next
};

/// How a model walks through time (dv::temporal::Plan).
enum class EnginePlan : std::int32_t { fast, reference };

/// What a model that optimizes by itself may do with its batch (Lightning's manual optimization). Optimizers are counted in
/// manifest order. Valid during manual_step().
struct ManualOptimization {
    virtual ~ManualOptimization() = default;
    virtual std::size_t n_optimizers() const = 0;
    virtual void zero_grad(std::size_t optimizer) = 0;
    /// Adds the gradients of `loss`, through the strategy and the precision in force.
    virtual void backward(const at::Tensor& loss) = 0;
    virtual void step(std::size_t optimizer) = 0;
    /// Scales or clamps the optimizer's gradients (trainer.gradient_clip_val cannot be used here).
    virtual void clip_gradient_norm(std::size_t optimizer, double max_norm) = 0;
    /// Only the optimizer's parameters get gradients until untoggle().
    virtual void toggle(std::size_t optimizer) = 0;
    virtual void untoggle(std::size_t optimizer) = 0;
};

namespace abi::v1 {
struct IModel;
}  // namespace abi::v1
class ModelDoor;
class ModelProxy;

struct Model : TorchKind<Model, abi::v1::IModel, ModelDoor, ModelProxy> {
    static constexpr const char* dv_iface = "dv.model";
    static constexpr std::uint32_t dv_iface_version = 1;

    /// Creates the parameters for this data, once, after open(). [main]
    virtual void build(const DataFacts& facts) { (void)facts; }
    /// After build(): every parameter and buffer under its state-dict name. The host moves them by replacing their data, so
    /// keep handles, never copies. [main]
    virtual std::vector<NamedTensor> parameters() const { return {weights.all().begin(), weights.all().end()}; }
    /// Training or evaluation mode (dropout, normalisation). [step]
    virtual void train(bool on) { (void)on; }

    /// frames [batch, time, channel, y, x] → outputs [batch, time, class]. [step]
    virtual at::Tensor forward(const at::Tensor& frames) {
        (void)frames;
        throw Error("this model overrides neither forward() nor forward_sequence()");
    }
    /// The same from a sequence; the default expands it (a view for still images). [step]
    virtual at::Tensor forward_sequence(const Sequence& frames) { return forward(frames.expanded()); }

    /// As forward_sequence(), and what the monitors ask for. The default can show nothing. [step]
    virtual Outcome forward_monitored(const Sequence& frames, const std::vector<Monitor>& monitors) {
        if (monitors.empty()) return {forward_sequence(frames), {}};
        throw Error("a loss monitors activity inside the model ('" + monitors.front().operation + "' of layers '" +
                    monitors.front().layers + "'), and this model shows none");
    }
    /// After build(): the layers that can be recorded. [main]
    virtual std::vector<LayerFacts> layers() const { return {}; }
    /// From now on every run hands its responses to `recorder`, which outlives them; null: none does. [step]
    virtual void record(temporal::Recorder* recorder) {
        if (recorder) throw Error("this model has no layers that could be recorded");
    }
    /// Before the first run. The default has one way only. [main]
    virtual void set_plan(EnginePlan plan) { (void)plan; }

    /// How a batch is shown: for how many steps, what is blank, which steps are scored. The default shows the data's own frames
    /// and scores every step against the sample's label. [step]
    virtual Presentation present(const Batch& batch) const {
        at::Tensor labels = batch.labels;
        if (labels.defined() && labels.dim() == 1) {
            labels = labels.unsqueeze(1).expand({labels.size(0), batch.frames.n_timesteps()});
        }
        return {batch.frames, labels};
    }
    /// One batch of training; the default presents, runs and scores. An override may return further values to log. [step]
    virtual StepOutput training_step(const Batch& batch, const Loss& loss) { return scored_step(batch, loss); }
    /// True for a model that calls its optimizers itself; its batches of training then go to manual_step(). [main]
    virtual bool optimizes_itself() const { return false; }
    /// One batch of training of such a model; StepOutput::loss is logged, if there is one. [step]
    virtual StepOutput manual_step(const Batch& batch, const Loss& loss, ManualOptimization& optimization) {
        (void)batch, (void)loss, (void)optimization;
        throw Error("this model says that it optimizes itself, and does not override manual_step()");
    }
    /// One batch of validation or test, without gradient (batch.split says which). [step]
    virtual StepOutput validation_step(const Batch& batch, const Loss& loss) { return scored_step(batch, loss); }
    /// One batch of prediction → [batch, time, class]. [step]
    virtual at::Tensor predict_step(const Batch& batch) { return forward_sequence(present(batch).frames); }

    /// The phases that it wants, as bits, and one of them; models take them by their bases and need not override these. [step]
    virtual std::uint64_t phases() { return detail::wanted_phases_of(*this); }
    virtual void on_phase(std::uint32_t phase, const dv_run& run, const dv_answer& answer) {
        Answer say(answer);
        detail::dispatch_phase_of(*this, phase, RunView(run), say);
    }
    /// The hooks that it takes over, as bits, and one of them: the same for dv/torch/hooks.hpp. [step]
    virtual std::uint64_t hooks() { return detail::taken_hooks_of(*this); }
    virtual void on_hook(Hook hook, HookCall& call) { detail::dispatch_hook_of(*this, hook, call); }
    virtual Batch on_transfer(Hook hook, const Batch& batch) { return detail::dispatch_transfer_of(*this, hook, batch); }

    /// For `dvhost describe`: layers, equations with numbers, delays in steps, cost; a few lines of plain text. [main]
    virtual std::string describe() const { return {}; }

protected:
    /// Parameters of the plain form; filled in build().
    Parameters weights;

    StepOutput scored_step(const Batch& batch, const Loss& loss) {
        const Presentation shown = present(batch);
        if (!shown.labels.defined()) throw Error("this step scores outputs against labels, and the data has none");
        Outcome run = forward_monitored(shown.frames, loss.monitors());
        StepOutput out;
        out.outputs = run.outputs;
        out.labels = shown.labels;
        out.loss = loss.value_with_activity(out.outputs, out.labels, run.activity);
        return out;
    }

    friend class ModelDoor;
};

}  // namespace dv

#include <dv/torch/model_door.hpp>
