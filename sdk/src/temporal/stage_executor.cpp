#include "stage_executor.hpp"

#include "stage_walk.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <utility>
#include <vector>

namespace dv::temporal {

namespace {

/// What recorder and probes get to see of each step: what operations gave at its end.
class Observation {
public:
    Observation(const Circuit& circuit, const Sequence& sequence, const RunOptions& options)
        : circuit_(circuit),
          options_(options),
          batch_(sequence.batch()),
          seen_(circuit.layers.size()),
          probed_(options.probes.size()) {
        for (std::size_t l = 0; l < circuit.layers.size(); ++l) seen_[l].resize(circuit.layers[l].operations.size());
        for (std::int64_t t = 0; options.recorder && t < sequence.n_timesteps(); ++t) {
            for (std::size_t l = 0; l < circuit.layers.size(); ++l) wanted_.push_back(options.recorder->wants(l, t));
        }
    }

    void attach(StageWalk& walk) const {
        for (const Probe& probe : options_.probes) walk.look_at(probe.layer);
        for (std::size_t l = 0; options_.recorder && l < circuit_.layers.size(); ++l) walk.look_at(l);
    }
    void see(std::size_t layer, std::size_t operation, const at::Tensor& signal) { seen_[layer][operation] = signal; }

    void end_step(std::int64_t t) {
        for (std::size_t p = 0; p < probed_.size(); ++p) probe(options_.probes[p], probed_[p], t);
        for (std::size_t l = 0; options_.recorder && l < seen_.size(); ++l) record(l, t);
    }
    std::vector<Signal> signals(std::int64_t n_timesteps) const {
        std::vector<Signal> out;
        for (const Probed& p : probed_)
            out.push_back(p.values.empty() ? Signal{{}, n_timesteps} : Signal{at::stack(p.values, 1), p.first});
        return out;
    }

private:
    struct Probed {
        std::vector<at::Tensor> values;
        std::int64_t first = 0;
    };

    /// Activity that no sample has influenced yet may have a batch of one.
    at::Tensor whole(const at::Tensor& signal) const {
        return signal.defined() ? signal.expand({batch_, -1, -1, -1}) : signal;
    }
    /// A signal that has arrived once and is absent later counts as zeros then.
    void probe(const Probe& at, Probed& probed, std::int64_t t) const {
        const at::Tensor signal = whole(seen_[at.layer][at.operation]);
        if (probed.values.empty()) {
            probed.first = t;
            if (signal.defined()) probed.values.push_back(signal);
        } else {
            probed.values.push_back(signal.defined() ? signal : at::zeros_like(probed.values.back()));
        }
    }
    void record(std::size_t l, std::int64_t t) const {
        if (!wanted_[static_cast<std::size_t>(t) * seen_.size() + l]) return;
        at::Tensor response;
        for (std::size_t i = 0; i < seen_[l].size(); ++i) {
            if (circuit_.layers[l].operations[i].kind == Operation::Kind::record) response = seen_[l][i];
        }
        options_.recorder->record(l, t, response.defined() ? whole(response.detach()) : response);
    }

    const Circuit& circuit_;
    const RunOptions& options_;
    std::int64_t batch_;
    std::vector<std::vector<at::Tensor>> seen_;  // [layer][operation], of the step that was taken last
    std::vector<bool> wanted_;
    std::vector<Probed> probed_;
};

at::Tensor output_of(const Circuit& circuit, const Sequence& sequence, const at::Tensor& signal) {
    if (signal.defined()) return circuit.readout.apply(signal).expand({sequence.batch(), circuit.readout.n_classes});
    // Part of the graph, so that a run in which nothing has arrived yet can still be differentiated.
    return at::zeros({sequence.batch(), circuit.readout.n_classes}, sequence.frames.options())
        .requires_grad_(at::GradMode::is_enabled());
}

void idle(StageWalk& walk, const Sequence& sequence) {
    if (sequence.idle_timesteps == 0) return;
    const at::NoGradGuard no_gradient;  // idle steps only set the state
    const at::Tensor blank = sequence.blank_frame();
    for (std::int64_t t = 0; t < sequence.idle_timesteps; ++t) walk.step(blank, t > 0, {});
    walk.cut();
}

}  // namespace

Trajectory run_stages(const Circuit& circuit, const Sequence& sequence, State state, const RunOptions& options) {
    check_stages(circuit);
    StageWalk walk(circuit, std::move(state));
    idle(walk, sequence);
    Observation observation(circuit, sequence, options);
    observation.attach(walk);
    const StageWalk::Watch watch = [&](std::size_t layer, std::size_t operation, const at::Tensor& signal) {
        observation.see(layer, operation, signal);
    };
    std::vector<at::Tensor> outputs;
    for (std::int64_t t = 0; t < sequence.n_timesteps(); ++t) {
        const auto i = static_cast<std::size_t>(t);
        const bool unchanged = t > 0 && sequence.schedule[i] == sequence.schedule[i - 1];
        outputs.push_back(output_of(circuit, sequence, walk.step(sequence.frame_at(t), unchanged, watch)));
        observation.end_step(t);
        const std::int64_t segment = options.truncated_bptt_timesteps;
        if (segment > 0 && (t + 1) % segment == 0) walk.cut();
    }
    return {at::stack(outputs, 1), walk.take_state(), observation.signals(sequence.n_timesteps())};
}

}  // namespace dv::temporal
