#include <dv/temporal/run.hpp>

#include <dv/error.hpp>

#include "checkpointed_run.hpp"
#include "fast/fast_executor.hpp"
#include "paths.hpp"
#include "reference_executor.hpp"
#include "stage_executor.hpp"
#include "stage_paths.hpp"

#include <ATen/core/grad_mode.h>

#include <string>

namespace dv::temporal {

namespace {

void check_sequence(const Circuit& circuit, const Sequence& sequence) {
    const at::Tensor& frames = sequence.frames;
    if (!frames.defined() || frames.dim() != 5) throw Error("a circuit runs on frames [batch, frame, channel, y, x]");
    const Grid shown{frames.size(2), frames.size(3), frames.size(4)};
    if (shown != circuit.input) {
        throw Error("a circuit built for frames of " + text(circuit.input) + " gets frames of " + text(shown));
    }
    if (sequence.schedule.empty()) throw Error("a sequence without time steps cannot be run");
    for (std::size_t t = 0; t < sequence.schedule.size(); ++t) {
        const std::int32_t frame = sequence.schedule[t];
        if (frame == Sequence::kBlank || (frame >= 0 && frame < sequence.n_frames())) continue;
        throw Error("step " + std::to_string(t) + " shows frame " + std::to_string(frame) + ", but there are " +
                    std::to_string(sequence.n_frames()) + " frames");
    }
}

void check_state(const Circuit& circuit, const Sequence& sequence, const State& state) {
    if (state.layers.size() != circuit.layers.size()) {
        throw Error("a state of " + std::to_string(state.layers.size()) + " layers does not belong to a circuit of " +
                    std::to_string(circuit.layers.size()) + "; start from initial_state(circuit)");
    }
    for (std::size_t l = 0; l < state.layers.size(); ++l) {
        const std::string where = "the state of layer " + circuit.layers[l].name;
        if (state.layers[l].capacity() < circuit.history_length(l)) {
            throw Error(where + " keeps " + std::to_string(state.layers[l].capacity()) +
                        " entries, the circuit reads " + std::to_string(circuit.history_length(l)) +
                        " back; start from initial_state(circuit)");
        }
        for (const at::Tensor& entry : state.layers[l].entries()) {
            if (!entry.defined() || entry.size(0) == 1 || entry.size(0) == sequence.batch()) continue;
            throw Error(where + " is of " + std::to_string(entry.size(0)) + " samples, the sequence of " +
                        std::to_string(sequence.batch()));
        }
    }
}

}  // namespace

Trajectory run_with_graph(const Circuit& circuit, const Sequence& sequence, State state, const RunOptions& options) {
    if (advances_by_stages(circuit)) return run_stages(circuit, sequence, std::move(state), options);
    switch (options.plan) {
        case Plan::fast: return run_fast(circuit, sequence, std::move(state), options);
        case Plan::reference: return run_reference(circuit, sequence, std::move(state), options);
    }
    throw Error("there is no such plan");
}

Trajectory run(const Circuit& circuit, const Sequence& sequence, State state, const RunOptions& options) {
    check_sequence(circuit, sequence);
    check_state(circuit, sequence, state);
    const bool kept_for_a_gradient = at::GradMode::is_enabled();
    if (kept_for_a_gradient && options.checkpoint_segments > 1)
        return run_checkpointed(circuit, sequence, std::move(state), options);
    return run_with_graph(circuit, sequence, std::move(state), options);
}

}  // namespace dv::temporal
