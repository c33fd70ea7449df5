// A module, a datamodule, a callback, a strategy and an optimizer that write down what they are called for: M., D., C., S.

#include "trace.hpp"

#include <dv/torch/callback.hpp>
#include <dv/torch/datamodule.hpp>
#include <dv/torch/model.hpp>
#include <dv/torch/optimizer.hpp>
#include <dv/torch/strategy.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/matmul.h>

namespace {

constexpr std::uint64_t kEverything = ~std::uint64_t{0};
/// The reference's recorder did not take these: the host's own work is done.
constexpr std::uint64_t kNotTaken =
    dv::detail::bit_of(dv::Hook::on_validation_model_train) | dv::detail::bit_of(dv::Hook::on_test_model_train);
/// Phases that Lightning does not have.
bool is_own(std::uint32_t phase) { return phase == DV_OPTIMIZER_STEP_DONE || phase == DV_CHECKPOINT_TAKEN; }

std::string name_of(std::uint32_t phase) {
    const std::string name = dv::detail::phase_hook_name(phase);
    return phase == DV_SETUP ? "setup" : phase == DV_TEARDOWN ? "teardown" : name;
}

struct TraceModel : dv::Model {
    std::filesystem::path file;
    std::string fails_in;
    static constexpr auto params =
        dv::schema(dv::p("file", &TraceModel::file, "", "where the calls go", dv::required),
                   dv::p("fails_in", &TraceModel::fails_in, "", "the call that throws"));

    void note(const std::string& call) {
        trace::note(file, "M." + call);
        if (call == fails_in) throw dv::Error("as it was told to");
    }
    void build(const dv::DataFacts& data) override {
        weight_ = weights.add("weight", {data.n_classes, data.channels * data.height * data.width}, dv::init::Constant{0.1});
    }
    at::Tensor forward(const at::Tensor& frames) override { return at::matmul(frames.flatten(2), weight_.t()); }
    dv::StepOutput training_step(const dv::Batch& batch, const dv::Loss& loss) override {
        note("training_step");
        return scored_step(batch, loss);
    }
    dv::StepOutput validation_step(const dv::Batch& batch, const dv::Loss& loss) override {
        note(batch.split == dv::Split::test ? "test_step" : "validation_step");
        return scored_step(batch, loss);
    }
    at::Tensor predict_step(const dv::Batch& batch) override {
        note("predict_step");
        return Model::predict_step(batch);
    }
    std::uint64_t phases() override { return kEverything; }
    void on_phase(std::uint32_t phase, const dv_run&, const dv_answer&) override {
        if (!is_own(phase) && phase != DV_EXCEPTION) note(name_of(phase));
    }
    std::uint64_t hooks() override { return kEverything & ~kNotTaken; }
    void on_hook(dv::Hook hook, dv::HookCall& call) override {
        note(dv::detail::hook_name(hook));
        call.proceed();
    }
    dv::Batch on_transfer(dv::Hook hook, const dv::Batch& batch) override {
        note(dv::detail::hook_name(hook));
        return batch;
    }

private:
    at::Tensor weight_;
};

struct TraceManual final : TraceModel {
    static constexpr auto params = TraceModel::params;
    bool optimizes_itself() const override { return true; }
    dv::StepOutput manual_step(const dv::Batch& batch, const dv::Loss& loss, dv::ManualOptimization& optimization) override {
        note("training_step");
        dv::StepOutput out = scored_step(batch, loss);
        optimization.backward(out.loss);
        optimization.step(0);
        return out;
    }
};

struct Ramp final : dv::Source {
    std::int64_t size() const override { return 4; }
    void read(std::int64_t index, dv::Random, dv::SampleSlot slot) const override {
        for (float& value : slot.frames) value = static_cast<float>(index) * 0.1f;
        *slot.label = index % 2;
    }
};

struct TraceData final : dv::DataModule {
    std::filesystem::path file;
    static constexpr auto params = dv::schema(dv::p("file", &TraceData::file, "", "where the calls go", dv::required));

