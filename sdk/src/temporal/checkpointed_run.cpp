#include "checkpointed_run.hpp"

#include "segment_node.hpp"

#include <ATen/ops/cat.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

namespace dv::temporal {

namespace {

/// A recorder that counts steps from the beginning of a segment. What is wanted is asked once, before the first step.
class FromHere final : public Recorder {
public:
    FromHere(Recorder& recorder, const Circuit& circuit, std::int64_t n_timesteps)
        : recorder_(recorder), n_layers_(circuit.layers.size()) {
        for (std::int64_t t = 0; t < n_timesteps; ++t) {
            for (std::size_t l = 0; l < n_layers_; ++l) wanted_.push_back(recorder.wants(l, t));
        }
    }
    void begin_at(std::int64_t timestep) { begin_ = timestep; }
    bool wants(std::size_t layer, std::int64_t timestep) const override {
        return wanted_[static_cast<std::size_t>(begin_ + timestep) * n_layers_ + layer];
    }
    void record(std::size_t layer, std::int64_t timestep, const at::Tensor& response) override {
        recorder_.record(layer, begin_ + timestep, response);
    }

private:
    Recorder& recorder_;
    std::size_t n_layers_;
    std::vector<bool> wanted_;
    std::int64_t begin_ = 0;
};

/// Where segments end: as even as whole steps allow, and wherever the gradient is cut.
std::vector<std::int64_t> ends_of_segments(std::int64_t n_timesteps, const RunOptions& options) {
    std::vector<std::int64_t> ends;
    const std::int64_t n = std::min(options.checkpoint_segments, n_timesteps);
    for (std::int64_t i = 1; i <= n; ++i) ends.push_back(i * n_timesteps / n);
    const std::int64_t cut = options.truncated_bptt_timesteps;
    for (std::int64_t t = cut; cut > 0 && t < n_timesteps; t += cut) ends.push_back(t);
    std::sort(ends.begin(), ends.end());
    ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
    return ends;
}

/// `later`, a probe's signal of `n` steps, behind the `before` steps of `whole`. Absent again means zeros.
void append(Signal& whole, const Signal& later, std::int64_t before, std::int64_t n) {
    if (!whole.values.defined()) {
        whole = {later.values, before + (later.values.defined() ? later.first : n)};
        return;
    }
    const auto silence = [&](std::int64_t steps) {
        std::vector<std::int64_t> shape = whole.values.sizes().vec();
        shape[1] = steps;
        return whole.values.new_zeros(shape);
    };
    const std::int64_t absent = later.values.defined() ? later.first : n;
    std::vector<at::Tensor> parts{whole.values};
    if (absent > 0) parts.push_back(silence(absent));
    if (later.values.defined()) parts.push_back(later.values);
    whole.values = at::cat(parts, 1);
}

}  // namespace

Trajectory run_checkpointed(const Circuit& circuit, const Sequence& sequence, State state, const RunOptions& options) {
    const std::int64_t n_timesteps = sequence.n_timesteps(), truncated = options.truncated_bptt_timesteps;
    const auto shared = std::make_shared<const Circuit>(circuit);
    std::optional<FromHere> recorder;
    if (options.recorder) recorder.emplace(*options.recorder, circuit, n_timesteps);
    RunOptions of_segment = options;
    of_segment.recorder = recorder ? &*recorder : nullptr;
    of_segment.truncated_bptt_timesteps = of_segment.checkpoint_segments = 0;

    std::vector<at::Tensor> outputs;
    std::vector<Signal> probed(options.probes.size());
    std::int64_t begin = 0;
    for (const std::int64_t end : ends_of_segments(n_timesteps, options)) {
        if (recorder) recorder->begin_at(begin);
        Sequence shown{sequence.frames, {sequence.schedule.begin() + begin, sequence.schedule.begin() + end},
                       begin == 0 ? sequence.idle_timesteps : 0, sequence.blank_value};
        // The gradient comes to the last segment first: what it needs may as well stay.
        Trajectory part = end == n_timesteps ? run_with_graph(circuit, shown, std::move(state), of_segment)
                                             : run_and_forget({shared, std::move(shown), std::move(state), of_segment});
        outputs.push_back(part.outputs);
        for (std::size_t p = 0; p < probed.size(); ++p) append(probed[p], part.probed[p], begin, end - begin);
        state = std::move(part.state);
        if (truncated > 0 && end % truncated == 0) state = state.detached();
        begin = end;
    }
    return {at::cat(outputs, 1), std::move(state), std::move(probed)};
}

}  // namespace dv::temporal
