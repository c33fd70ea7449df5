#include "network.hpp"

#include "finite_check.hpp"
#include "operations.hpp"
#include "presentation.hpp"
#include "text.hpp"

#include <dv/random.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

namespace rcnn {

using namespace dv::temporal;

void set_defaults(Settings& settings) {
    dv::for_each_parameter<Settings>(
        [&](const auto& q) { dv::detail::assign_default(q.fallback, settings.*(q.member)); });
}

NetworkModel::NetworkModel() { set_defaults(*this); }

void NetworkModel::open() {
    expand();
    check_operations(*this);
    if (!pattern.empty()) {
        if (data_presentation_pattern != std::vector<std::int64_t>{1}) {
            throw dv::ParameterError("pattern",
                                     "is given, and data_presentation_pattern too; they say the same, leave one out");
        }
        data_presentation_pattern = digits(pattern);
    }
    if (supralinearity < 1.0) warn("supralinearity below 1 compresses: large activity is damped, not expanded");
}

void NetworkModel::build(const dv::DataFacts& facts) {
    check_presentation(*this, facts, *this);
    shown_timesteps_ = facts.n_frames > 1 ? facts.n_frames : n_timesteps;
    network_ = build_network(*this, facts, weights, *this);
    residual_ = residual_timesteps ? *residual_timesteps : network_.circuit.residual_timesteps();
    weights.adopt({"n_residual_timesteps", at::full({}, residual_, at::kInt), /*trainable=*/false});
    warn_of_late_paths();
    if (shuffle_presentation_pattern) presentation_key_ = key_of("present");
    if (network_.dropout) dropout_key_ = key_of("dropout");
}

void NetworkModel::train(bool on) {
    if (network_.dropout) network_.dropout->train(on);
    for (const Layer& layer : network_.circuit.layers) {
        if (!layer.solver) continue;
        if (!train_tau) restate("tau_" + layer.name, layer.time.tau);
        if (train_tau && tau_param == TauParameter::raw) check_trained_tau(layer);
    }
    if (supralinearity != 1.0 && !train_supralinearity && has_operation(*this, "supralin") &&
        !is_left_out(*this, "supralin")) {
        restate("supralin.k", supralinearity_gain);
        restate("supralin.n", supralinearity);
    }
    restate("n_residual_timesteps", static_cast<double>(residual_));
}

dv::Presentation NetworkModel::present(const dv::Batch& batch) const {
    return rcnn::present(*this, residual_, presentation_key_, batch);
}

dv::StepOutput NetworkModel::training_step(const dv::Batch& batch, const dv::Loss& loss) {
    if (network_.dropout) {
        const std::string place = std::to_string(batch.epoch) + "." + std::to_string(batch.batch_idx);
        network_.dropout->begin(dv::derive_key(dropout_key_, place));
    }
    return scored_step(batch, loss);
}

dv::Outcome NetworkModel::forward_monitored(const dv::Sequence& frames, const std::vector<dv::Monitor>& monitors) {
    for (const Refresh& refresh : network_.refresh) refresh(network_.circuit);
    const Watched watched = watched_by(monitors, network_.circuit);
    FiniteCheck finite(network_.circuit, recorder_);
    const RunOptions options{.plan = plan_,
                             .recorder = stability_check ? &finite : recorder_,
                             .probes = watched.probes,
                             .truncated_bptt_timesteps = truncated_bptt_timesteps,
                             .checkpoint_segments = checkpoint_segments};
    const Trajectory trajectory = run(network_.circuit, frames, starting_state(frames), options);
    if (stability_check) finite.look_at_outputs(trajectory.outputs);
    return {trajectory.outputs, activity_of(watched, network_.circuit, trajectory)};
}

void NetworkModel::set_plan(dv::EnginePlan plan) {
    plan_ = plan == dv::EnginePlan::fast ? Plan::fast : Plan::reference;
}

std::string NetworkModel::describe() const {
    return dv::temporal::describe(network_.circuit, shown_timesteps_ + residual_) + "the answer comes " +
           std::to_string(residual_) + " steps after the input\n";
}

// ---- Where a run starts ---------------------------------------------------------------------------------------------

State NetworkModel::starting_state(const dv::Sequence& frames) {
    State state = initial_state(network_.circuit);
    for (std::size_t l = 0; l < state.layers.size(); ++l) {
        dv::temporal::History& kept = state.layers[l];
        if (history == History::constant) kept.hold_first();
        if (history != History::zero) continue;
        const Grid& g = network_.circuit.layers[l].stored;
        const at::Tensor silence = at::zeros({1, g.channels, g.height, g.width}, frames.frames.options());
        for (std::int64_t k = 0; k < kept.capacity(); ++k) kept.push(silence);
    }
    if (history == History::steady) settle(state, frames);
    return state;
}

void NetworkModel::settle(State& state, const dv::Sequence& frames) {
    constexpr int kMostSteps = 1000;
    constexpr double kSettled = 1e-6;
    const at::NoGradGuard no_gradient;
    dv::Sequence blank{frames.frames.narrow(0, 0, 1), {dv::Sequence::kBlank}, 0, frames.blank_value};
    double unrest = 0.0;
    for (int step = 0; step < kMostSteps; ++step) {
        const State before = state;
        state = run(network_.circuit, blank, before, {.plan = plan_}).state;
        unrest = 0.0;
        for (std::size_t l = 0; l < state.layers.size(); ++l) {
            if (state.layers[l].capacity() == 0) continue;
            const at::Tensor now = state.layers[l].back(1), then = before.layers[l].back(1);
            if (!now.defined()) continue;
            const double size = now.norm().item<double>();
            const double change = then.defined() ? now.sub(then).norm().item<double>() : size;
            if (!then.defined()) unrest = std::max(unrest, 1.0);
            if (change > kSettled * size) unrest = std::max(unrest, size > 0 ? change / size : 1.0);
        }
        if (unrest == 0.0 && step > 0) return;
    }
    if (!warned_of_unrest_) {
        warn("history = \"steady\": blank frames have not settled after " + std::to_string(kMostSteps) +
             " steps; the last one changed a layer by " + number(unrest) + " of its size");
    }
    warned_of_unrest_ = true;
}

// ---- What is checked and told ---------------------------------------------------------------------------------------

/// Buffers tell what the manifest says; loaded weights may have told otherwise.
void NetworkModel::restate(const std::string& name, double value) {
    at::Tensor told = weights.at(name);
    const double loaded = told.item<double>();
    if (std::abs(loaded - value) <= 1e-6 * std::abs(value)) return;
    warn("the loaded weights have " + name + " = " + std::to_string(loaded) + "; the manifest's " +
         std::to_string(value) + " is used");
    told.fill_(value);
}

void NetworkModel::check_trained_tau(const Layer& layer) const {
    const double tau = layer.time.tau_tensor.item<double>();
    if (tau > dt / 2 || allow_unstable) return;
    throw dv::Error(
        "the trained time constant of layer " + layer.name + " has become " + std::to_string(tau) +
        " ms, at most dt / 2 = " + std::to_string(dt / 2) +
        " ms, where a step diverges; use a smaller learning rate for tau_*, a smaller dt, tau_param = \"softplus\", "
        "or allow_unstable");
}

void NetworkModel::warn_of_late_paths() const {
    const Circuit& circuit = network_.circuit;
    const std::int64_t n = idle_timesteps + shown_timesteps_ + residual_;
    const auto judge = [&](const std::string& path, std::int64_t lag) {
        if (lag < n) return;
        warn("the " + path + " reads " + std::to_string(lag) + " steps = " + number(static_cast<double>(lag) * dt) +
             " ms back, and a run has " + std::to_string(n) + " steps: nothing ever arrives");
    };
    for (const Layer& layer : circuit.layers) {
        if (layer.recurrence) judge("recurrence of " + layer.name, layer.recurrence->lag);
        judge("feed-forward delay of " + layer.name, layer.feedforward_lag);
    }
    for (const Connection& c : circuit.connections) {
        judge((c.kind == Connection::Kind::skip ? "skip from " : "feedback from ") + circuit.layers[c.source].name +
                  " to " + circuit.layers[c.target].name,
              c.lag);
    }
}

std::uint64_t NetworkModel::key_of(std::string_view what) const {
    const auto* rng = extension<dv_rng_1>(DV_EXT_RNG);
    if (!rng) throw dv::Error("its random draws are keyed by " DV_EXT_RNG ", which this host does not offer");
    return rng->derive(rng->self, dv::detail::borrow(what));
}

}  // namespace rcnn
