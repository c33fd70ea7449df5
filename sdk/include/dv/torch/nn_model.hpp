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
    /// Evaluation puts every module into evaluation mode; training then gives each the mode that it had, so one that the model itself
    /// has put into evaluation mode (a frozen BatchNorm) stays there.
    void train(bool on) override {
        if (on) {
            if (!evaluating_) return;
            torch::nn::Module::train(was_training_);
            for (const auto& [module, mode] : modes_) module->train(mode);
        } else if (!evaluating_) {
            was_training_ = is_training();
            modes_.clear();
            for (const auto& module : modules(/*include_self=*/false)) modes_.emplace_back(module.get(), module->is_training());
            torch::nn::Module::train(false);
        }
        evaluating_ = !on;
    }

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

private:
    bool evaluating_ = false, was_training_ = true;
    std::vector<std::pair<torch::nn::Module*, bool>> modes_;  // of the modules inside, outermost first, before the evaluation
};

}  // namespace dv
