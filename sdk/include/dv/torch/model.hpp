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
/// Models with layers and delays build a Circuit instead and override forward_sequence() (dv/temporal/circuit.hpp).
/// Models made of torch::nn modules derive from dv::NnModel (dv/torch/nn_model.hpp).

#include <dv/callback.hpp>
#include <dv/temporal/recorder.hpp>
#include <dv/torch/batch.hpp>
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
struct IManualOptimization {
    virtual std::uint64_t n_optimizers() noexcept = 0;
    virtual dv_status zero_grad(std::uint64_t optimizer) noexcept = 0;
    virtual dv_status backward(const at::Tensor& loss) noexcept = 0;
    virtual dv_status step(std::uint64_t optimizer) noexcept = 0;
    virtual dv_status clip_gradient_norm(std::uint64_t optimizer, double max_norm) noexcept = 0;
    virtual dv_status toggle(std::uint64_t optimizer, std::int32_t on) noexcept = 0;

protected:
    ~IManualOptimization() = default;
};
struct LayerFacts {
    dv_str name;
    std::int64_t channels, height, width;
    double dt;
};
struct StepOutput {
    at::Tensor loss, outputs, labels;
    const NamedTensor* metrics; /* live until the next call on the model */
    std::uint64_t n_metrics;
};
struct IModel {
    virtual dv_status build(const DataFacts* facts) noexcept = 0;
    virtual dv_status parameters(const NamedTensor** out, std::uint64_t* n) noexcept = 0;
    virtual dv_status train(std::int32_t on) noexcept = 0;
    virtual dv_status training_step(const Batch& batch, ILoss& loss, StepOutput& out) noexcept = 0;
    virtual dv_status validation_step(const Batch& batch, ILoss& loss, StepOutput& out) noexcept = 0;
    virtual dv_status predict_step(const Batch& batch, at::Tensor& out) noexcept = 0;
    virtual dv_status forward_sequence(const Sequence& frames, at::Tensor& out) noexcept = 0;
    virtual dv_status describe(dv_str* out) noexcept = 0;
    virtual dv_status layers(const LayerFacts** out, std::uint64_t* n) noexcept = 0;
    virtual dv_status record(IRecorder* recorder) noexcept = 0;
    virtual dv_status set_plan(std::int32_t plan) noexcept = 0;
    virtual std::uint64_t phases() noexcept = 0;
    virtual dv_status on_phase(std::uint32_t phase, const dv_run* run, const dv_answer* answer) noexcept = 0;
    virtual std::int32_t optimizes_itself() noexcept = 0;
    virtual dv_status manual_step(const Batch& batch, ILoss& loss, IManualOptimization& optimization,
                                  StepOutput& out) noexcept = 0;

protected:
    ~IModel() = default;
};
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

namespace detail {
class ManualDoor final : public abi::v1::IManualOptimization {
public:
    ManualDoor(ManualOptimization& optimization, const dv_host* host) : optimization_(optimization), host_(host) {}
    std::uint64_t n_optimizers() noexcept override { return optimization_.n_optimizers(); }
    dv_status zero_grad(std::uint64_t i) noexcept override {
        return torch_guard(host_, "zero_grad", [&] { optimization_.zero_grad(i); });
    }
    dv_status backward(const at::Tensor& loss) noexcept override {
        return torch_guard(host_, "backward", [&] { optimization_.backward(loss); });
    }
    dv_status step(std::uint64_t i) noexcept override {
        return torch_guard(host_, "step", [&] { optimization_.step(i); });
    }
    dv_status clip_gradient_norm(std::uint64_t i, double max_norm) noexcept override {
        return torch_guard(host_, "clip_gradient_norm", [&] { optimization_.clip_gradient_norm(i, max_norm); });
    }
    dv_status toggle(std::uint64_t i, std::int32_t on) noexcept override {
        return torch_guard(host_, "toggle", [&] { on ? optimization_.toggle(i) : optimization_.untoggle(i); });
    }

private:
    ManualOptimization& optimization_;
    const dv_host* host_;
};

class ManualProxy final : public ManualOptimization {
public:
    ManualProxy(abi::v1::IManualOptimization& door, const dv_host* host) : door_(door), host_(host) {}
    std::size_t n_optimizers() const override { return door_.n_optimizers(); }
    void zero_grad(std::size_t i) override { check(host_, door_.zero_grad(i)); }
    void backward(const at::Tensor& loss) override { check(host_, door_.backward(loss)); }
    void step(std::size_t i) override { check(host_, door_.step(i)); }
    void clip_gradient_norm(std::size_t i, double max) override { check(host_, door_.clip_gradient_norm(i, max)); }
    void toggle(std::size_t i) override { check(host_, door_.toggle(i, 1)); }
    void untoggle(std::size_t i) override { check(host_, door_.toggle(i, 0)); }

private:
    abi::v1::IManualOptimization& door_;
    const dv_host* host_;
};
}  // namespace detail

