#pragma once
/// How a model crosses the door (dv/torch/kind.hpp). Authors include dv/torch/model.hpp, which ends with this header.

#include <dv/torch/model.hpp>

#include <optional>

namespace dv {

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
    virtual std::uint64_t hooks() noexcept = 0;
    virtual dv_status on_hook(std::uint32_t hook, IHookCall& call) noexcept = 0;
    virtual dv_status on_transfer(std::uint32_t hook, const Batch& batch, Batch& out) noexcept = 0;

protected:
    ~IModel() = default;
};
}  // namespace abi::v1

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

namespace detail {
class HookCallDoor final : public abi::v1::IHookCall {
public:
    HookCallDoor(HookCall& call, const dv_host* host) : call_(call), host_(host) {}
    std::uint64_t index() noexcept override { return call_.index(); }
    dv_status loss(at::Tensor& out) noexcept override {
        return torch_guard(host_, "loss", [&] { out = call_.loss(); });
    }
    dv_status closure() noexcept override {
        return torch_guard(host_, "closure", [&] { call_.closure(); });
    }
    dv_status proceed() noexcept override {
        return torch_guard(host_, "proceed", [&] { call_.proceed(); });
    }

private:
    HookCall& call_;
    const dv_host* host_;
};

class HookCallProxy final : public HookCall {
public:
    HookCallProxy(abi::v1::IHookCall& door, const dv_host* host) : door_(door), host_(host) {}
    std::size_t index() const override { return door_.index(); }
    at::Tensor loss() const override {
        at::Tensor out;
        check(host_, door_.loss(out));
        return out;
    }
    void closure() override { check(host_, door_.closure()); }
    void proceed() override { check(host_, door_.proceed()); }

private:
    abi::v1::IHookCall& door_;
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

    std::uint64_t hooks() noexcept override { return model_.hooks(); }
    dv_status on_hook(std::uint32_t hook, abi::v1::IHookCall& call) noexcept override {
        return detail::torch_guard(model_.host, detail::hook_name(static_cast<Hook>(hook)), [&] {
            detail::HookCallProxy proxy(call, model_.host);
            model_.on_hook(static_cast<Hook>(hook), proxy);
        });
    }
    dv_status on_transfer(std::uint32_t hook, const abi::v1::Batch& batch, abi::v1::Batch& out) noexcept override {
        return detail::torch_guard(model_.host, detail::hook_name(static_cast<Hook>(hook)), [&] {
            transferred_ = model_.on_transfer(static_cast<Hook>(hook), detail::own(batch));
            lent_transferred_ = detail::borrow(transferred_);
            out = lent_transferred_;
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
    Batch transferred_;
    detail::LentBatch lent_transferred_;
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
    std::uint64_t hooks() override { return door_.hooks(); }
    void on_hook(Hook hook, HookCall& call) override {
        detail::HookCallDoor door(call, host);
        detail::check(host, door_.on_hook(static_cast<std::uint32_t>(hook), door));
    }
    Batch on_transfer(Hook hook, const Batch& batch) override {
        abi::v1::Batch out{};
        detail::check(host, door_.on_transfer(static_cast<std::uint32_t>(hook), detail::borrow(batch), out));
        return detail::own(out);
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
