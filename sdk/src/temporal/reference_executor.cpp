#include "reference_executor.hpp"

#include "walk.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <utility>
#include <vector>

namespace dv::temporal {

namespace {

/// Activity that no sample has influenced yet may have a batch of one.
at::Tensor whole(const at::Tensor& signal, std::int64_t batch) {
    return signal.defined() ? signal.expand({batch, -1, -1, -1}) : signal;
}

/// Which responses the recorder wants: asked once, before the first step.
class Recording {
public:
    Recording(Recorder* recorder, const Circuit& circuit, const Sequence& sequence)
        : recorder_(recorder), circuit_(circuit), batch_(sequence.batch()), responses_(circuit.layers.size()) {
        if (!recorder) return;
        for (std::int64_t t = 0; t < sequence.n_timesteps(); ++t) {
            for (std::size_t l = 0; l < responses_.size(); ++l) wanted_.push_back(recorder->wants(l, t));
        }
    }

    void see(std::size_t layer, std::size_t operation, const at::Tensor& signal) {
        const bool response = circuit_.layers[layer].operations[operation].kind == Operation::Kind::record;
        if (recorder_ && response) responses_[layer] = signal;
    }
    void end_step(std::int64_t t) {
        for (std::size_t l = 0; recorder_ && l < responses_.size(); ++l) {
            const bool wanted = wanted_[static_cast<std::size_t>(t) * responses_.size() + l];
            const at::Tensor response = std::exchange(responses_[l], {});
            if (wanted) recorder_->record(l, t, response.defined() ? whole(response.detach(), batch_) : response);
        }
    }

private:
    Recorder* recorder_;
    const Circuit& circuit_;
    std::int64_t batch_;
    std::vector<at::Tensor> responses_;
    std::vector<bool> wanted_;
};

/// What the probes see. A signal that has arrived once and is absent later counts as zeros then.
class Probing {
public:
    Probing(const std::vector<Probe>& probes, const Walk& walk, const Sequence& sequence)
        : probes_(probes), walk_(walk), sequence_(sequence), seen_(probes.size()), first_(probes.size()) {}

    void see(std::size_t layer, std::size_t operation, const at::Tensor& signal) {
        for (std::size_t p = 0; p < probes_.size(); ++p) {
            if (probes_[p].layer != layer || probes_[p].operation != operation) continue;
            if (signal.defined()) {
                seen_[p].push_back(whole(signal, sequence_.batch()));
            } else if (seen_[p].empty()) {
                ++first_[p];
            } else {
                const Grid& g = walk_.grid(layer, operation);
                seen_[p].push_back(
                    at::zeros({sequence_.batch(), g.channels, g.height, g.width}, seen_[p][0].options()));
            }
        }
    }
    std::vector<Signal> signals() const {
        std::vector<Signal> out;
        for (std::size_t p = 0; p < probes_.size(); ++p) {
            out.push_back({seen_[p].empty() ? at::Tensor() : at::stack(seen_[p], 1), first_[p]});
        }
        return out;
    }

private:
    const std::vector<Probe>& probes_;
    const Walk& walk_;
    const Sequence& sequence_;
    std::vector<std::vector<at::Tensor>> seen_;
    std::vector<std::int64_t> first_;
};

at::Tensor output_of(const Circuit& circuit, const Sequence& sequence, const at::Tensor& signal) {
    if (signal.defined()) {
        return circuit.readout.apply(signal).expand({sequence.batch(), circuit.readout.n_classes});
    }
    // Part of the graph, so that a run in which nothing has arrived yet can still be differentiated.
    return at::zeros({sequence.batch(), circuit.readout.n_classes}, sequence.frames.options())
        .requires_grad_(at::GradMode::is_enabled());
}

}  // namespace

Trajectory run_reference(const Circuit& circuit, const Sequence& sequence, State state, const RunOptions& options,
                         const std::function<bool(const State&)>& enough) {
    Walk walk(circuit, std::move(state));
    if (sequence.idle_timesteps > 0) {
        const at::NoGradGuard no_gradient;  // idle steps only set the state
        for (std::int64_t t = 0; t < sequence.idle_timesteps; ++t) walk.step(sequence.blank_frame());
        walk.cut();
    }
    Recording recording(options.recorder, circuit, sequence);
    Probing probing(options.probes, walk, sequence);
    const auto watch = [&](std::size_t layer, std::size_t operation, const at::Tensor& signal) {
        recording.see(layer, operation, signal);
        probing.see(layer, operation, signal);
    };
    std::vector<at::Tensor> outputs;
    for (std::int64_t t = 0; t < sequence.n_timesteps(); ++t) {
        outputs.push_back(output_of(circuit, sequence, walk.step(sequence.frame_at(t), watch)));
        recording.end_step(t);
        const std::int64_t segment = options.truncated_bptt_timesteps;
        if (segment > 0 && (t + 1) % segment == 0) walk.cut();
        if (enough && enough(walk.state())) break;
    }
    return {at::stack(outputs, 1), walk.take_state(), probing.signals()};
}

}  // namespace dv::temporal
