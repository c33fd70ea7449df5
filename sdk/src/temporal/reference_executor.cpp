#include "reference_executor.hpp"

#include "paths.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <utility>
#include <vector>

namespace dv::temporal {

namespace {

at::Tensor join(const at::Tensor& x, const at::Tensor& y, Integration how) {
    if (!y.defined()) return x;
    if (!x.defined()) return y;
    return how == Integration::additive ? x.add(y) : x.mul(y.tanh().add(1));
}

at::Tensor through(const Map& map, const at::Tensor& x) { return x.defined() ? applied(map, x) : x; }

/// Nearest neighbour along one dimension: position i takes floor(i · in / out), in whole numbers.
at::Tensor resized(const at::Tensor& x, std::int64_t dim, std::int64_t out) {
    const std::int64_t in = x.size(dim);
    if (in == out) return x;
    if (in % out == 0) return x.slice(dim, 0, in, in / out);
    return x.index_select(dim, at::arange(out, x.options().dtype(at::kLong)).mul(in).div(out, "floor"));
}

at::Tensor resized(const at::Tensor& x, const Grid& grid) { return resized(resized(x, 2, grid.height), 3, grid.width); }

/// One run's position: the circuit and what its layers have stored so far.
class Walk {
public:
    Walk(const Circuit& circuit, State state) : circuit_(circuit), state_(std::move(state)) {
        for (std::size_t l = 0; l < circuit.layers.size(); ++l) {
            const Layer& layer = circuit.layers[l];
            const std::vector<Grid> along = grids(layer, circuit.input_of(l));
            Grid drive;
            for (std::size_t i = 0; i < layer.operations.size(); ++i) {
                const bool joins = layer.operations[i].kind == Operation::Kind::layer && layer.recurrence;
                if (joins) drive = path_grids(layer.feedforward, along[i]).at(layer.recurrence->target);
            }
            drive_grids_.push_back(drive);
        }
    }

    /// The signal for the readout. `responses[l]` becomes layer l's response, where that is wanted.
    at::Tensor step(at::Tensor frame, std::vector<at::Tensor>* responses = nullptr) {
        at::Tensor x = std::move(frame);
        for (std::size_t l = 0; l < circuit_.layers.size(); ++l) {
            for (const Operation& op : circuit_.layers[l].operations) {
                if (op.kind == Operation::Kind::record && responses) (*responses)[l] = x;
                x = after(op, l, std::move(x));
            }
        }
        return x;
    }

    void cut() { state_ = state_.detached(); }
    State take_state() { return std::move(state_); }

private:
    at::Tensor after(const Operation& op, std::size_t l, at::Tensor x) {
        switch (op.kind) {
            case Operation::Kind::layer: return input_path(l, std::move(x));
            case Operation::Kind::skip: return connected(l, Connection::Kind::skip, std::move(x));
            case Operation::Kind::feedback: return connected(l, Connection::Kind::feedback, std::move(x));
            case Operation::Kind::step: return solved(l, x);
            case Operation::Kind::map: return through(*op.map, x);
            case Operation::Kind::delay: return delayed(l, x);
            case Operation::Kind::record: break;
        }
        return x;
    }

    at::Tensor recurrent_drive(std::size_t l) const {
        const auto& recurrence = circuit_.layers[l].recurrence;
        if (!recurrence) return {};
        const at::Tensor rate = state_.layers[l].back(recurrence->lag);
        return rate.defined() ? resized(recurrence->map->forward(rate), drive_grids_[l]) : at::Tensor();
    }

    at::Tensor input_path(std::size_t l, at::Tensor x) const {
        const Layer& layer = circuit_.layers[l];
        const at::Tensor drive = recurrent_drive(l);
        const auto joined_at = [&](RecurrenceTarget here) {
            if (drive.defined() && layer.recurrence->target == here) x = join(x, drive, layer.recurrence->integration);
        };
        joined_at(RecurrenceTarget::input);
        x = through(layer.feedforward.first, x);
        for (const Map& map : layer.feedforward.middle) x = through(map, x);
        if (layer.feedforward.second) {
            x = through(Relu{}, x);
            joined_at(RecurrenceTarget::middle);
            x = through(*layer.feedforward.second, x);
        }
        joined_at(RecurrenceTarget::output);
        return x;
    }

