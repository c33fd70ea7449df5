#include "build_circuit.hpp"
#include "operations.hpp"
#include "presentation.hpp"

#include <dv/temporal/run.hpp>

#include <ATen/ops/full.h>

#include <cmath>

namespace rcnn {
namespace {

/// Layers of (convolution + recurrence → sum → solver → ReLU), with delays in milliseconds, skips, feedback and a linear readout.
struct Rcnn final : dv::Model, Settings {
    static constexpr auto params = Settings::params;

    void open() override {
        check_operations(*this);
        if (supralinearity < 1.0) warn("supralinearity below 1 compresses: large activity is damped, not expanded");
    }

    void build(const dv::DataFacts& facts) override {
        check_presentation(*this, facts, *this);
        shown_timesteps_ = facts.n_frames > 1 ? facts.n_frames : n_timesteps;
        circuit_ = build_circuit(*this, facts, weights, *this);
        residual_ = residual_timesteps ? *residual_timesteps : circuit_.residual_timesteps();
        weights.adopt({"n_residual_timesteps", at::full({}, residual_, at::kInt), /*trainable=*/false});
        if (shuffle_presentation_pattern) presentation_key_ = key_of_presentation();
    }

    /// Between epochs, and after weights were loaded: the time constants are looked at.
    void train(bool) override {
        for (const dv::temporal::Layer& layer : circuit_.layers) {
            if (!layer.solver) continue;
            if (train_tau) {
                check_trained_tau(layer);
            } else {
                restate("tau_" + layer.name, layer.time.tau);
            }
        }
        restate("n_residual_timesteps", static_cast<double>(residual_));
    }

    dv::Presentation present(const dv::Batch& batch) const override {
        return rcnn::present(*this, residual_, presentation_key_, batch);
    }

    at::Tensor forward_sequence(const dv::Sequence& frames) override {
        const dv::temporal::RunOptions options{.truncated_bptt_timesteps = truncated_bptt_timesteps};
        return dv::temporal::run(circuit_, frames, dv::temporal::initial_state(circuit_), options).outputs;
    }

    std::string describe() const override {
        return dv::temporal::describe(circuit_, shown_timesteps_ + residual_) + "the answer comes " +
               std::to_string(residual_) + " steps after the input\n";
    }

private:
    /// Buffers tell what the manifest says; loaded weights may have told otherwise.
    void restate(const std::string& name, double value) {
        at::Tensor told = weights.at(name);
        const double loaded = told.item<double>();
        if (std::abs(loaded - value) <= 1e-6 * std::abs(value)) return;
        warn("the loaded weights have " + name + " = " + std::to_string(loaded) + "; the manifest's " +
             std::to_string(value) + " is used");
        told.fill_(value);
    }

    void check_trained_tau(const dv::temporal::Layer& layer) const {
        const double tau = layer.time.tau_tensor.item<double>();
        if (tau > dt / 2 || allow_unstable) return;
        throw dv::Error(
            "the trained time constant of layer " + layer.name + " has become " + std::to_string(tau) +
            " ms, at most dt / 2 = " + std::to_string(dt / 2) +
            " ms, where a step diverges; use a smaller learning rate for tau_*, a smaller dt, or allow_unstable");
    }

    std::uint64_t key_of_presentation() const {
        const auto* rng = extension<dv_rng_1>(DV_EXT_RNG);
        if (!rng) throw dv::Error("shuffled patterns are drawn from " DV_EXT_RNG ", which this host does not offer");
        return rng->derive(rng->self, dv::detail::borrow("present"));
    }

    dv::temporal::Circuit circuit_;
    std::int64_t residual_ = 0, shown_timesteps_ = 1;
    std::uint64_t presentation_key_ = 0;
};

}  // namespace
}  // namespace rcnn

DV_COMPONENT(rcnn::Rcnn, "dynvision.model.rcnn", "Recurrent convolutional network with delays, skips and feedback");