    void prepare() override { trace::note(file, "D.prepare_data"); }
    dv::DataFacts facts() const override { return {.n_frames = 1, .channels = 1, .height = 1, .width = 2, .n_classes = 2, .n_labels = 1}; }
    std::unique_ptr<dv::Source> source(dv::Split split) const override {
        static constexpr const char* kNames[] = {"train", "val", "test", "predict"};
        trace::note(file, std::string("D.") + kNames[static_cast<std::size_t>(split)] + "_dataloader");
        return std::make_unique<Ramp>();
    }
    void on_exception(std::string_view) override { trace::note(file, "D.on_exception"); }
    void teardown(std::string_view) override { trace::note(file, "D.teardown"); }
    void save_state(dv::StateWriter& out) const override {
        trace::note(file, "D.state_dict");
        out.put("seen", 7);
    }
    void load_state(const dv::StateReader& state) override {
        trace::note(file, "D.load_state_dict(" + std::to_string(state.get<std::int64_t>("seen").value_or(-1)) + ")");
    }
};

struct TraceCallback final : dv::TorchCallback {
    std::filesystem::path file;
    static constexpr auto params = dv::schema(dv::p("file", &TraceCallback::file, "", "where the calls go", dv::required));

    std::uint64_t phases() override { return kEverything; }
    void on_phase(std::uint32_t phase, const dv_run&, const dv_answer&, dv::Training&, const dv::CallbackStep&) override {
        if (!is_own(phase)) trace::note(file, "C." + name_of(phase));
    }
    void save_state(dv::StateWriter& out) const override {
        trace::note(file, "C.state_dict");
        out.put("seen", 1);
    }
};

struct TraceStrategy final : dv::Strategy {
    std::filesystem::path file;
    static constexpr auto params = dv::schema(dv::p("file", &TraceStrategy::file, "", "where the calls go", dv::required));

    void connect(c10::Device) override { trace::note(file, "S.connect"); }
    dv::Rank rank() const override { return {}; }
    c10::Device device() const override { return c10::Device(c10::kCPU); }
    void setup(std::span<const dv::NamedTensor>) override { trace::note(file, "S.setup"); }
    dv::Batch to_device(const dv::Batch& batch) const override {
        trace::note(file, "S.batch_to_device");
        return batch;
    }
    void backward(const at::Tensor& loss, dv::GradientSync) override {
        trace::note(file, "S.backward");
        loss.backward();
    }
    at::Tensor reduce(const at::Tensor& value, dv::Reduction) override { return value; }
    void barrier() override {}
    void teardown() override { trace::note(file, "S.teardown"); }
};

struct TraceOptimizer final : dv::Optimizer {
    std::filesystem::path file;
    static constexpr auto params = dv::schema(dv::p("file", &TraceOptimizer::file, "", "where the calls go", dv::required),
                                              dv::p("lr", &TraceOptimizer::lr, 0.1, "learning rate"));

    void build(std::span<const dv::NamedTensor> trainable) override {
        trace::note(file, "M.configure_optimizers");
        Optimizer::build(trainable);
    }
    std::vector<dv::OptimizerState> state() const override { return {}; }
    void load_state(std::span<const dv::OptimizerState>) override {}
    std::vector<dv::GroupOption> options(std::size_t group) const override { return {{"lr", {groups_.at(group).lr}}}; }

private:
    void step_group(dv::ParameterGroup& group) override {
        const at::NoGradGuard no_grad;
        for (dv::NamedTensor& p : group.parameters) {
            if (p.tensor.grad().defined()) p.tensor.add_(p.tensor.grad(), -group.lr);
        }
    }
};

}  // namespace

DV_COMPONENT(TraceModel, "example.model.trace", "Writes its calls down");
DV_COMPONENT(TraceManual, "example.model.trace_manual", "The same, and optimizes itself");
DV_COMPONENT(TraceData, "example.datamodule.trace", "Writes its calls down");
DV_COMPONENT(TraceCallback, "example.callback.trace", "Writes its calls down");
DV_COMPONENT(TraceStrategy, "example.strategy.trace", "Writes its calls down");
DV_COMPONENT(TraceOptimizer, "example.optimizer.trace", "Writes its calls down");
