#include "fast_executor.hpp"

#include "../reference_executor.hpp"
#include "../signals.hpp"
#include "kernels.hpp"
#include "walk.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

namespace dv::temporal {

namespace {

using namespace fast;

/// Convolutions want channels last; only doubles without kernels of our own do not.
c10::MemoryFormat layout_for(const at::Tensor& frames) {
    const bool doubles = frames.scalar_type() == at::kDouble && !kernels<double>();
    return doubles ? c10::MemoryFormat::Contiguous : c10::MemoryFormat::ChannelsLast;
}

/// Convolvers read weights as they are.
void lay_out(Convolution& c, c10::MemoryFormat layout) {
    if (!Convolver::suits(c, c.weight.scalar_type())) c.weight = c.weight.contiguous(layout);
}

void lay_out(Map& map, c10::MemoryFormat layout) {
    if (auto* convolution = std::get_if<Convolution>(&map)) lay_out(*convolution, layout);
}

/// The same circuit, its convolutions' weights laid out once for all their uses.
Circuit laid_out(Circuit circuit, c10::MemoryFormat layout) {
    const auto convolution = [&](Convolution& c) { lay_out(c, layout); };
    for (Map& map : circuit.front) lay_out(map, layout);
    for (Layer& layer : circuit.layers) {
        convolution(layer.feedforward.first);
        for (Map& map : layer.feedforward.middle) lay_out(map, layout);
        if (layer.feedforward.second) convolution(*layer.feedforward.second);
        for (Operation& op : layer.operations) {
            if (op.map) lay_out(*op.map, layout);
        }
    }
    for (Connection& c : circuit.connections) {
        if (c.transform) convolution(*c.transform);
    }
    return circuit;
}

bool is_fresh(const State& state) {
    const auto defined = [](const at::Tensor& tensor) { return tensor.defined(); };
    const auto holds = [&](const History& h) { return std::any_of(h.entries().begin(), h.entries().end(), defined); };
    return std::none_of(state.layers.begin(), state.layers.end(), holds) &&
           std::none_of(state.membranes.begin(), state.membranes.end(), defined) &&
           std::none_of(state.adaptations.begin(), state.adaptations.end(), defined) && !state.input.defined();
}

/// One run: the circuit laid out, its plans, and what is carried from segment to segment.
class Run {
public:
    Run(const Circuit& circuit, const Sequence& sequence, State state, const RunOptions& options)
        : layout_(layout_for(sequence.frames)),
          circuit_(laid_out(circuit, layout_)),
          sequence_(sequence),
          options_(options),
          plans_(layer_plans(circuit_, options.probes, fuses(sequence.frames))),
          observers_(circuit_, options, sequence.n_timesteps()),
          state_(std::move(state)) {}

    /// From step `begin` on, which the state has reached.
    Trajectory run(std::int64_t begin) {
        if (sequence_.idle_timesteps > 0 && begin == 0) idle();
        const std::int64_t n = sequence_.n_timesteps(), segment = options_.truncated_bptt_timesteps;
        std::vector<at::Tensor> outputs;
        for (std::int64_t t = begin; t < n;) {
            observers_.start_at(t);
            Walk walk(circuit_, plans_, convolvers_, state_, sequence_.batch(), layout_, sequence_.frames.options());
            const std::int64_t end = segment > 0 ? std::min((t / segment + 1) * segment, n) : n;
            outputs.push_back(read_out(walk.run(input(t, end), &observers_)));
            carry_on(walk);
            if (segment > 0 && end % segment == 0) state_ = state_.detached();
            t = end;
        }
        const at::Tensor by_time = outputs.size() == 1 ? outputs.front() : at::cat(outputs, 0);
        return {by_time.transpose(0, 1), std::move(state_), observers_.probed()};
    }

private:
    static bool fuses(const at::Tensor& frames) {
        const at::ScalarType type = frames.scalar_type();
        return frames.is_cpu() && (type == at::kFloat || type == at::kDouble || type == at::kBFloat16);
    }

    /// Blank steps. From a fresh state every sample takes the same ones, so that one is enough.
    void idle() {
        const at::NoGradGuard no_gradient;
        const std::int64_t n = sequence_.idle_timesteps, batch = is_fresh(state_) ? 1 : sequence_.batch();
        Stretch blank{0, n, 0, batch, {}, std::vector<std::int64_t>(static_cast<std::size_t>(n), 0)};
        blank.values = sequence_.blank_frame().narrow(0, 0, batch).contiguous(layout_);
        Walk walk(circuit_, plans_, convolvers_, state_, batch, layout_, sequence_.frames.options());
        walk.run(front(std::move(blank)), nullptr);
        carry_on(walk);
        state_ = state_.detached();
    }