class ModelDoor final : public abi::v1::IModel {
public:
    explicit ModelDoor(Model& model) : model_(model) {}
    dv_status build(const DataFacts* facts) noexcept override {
        return detail::torch_guard(model_.host, "build", [&] {
            model_.weights = Parameters(initial_value_key(model_.host));
            model_.build(*facts);
        });
    }
    dv_status parameters(const abi::v1::NamedTensor** out, std::uint64_t* n) noexcept override {
        return detail::torch_guard(model_.host, "parameters", [&] {
            tensors_ = model_.parameters();
            lent_ = detail::borrow(tensors_);
            *out = lent_.data();
            *n = lent_.size();
        });
    }
    dv_status train(std::int32_t on) noexcept override {
        return detail::torch_guard(model_.host, "train", [&] { model_.train(on != 0); });
    }
    dv_status training_step(const abi::v1::Batch& batch, abi::v1::ILoss& loss,
                            abi::v1::StepOutput& out) noexcept override {
        return detail::torch_guard(model_.host, "training_step", [&] {
            lend(model_.training_step(detail::own(batch), LossProxy(loss, model_.host)), out);
        });
    }
    dv_status validation_step(const abi::v1::Batch& batch, abi::v1::ILoss& loss,
                              abi::v1::StepOutput& out) noexcept override {
        return detail::torch_guard(model_.host, "validation_step", [&] {
            lend(model_.validation_step(detail::own(batch), LossProxy(loss, model_.host)), out);
        });
    }
    dv_status predict_step(const abi::v1::Batch& batch, at::Tensor& out) noexcept override {
        return detail::torch_guard(model_.host, "predict_step",
                                   [&] { out = model_.predict_step(detail::own(batch)); });
    }
    dv_status forward_sequence(const abi::v1::Sequence& frames, at::Tensor& out) noexcept override {
        return detail::torch_guard(model_.host, "forward",
                                   [&] { out = model_.forward_sequence(detail::own(frames)); });
    }
    dv_status describe(dv_str* out) noexcept override {
        return detail::torch_guard(model_.host, "describe", [&] {
            text_ = model_.describe();
            *out = detail::borrow(text_);
        });
    }

    dv_status layers(const abi::v1::LayerFacts** out, std::uint64_t* n) noexcept override {
        return detail::torch_guard(model_.host, "layers", [&] {
            layers_ = model_.layers();
            lent_layers_.clear();
            for (const LayerFacts& l : layers_)
                lent_layers_.push_back({detail::borrow(l.name), l.channels, l.height, l.width, l.dt});
            *out = lent_layers_.data();
            *n = lent_layers_.size();
        });
    }
    dv_status record(abi::v1::IRecorder* recorder) noexcept override {
        return detail::torch_guard(model_.host, "record", [&] {
            recorder_.reset();
            if (recorder) recorder_.emplace(*recorder, model_.host);
            model_.record(recorder_ ? &*recorder_ : nullptr);
        });
    }
    dv_status set_plan(std::int32_t plan) noexcept override {
        return detail::torch_guard(model_.host, "set_plan", [&] { model_.set_plan(static_cast<EnginePlan>(plan)); });
    }
    std::uint64_t phases() noexcept override { return model_.phases(); }
    dv_status on_phase(std::uint32_t phase, const dv_run* run, const dv_answer* answer) noexcept override {
        return detail::torch_guard(model_.host, detail::phase_hook_name(phase),
                                   [&] { model_.on_phase(phase, *run, *answer); });
    }
    std::int32_t optimizes_itself() noexcept override { return model_.optimizes_itself() ? 1 : 0; }
    dv_status manual_step(const abi::v1::Batch& batch, abi::v1::ILoss& loss, abi::v1::IManualOptimization& optimization,
                          abi::v1::StepOutput& out) noexcept override {
        return detail::torch_guard(model_.host, "manual_step", [&] {
            detail::ManualProxy manual(optimization, model_.host);
            lend(model_.manual_step(detail::own(batch), LossProxy(loss, model_.host), manual), out);
        });
    }

private:
    void lend(StepOutput step, abi::v1::StepOutput& out) {
        metrics_ = std::move(step.metrics);
        lent_metrics_ = detail::borrow(metrics_);
        out = {step.loss, step.outputs, step.labels, lent_metrics_.data(), lent_metrics_.size()};
    }

