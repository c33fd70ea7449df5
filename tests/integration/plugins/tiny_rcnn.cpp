/// A model of plain torch::nn modules with a recurrence that the manifest chooses.

#include <dv/torch/nn_model.hpp>

#include <ATen/ops/relu.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

namespace {

struct TinyRcnn final : dv::NnModel {
    int channels = 0, steps = 0;
    dv::Factory<dv::Recurrence> recurrence;
    static constexpr auto params =
        dv::schema(dv::p("channels", &TinyRcnn::channels, 16, "feature maps", dv::range{1, 4096}),
                   dv::p("steps", &TinyRcnn::steps, 3, "time steps", dv::range{1, 1000}),
                   dv::p("recurrence", &TinyRcnn::recurrence, "full", "recurrent connection"));

    torch::nn::Conv2d conv{nullptr};
    torch::nn::Linear head{nullptr};
    std::shared_ptr<dv::Recurrence> rec;

    void build(const dv::DataFacts& data) override {
        conv = register_module("conv", torch::nn::Conv2d(torch::nn::Conv2dOptions(data.channels, channels, 3).padding(1)));
        head = register_module("head", torch::nn::Linear(channels, data.n_classes));
        rec = recurrence.make("recurrence");
        rec->build({.source_channels = channels, .target_channels = channels, .height = data.height, .width = data.width});
        register_recurrence("recurrence", *rec);
    }
    dv::Presentation present(const dv::Batch& batch) const override {
        return {batch.frames.shown_for(steps), batch.labels.unsqueeze(1).expand({batch.size(), steps})};
    }
    at::Tensor forward(const at::Tensor& frames) override {  // [batch, time, channel, y, x]
        std::vector<at::Tensor> outputs;
        at::Tensor h;
        for (std::int64_t t = 0; t < frames.size(1); ++t) {
            const at::Tensor drive = conv->forward(frames.select(1, t));
            h = at::relu(h.defined() ? drive.add(rec->forward(h)) : drive);
            outputs.push_back(head->forward(h.mean({2, 3})));
        }
        return at::stack(outputs, 1);
    }
};

}  // namespace

DV_COMPONENT(TinyRcnn, "example.model.tiny_rcnn", "Smallest recurrent CNN");