    void carry_on(const Walk& walk) {
        const at::Tensor adapted = state_.input;
        state_ = walk.state();
        state_.input = adapted;
    }

    /// What the first layer gets from step `begin` to `end`, counted from 0.
    Stretch input(std::int64_t begin, std::int64_t end) {
        Stretch shown{0, end - begin, 0, sequence_.batch(), {}, {}};
        std::vector<std::int32_t> frames;  // the distinct ones, in the order in which they are first shown
        for (std::int64_t t = begin; t < end; ++t) {
            const std::int32_t frame = sequence_.schedule[static_cast<std::size_t>(t)];
            auto found = std::find(frames.begin(), frames.end(), frame);
            if (found == frames.end()) found = frames.insert(frames.end(), frame);
            shown.rows.push_back(found - frames.begin());
        }
        if (frames.size() == shown.rows.size()) shown.rows.clear();
        std::vector<at::Tensor> rows;
        for (const std::int32_t frame : frames) {
            rows.push_back(frame == Sequence::kBlank ? sequence_.blank_frame() : sequence_.frames.select(1, frame));
        }
        shown.values = (rows.size() == 1 ? rows.front() : at::cat(rows, 0)).contiguous(layout_);
        return front(std::move(shown));
    }

    /// Input adaptation and the maps in front of the first layer.
    Stretch front(Stretch shown) {
        if (circuit_.input_adaptation.weight != 0.0) shown = adapted(shown);
        for (const Map& map : circuit_.front) {
            shown = shown.mapped([&](const at::Tensor& x) { return applied(map, x); });
        }
        return shown;
    }

    Stretch adapted(const Stretch& shown) {
        std::vector<at::Tensor> steps;
        for (std::int64_t t = shown.begin; t < shown.end; ++t) {
            // Idle steps may have been taken for one sample.
            const at::Tensor y = adapted_input(circuit_.input_adaptation, shown.at(t), state_.input);
            steps.push_back(y.expand({shown.batch, -1, -1, -1}));
        }
        return {shown.begin, shown.end, shown.begin, shown.batch, at::cat(steps, 0).contiguous(layout_), {}};
    }

    /// [time, batch, class]
    at::Tensor read_out(const Stretch& signal) const {
        const std::int64_t n_classes = circuit_.readout.n_classes;
        const auto silent = [&](std::int64_t n) {
            // Part of the graph, so that a run in which nothing has arrived yet can still be differentiated.
            return at::zeros({n, sequence_.batch(), n_classes}, sequence_.frames.options())
                .requires_grad_(at::GradMode::is_enabled());
        };
        if (!signal.present()) return silent(signal.end - signal.begin);
        const at::Tensor scores =
            signal.mapped(circuit_.readout.apply).dense().values.unflatten(0, {-1, sequence_.batch()});
        return signal.first == signal.begin ? scores : at::cat({silent(signal.first - signal.begin), scores}, 0);
    }

    c10::MemoryFormat layout_;
    Circuit circuit_;
    const Sequence& sequence_;
    const RunOptions& options_;
    std::vector<LayerPlan> plans_;
    Convolvers convolvers_{Team::for_run()};
    Observers observers_;
    State state_;
};

bool waits_for_first(const State& state) {
    return std::any_of(state.layers.begin(), state.layers.end(), [](const History& h) { return h.waits_for_first(); });
}

/// `a`, then `b`.
Trajectory joined(Trajectory a, Trajectory b) {
    b.outputs = at::cat({a.outputs, b.outputs}, 1);
    for (std::size_t p = 0; p < b.probed.size(); ++p) {
        Signal &before = a.probed[p], &after = b.probed[p];
        if (!before.values.defined()) continue;
        if (after.values.defined()) before.values = at::cat({before.values, after.values}, 1);
        after = std::move(before);
    }
    return b;
}

}  // namespace

Trajectory run_fast(const Circuit& circuit, const Sequence& sequence, State state, const RunOptions& options) {
    if (!has_fast_plan(circuit)) return run_reference(circuit, sequence, std::move(state), options);
    if (!waits_for_first(state)) return Run(circuit, sequence, std::move(state), options).run(0);
    // What a history's first signal counts for is settled step by step; from then on nothing is special.
    Trajectory first = run_reference(circuit, sequence, std::move(state), options,
                                     [](const State& reached) { return !waits_for_first(reached); });
    const std::int64_t reached = first.outputs.size(1);
    if (reached == sequence.n_timesteps()) return first;
    Trajectory later = Run(circuit, sequence, first.state, options).run(reached);
    return joined(std::move(first), std::move(later));
}

}  // namespace dv::temporal
