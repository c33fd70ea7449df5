// Models that break one promise each; the suite must notice. `Readout` breaks none.
#include <dv/torch/model.hpp>

#include <ATen/ops/matmul.h>
#include <c10/core/GradMode.h>

namespace {

/// A hidden layer with a smooth nonlinearity, and a readout.
struct Readout : dv::Model {
    at::Tensor hidden, readout;
    void build(const dv::DataFacts& data) override {
        const std::int64_t features = data.channels * data.height * data.width;
        hidden = weights.add("hidden.weight", {4, features}, dv::init::KaimingUniform{features});
        readout = weights.add("readout.weight", {data.n_classes, 4}, dv::init::KaimingUniform{4});
    }
    at::Tensor forward(const at::Tensor& frames) override {
        return at::matmul(at::matmul(frames.flatten(2), hidden.t()).tanh(), readout.t());
    }
};
DV_COMPONENT(Readout, "test.model.readout", "Breaks no promise");

struct Timeless final : Readout {
    at::Tensor forward(const at::Tensor& frames) override { return Readout::forward(frames).mean(1); }
};
DV_COMPONENT(Timeless, "test.model.timeless", "Gives outputs without time");

struct Mismatched final : Readout {
    dv::StepOutput training_step(const dv::Batch& batch, const dv::Loss& loss) override {
        dv::StepOutput out = Readout::training_step(batch, loss);
        out.labels = batch.labels;
        return out;
    }
};
DV_COMPONENT(Mismatched, "test.model.mismatched", "Gives labels without time");

struct TwiceNamed final : Readout {
    std::vector<dv::NamedTensor> parameters() const override {
        return {{"weight", hidden, true}, {"weight", readout, true}};
    }
};
DV_COMPONENT(TwiceNamed, "test.model.twice_named", "Gives two tensors one name");

struct Unused final : Readout {
    void build(const dv::DataFacts& data) override {
        Readout::build(data);
        weights.add("unused", {3}, dv::init::Constant{1.0});
    }
};
DV_COMPONENT(Unused, "test.model.unused", "Has a parameter that nothing depends on");

struct SameStart final : Readout {
    void build(const dv::DataFacts& data) override {
        weights = dv::Parameters(7);
        Readout::build(data);
    }
};
DV_COMPONENT(SameStart, "test.model.same_start", "Starts the same with every seed");

struct Remembers final : Readout {
    at::Tensor last;
    at::Tensor forward(const at::Tensor& frames) override {
        at::Tensor out = Readout::forward(frames);
        if (last.defined()) out = out.add(last);
        last = out.detach().mean();
        return out;
    }
};
DV_COMPONENT(Remembers, "test.model.remembers", "Carries something from batch to batch");

struct Normalises final : Readout {
    at::Tensor forward(const at::Tensor& frames) override {
        return Readout::forward(frames.sub(frames.mean(0, true)).add(frames.mul(0.1)));
    }
};
DV_COMPONENT(Normalises, "test.model.normalises", "Normalises over the batch in evaluation mode too");

struct SwitchesGradient final : Readout {
    at::Tensor forward(const at::Tensor& frames) override {
        const c10::AutoGradMode on(true);
        return Readout::forward(frames);
    }
};
DV_COMPONENT(SwitchesGradient, "test.model.switches_gradient", "Switches the gradient on by itself");

struct LeavesGradientOff final : Readout {
    at::Tensor forward(const at::Tensor& frames) override {
        at::Tensor out = Readout::forward(frames);
        c10::GradMode::set_enabled(false);
        return out;
    }
};
DV_COMPONENT(LeavesGradientOff, "test.model.leaves_gradient_off", "Leaves the gradient switched off");

struct Copies final : Readout {
    at::Tensor hidden_copy, readout_copy;
    void build(const dv::DataFacts& data) override {
        Readout::build(data);
        hidden_copy = hidden.detach().clone();
        readout_copy = readout.detach().clone();
        std::swap(hidden, hidden_copy);
        std::swap(readout, readout_copy);
    }
};
DV_COMPONENT(Copies, "test.model.copies", "Computes with copies of its parameters");

struct HalfDetached final : Readout {
    at::Tensor forward(const at::Tensor& frames) override {
        const at::Tensor out = Readout::forward(frames);
        return out.add(out.detach());
    }
};
DV_COMPONENT(HalfDetached, "test.model.half_detached", "Has half the gradient");

struct Speechless final : Readout {
    std::string describe() const override { throw dv::Error("no words"); }
};
DV_COMPONENT(Speechless, "test.model.speechless", "Cannot describe itself");

}  // namespace
