// A model maps frames over time to outputs over time. This is the plain form: tensors are declared in build(), computed
// with in forward(). A model with several layers and delays between them builds a dv::temporal::Circuit instead and
// lets the engine run it.
#include <dv/torch/model.hpp>

#include <ATen/ops/linear.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

namespace {

/// One layer of leaky units with recurrent weights, read out at every step:
///
///     h(t) = h(t-1) + dt/tau (-h(t-1) + relu(W x(t) + R h(t-1) + b)),    y(t) = A h(t)
struct @CLASS_NAME@ final : dv::Model {
    std::int64_t units = 0, n_timesteps = 0;
    double dt = 0, tau = 0;
    static constexpr auto params =
        dv::schema(dv::p("units", &@CLASS_NAME@::units, 32, "units of the layer", dv::range{1, 100000}),
                   dv::p("n_timesteps", &@CLASS_NAME@::n_timesteps, 5, "steps for which a still image is shown",
                         dv::range{1, 10000}),
                   dv::p("dt", &@CLASS_NAME@::dt, 2.0, "time step", dv::unit{"ms"}, dv::above{0.0}),
                   dv::p("tau", &@CLASS_NAME@::tau, 5.0, "time constant of the units", dv::unit{"ms"}, dv::above{0.0}));

    void open() override {
        if (dt > tau) throw dv::ParameterError("dt", "must not be longer than tau, or the units overshoot");
    }

    // The data is known now. Names are those of the state dict; each tensor's initial values are keyed by seed and
    // name.
    void build(const dv::DataFacts& data) override {
        const std::int64_t pixels = data.channels * data.height * data.width;
        input_ = weights.add("input.weight", {units, pixels}, dv::init::KaimingUniform{pixels});
        bias_ = weights.add("input.bias", {units}, dv::init::Constant{0.0});
        recurrent_ = weights.add("recurrent.weight", {units, units}, dv::init::KaimingUniform{units});
        readout_ = weights.add("readout.weight", {data.n_classes, units}, dv::init::KaimingUniform{units});
    }

    // How a batch is shown. A still image has one frame; data with time of its own is shown as it is.
    dv::Presentation present(const dv::Batch& batch) const override {
        dv::Batch shown = batch;
        if (batch.frames.n_frames() == 1) shown.frames = batch.frames.shown_for(n_timesteps);
        return Model::present(shown);  // every step is scored against the sample's label
    }

    // frames [batch, time, channel, y, x] -> outputs [batch, time, class]
    at::Tensor forward(const at::Tensor& frames) override {
        const at::Tensor drive = at::linear(frames.flatten(2), input_, bias_);  // all steps in one product
        at::Tensor h = at::zeros({frames.size(0), units}, frames.options());  // state is a local value, never a member
        std::vector<at::Tensor> activity;
        for (std::int64_t t = 0; t < frames.size(1); ++t) {
            const at::Tensor target = drive.select(1, t).add(at::linear(h, recurrent_)).relu();
            h = h.lerp(target, dt / tau);
            activity.push_back(h);
        }
        return at::linear(at::stack(activity, 1), readout_);
    }

    std::string describe() const override {
        return "one layer of " + std::to_string(units) + " leaky units, dt/tau = " + std::to_string(dt / tau) + "\n";
    }

private:
    at::Tensor input_, bias_, recurrent_, readout_;
};

}  // namespace

DV_COMPONENT(@CLASS_NAME@, "@ID@", "One recurrent layer of leaky units and a readout");
