#include "observers.hpp"

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

std::vector<Signal> Observers::probed() const {
    std::vector<Signal> signals;
    for (const std::vector<Stretch>& parts : probed_) {
        Signal signal{{}, n_timesteps_};
        if (!parts.empty()) {
            const Stretch whole = concatenated(parts).dense();
            signal.first = whole.first;
            if (whole.present()) signal.values = whole.values.unflatten(0, {-1, whole.batch}).transpose(0, 1);
        }
        signals.push_back(std::move(signal));
    }
    return signals;
}

}  // namespace dv::temporal::fast
