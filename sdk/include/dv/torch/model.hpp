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
/// Models with layers and delays build a Circuit instead and override forward_sequence() (dv/temporal/circuit.hpp).
/// Models made of torch::nn modules derive from dv::NnModel (dv/torch/nn_model.hpp).

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

namespace abi::v1 {
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
    /// One batch of validation or test, without gradient (batch.split says which). [step]
    virtual StepOutput validation_step(const Batch& batch, const Loss& loss) { return scored_step(batch, loss); }
    /// One batch of prediction → [batch, time, class]. [step]
    virtual at::Tensor predict_step(const Batch& batch) { return forward_sequence(present(batch).frames); }

    /// For `dvhost describe`: layers, equations with numbers, delays in steps, cost; a few lines of plain text. [main]
    virtual std::string describe() const { return {}; }

protected:
    /// Parameters of the plain form; filled in build().
    Parameters weights;

    StepOutput scored_step(const Batch& batch, const Loss& loss) {
        const Presentation shown = present(batch);
        if (!shown.labels.defined()) throw Error("this step scores outputs against labels, and the data has none");
        StepOutput out;
        out.outputs = forward_sequence(shown.frames);
        out.labels = shown.labels;
        out.loss = loss.value(out.outputs, out.labels);
        return out;
    }

    friend class ModelDoor;
};

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

private:
    void lend(StepOutput step, abi::v1::StepOutput& out) {
        metrics_ = std::move(step.metrics);
        lent_metrics_ = detail::borrow(metrics_);
        out = {step.loss, step.outputs, step.labels, lent_metrics_.data(), lent_metrics_.size()};
    }

    Model& model_;
    std::vector<NamedTensor> tensors_, metrics_;
    std::vector<abi::v1::NamedTensor> lent_, lent_metrics_;
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
};

}  // namespace dv