    Model& model_;
    std::vector<NamedTensor> tensors_, metrics_;
    std::vector<abi::v1::NamedTensor> lent_, lent_metrics_;
    std::vector<LayerFacts> layers_;
    std::vector<abi::v1::LayerFacts> lent_layers_;
    std::optional<RecorderProxy> recorder_;
    std::string text_;
};

class ModelProxy final : public Model {
public:
    ModelProxy(const dv_child& child, detail::Imported::Release release)
        : imported_(child, std::move(release)),
          door_(imported_.interface<abi::v1::IModel>(dv_iface, dv_iface_version)) {
        host = child.host;
    }
    void build(const DataFacts& facts) override { detail::check(host, door_.build(&facts)); }
    std::vector<NamedTensor> parameters() const override {
        const abi::v1::NamedTensor* tensors = nullptr;
        std::uint64_t n = 0;
        detail::check(host, door_.parameters(&tensors, &n));
        return detail::own(tensors, n);
    }
    void train(bool on) override { detail::check(host, door_.train(on ? 1 : 0)); }
    StepOutput training_step(const Batch& batch, const Loss& loss) override {
        return step(&abi::v1::IModel::training_step, batch, loss);
    }
    StepOutput validation_step(const Batch& batch, const Loss& loss) override {
        return step(&abi::v1::IModel::validation_step, batch, loss);
    }
    at::Tensor predict_step(const Batch& batch) override {
        at::Tensor out;
        detail::check(host, door_.predict_step(detail::borrow(batch), out));
        return out;
    }
    at::Tensor forward_sequence(const Sequence& frames) override {
        at::Tensor out;
        detail::check(host, door_.forward_sequence(detail::borrow(frames), out));
        return out;
    }
    std::string describe() const override {
        dv_str text{};
        detail::check(host, door_.describe(&text));
        return std::string(detail::view(text));
    }
    std::vector<LayerFacts> layers() const override {
        const abi::v1::LayerFacts* layers = nullptr;
        std::uint64_t n = 0;
        detail::check(host, door_.layers(&layers, &n));
        std::vector<LayerFacts> owned;
        for (std::uint64_t i = 0; i < n; ++i) {
            const abi::v1::LayerFacts& l = layers[i];
            owned.push_back({std::string(detail::view(l.name)), l.channels, l.height, l.width, l.dt});
        }
        return owned;
    }
    void record(temporal::Recorder* recorder) override {
        detail::check(host, door_.record(nullptr));
        recorder_.reset();
        if (!recorder) return;
        recorder_.emplace(*recorder, host);
        detail::check(host, door_.record(&*recorder_));
    }
    void set_plan(EnginePlan plan) override { detail::check(host, door_.set_plan(static_cast<std::int32_t>(plan))); }
    std::uint64_t phases() override { return door_.phases(); }
    void on_phase(std::uint32_t phase, const dv_run& run, const dv_answer& answer) override {
        detail::check(host, door_.on_phase(phase, &run, &answer));
    }
    bool optimizes_itself() const override { return door_.optimizes_itself() != 0; }
    StepOutput manual_step(const Batch& batch, const Loss& loss, ManualOptimization& optimization) override {
        abi::v1::StepOutput out{};
        LossDoor loss_door(loss);
        detail::ManualDoor manual(optimization, host);
        detail::check(host, door_.manual_step(detail::borrow(batch), loss_door, manual, out));
        return {out.loss, out.outputs, out.labels, detail::own(out.metrics, out.n_metrics)};
    }

private:
    using Step = dv_status (abi::v1::IModel::*)(const abi::v1::Batch&, abi::v1::ILoss&, abi::v1::StepOutput&);
    StepOutput step(Step which, const Batch& batch, const Loss& loss) {
        abi::v1::StepOutput out{};
        LossDoor loss_door(loss);
        detail::check(host, (door_.*which)(detail::borrow(batch), loss_door, out));
        return {out.loss, out.outputs, out.labels, detail::own(out.metrics, out.n_metrics)};
    }
    detail::Imported imported_;
    abi::v1::IModel& door_;
    std::optional<RecorderDoor> recorder_;
};

}  // namespace dv
