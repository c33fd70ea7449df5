#include "observers.hpp"

#include <ATen/ops/zeros_like.h>

namespace dv::temporal::fast {

Observers::Observers(const Circuit& circuit, const RunOptions& options, std::int64_t n_timesteps)
    : circuit_(circuit), options_(options), n_timesteps_(n_timesteps), probed_(options.probes.size()) {
    if (!options.recorder) return;
    for (std::size_t l = 0; l < circuit.layers.size(); ++l) {
        for (std::int64_t t = 0; t < n_timesteps; ++t) wanted_.push_back(options.recorder->wants(l, t));
    }
}

void Observers::see(std::size_t layer, std::size_t operation, const Stretch& signal) {
    if (!wanted_.empty() && circuit_.layers[layer].operations[operation].kind == Operation::Kind::record) {
        record(layer, signal);
    }
    for (std::size_t p = 0; p < probed_.size(); ++p) {
        if (options_.probes[p].layer == layer && options_.probes[p].operation == operation) {
            probed_[p].push_back(signal.delayed(offset_));
        }
    }
}

void Observers::record(std::size_t layer, const Stretch& signal) {
    for (std::int64_t t = signal.begin; t < signal.end; ++t) {
        const std::int64_t timestep = offset_ + t;
        if (!wanted_[layer * static_cast<std::size_t>(n_timesteps_) + static_cast<std::size_t>(timestep)]) continue;
        const at::Tensor response = signal.at(t);
        options_.recorder->record(layer, timestep, response.defined() ? response.detach() : response);
    }
}

namespace {

/// A signal that has arrived once and is absent later, where a layer rests, counts as zeros then.
std::vector<Stretch> without_gaps(std::vector<Stretch> parts) {
    at::Tensor zeros;
    for (Stretch& part : parts) {
        const std::int64_t gap = part.first - part.begin;
        if (zeros.defined() && gap > 0) {
            const std::vector<std::int64_t> one_row(static_cast<std::size_t>(gap), 0);
            const Stretch silence{part.begin, part.first, part.begin, part.batch, zeros, one_row};
            part = part.present() ? concatenated({silence, part}) : silence;
        }
        if (part.present() && !zeros.defined()) zeros = at::zeros_like(part.values.narrow(0, 0, part.batch).detach());
    }
    return parts;
}

}  // namespace

std::vector<Signal> Observers::probed() const {
    std::vector<Signal> signals;
    for (const std::vector<Stretch>& parts : probed_) {
        Signal signal{{}, n_timesteps_};
        if (!parts.empty()) {
            const Stretch whole = concatenated(without_gaps(parts)).dense();
            signal.first = whole.first;
            if (whole.present()) signal.values = whole.values.unflatten(0, {-1, whole.batch}).transpose(0, 1);
        }
        signals.push_back(std::move(signal));
    }
    return signals;
}

}  // namespace dv::temporal::fast
