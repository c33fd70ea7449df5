// A model that other programs can have too: outputs = weight · frame + bias, after dropout of the frame.

#include <dv/torch/model.hpp>

#include <ATen/ops/dropout.h>
#include <ATen/ops/matmul.h>

namespace {

struct Readout final : dv::Model {
    double dropout = 0.0;
    static constexpr auto params =
        dv::schema(dv::p("dropout", &Readout::dropout, 0.0, "share of the frame's values left out in training", dv::range{0.0, 0.9}));

    void build(const dv::DataFacts& data) override {
        const std::int64_t features = data.channels * data.height * data.width;
        weight_ = weights.add("weight", {data.n_classes, features}, dv::init::KaimingUniform{features});
        bias_ = weights.add("bias", {data.n_classes}, dv::init::Constant{0.0});
    }
    void train(bool on) override { training_ = on; }
    at::Tensor forward(const at::Tensor& frames) override {
        return at::matmul(at::dropout(frames.flatten(2), dropout, training_), weight_.t()).add(bias_);
    }

private:
    at::Tensor weight_, bias_;
    bool training_ = false;
};

}  // namespace

DV_COMPONENT(Readout, "example.model.readout", "A linear readout: the test has it too");