    at::Tensor connected(std::size_t l, Connection::Kind kind, at::Tensor x) const {
        for (const Connection& c : circuit_.connections) {
            if (c.target != l || c.kind != kind) continue;
            at::Tensor source = state_.layers[c.source].back(entry_read(c));
            if (!source.defined()) continue;
            source = resized(source, c.resized);
            x = join(x, c.transform ? applied(*c.transform, source) : source, c.integration);
        }
        return x;
    }

    at::Tensor solved(std::size_t l, const at::Tensor& drive) const {
        const Layer& layer = circuit_.layers[l];
        const at::Tensor rate = state_.layers[l].back(1);
        if (!rate.defined() && !drive.defined()) return {};
        return layer.solver->step(rate, drive, layer.time);
    }

    at::Tensor delayed(std::size_t l, const at::Tensor& x) {
        const std::int64_t lag = circuit_.layers[l].feedforward_lag;
        at::Tensor out = lag > 0 ? state_.layers[l].back(lag) : x;
        state_.layers[l].push(x);
        return out;
    }

    const Circuit& circuit_;
    State state_;
    std::vector<Grid> drive_grids_;  // where each layer's recurrent drive joins
};

/// Which responses the recorder wants: asked once, before the first step.
class Recording {
public:
    Recording(Recorder* recorder, const Circuit& circuit, const Sequence& sequence)
        : recorder_(recorder), batch_(sequence.batch()), responses_(circuit.layers.size()) {
        if (!recorder) return;
        for (std::int64_t t = 0; t < sequence.n_timesteps(); ++t) {
            for (std::size_t l = 0; l < responses_.size(); ++l) wanted_.push_back(recorder->wants(l, t));
        }
    }

    std::vector<at::Tensor>* responses() { return recorder_ ? &responses_ : nullptr; }

    void hand_over(std::int64_t t) {
        for (std::size_t l = 0; recorder_ && l < responses_.size(); ++l) {
            if (wanted_[static_cast<std::size_t>(t) * responses_.size() + l])
                recorder_->record(l, t, whole(responses_[l]));
            responses_[l].reset();
        }
    }

private:
    /// Activity that no sample has influenced yet may have a batch of one.
    at::Tensor whole(const at::Tensor& response) const {
        if (!response.defined()) return response;
        return response.detach().expand({batch_, -1, -1, -1});
    }

    Recorder* recorder_;
    std::int64_t batch_;
    std::vector<at::Tensor> responses_;
    std::vector<bool> wanted_;
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

Trajectory run_reference(const Circuit& circuit, const Sequence& sequence, State state, const RunOptions& options) {
    Walk walk(circuit, std::move(state));
    if (sequence.idle_timesteps > 0) {
        const at::NoGradGuard no_gradient;  // idle steps only set the state
        for (std::int64_t t = 0; t < sequence.idle_timesteps; ++t) walk.step(sequence.blank_frame());
        walk.cut();
    }
    Recording recording(options.recorder, circuit, sequence);
    std::vector<at::Tensor> outputs;
    for (std::int64_t t = 0; t < sequence.n_timesteps(); ++t) {
        const at::Tensor signal = walk.step(sequence.frame_at(t), recording.responses());
        outputs.push_back(output_of(circuit, sequence, signal));
        recording.hand_over(t);
        const std::int64_t segment = options.truncated_bptt_timesteps;
        if (segment > 0 && (t + 1) % segment == 0) walk.cut();
    }
    return {at::stack(outputs, 1), walk.take_state()};
}

}  // namespace dv::temporal
