#pragma once
/// A model made of torch::nn modules. This header takes 10 s to compile; models that can do without use dv/torch/model.hpp.
///
///     struct TinyRcnn final : dv::NnModel {
///         torch::nn::Conv2d conv{nullptr};
///         void open() override { conv = register_module("conv", torch::nn::Conv2d(...)); }
///         at::Tensor forward(const at::Tensor& frames) override { ... }
///     };

#include <dv/torch/fingerprint_nn.hpp>
#include <dv/torch/model.hpp>
#include <dv/torch/recurrence.hpp>

#include <torch/nn/module.h>

namespace dv {

struct NnModel : Model, torch::nn::Module {
    /// Every registered parameter and buffer, under torch's names ("conv.weight").
    std::vector<NamedTensor> parameters() const override {
        std::vector<NamedTensor> all;
        for (const auto& item : torch::nn::Module::named_parameters()) {
            all.push_back({item.key(), item.value(), item.value().requires_grad()});
        }
        for (const auto& item : torch::nn::Module::named_buffers()) all.push_back({item.key(), item.value(), false});
        return all;
    }
    void train(bool on) override { torch::nn::Module::train(on); }

protected:
    /// Registers a recurrence's tensors under "name." and the recurrence's own names (dots become underscores: torch's rule).
    void register_recurrence(const std::string& name, const Recurrence& recurrence) {
        auto holder = std::make_shared<torch::nn::Module>(name);
        for (const NamedTensor& t : recurrence.parameters()) {
            std::string key = t.name;
            std::replace(key.begin(), key.end(), '.', '_');
            if (t.trainable) {
                holder->register_parameter(key, t.tensor);
            } else {
                holder->register_buffer(key, t.tensor);
            }
        }
        register_module(name, holder);
    }
};

}  // namespace dv
