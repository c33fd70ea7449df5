#include "monitoring.hpp"

#include <algorithm>
#include <set>

namespace rcnn {

using namespace dv::temporal;

namespace {

std::string joined(const std::set<std::string>& texts) {
    std::string out;
    for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + text;
    return out;
}

[[noreturn]] void refuse(const dv::Monitor& monitor, const Circuit& circuit) {
    std::set<std::string> layers, operations;
    for (const Layer& layer : circuit.layers) {
        layers.insert(layer.name);
        for (const Operation& op : layer.operations) operations.insert(op.name);
    }
    throw dv::Error("a loss monitors operation '" + monitor.operation + "' of layers '" + monitor.layers +
                    "', which no layer of this model has; layers: " + joined(layers) +
                    "; operations: " + joined(operations));
}

}  // namespace

std::vector<dv::LayerFacts> facts_of_layers(const Circuit& circuit) {
    std::vector<dv::LayerFacts> facts;
    for (std::size_t l = 0; l < circuit.layers.size(); ++l) {
        const Layer& layer = circuit.layers[l];
        const std::vector<Grid> along = grids(layer, circuit.input_of(l));
        Grid response = layer.stored;
        for (std::size_t i = 0; i < layer.operations.size(); ++i) {
            if (layer.operations[i].kind == Operation::Kind::record) response = along[i];
        }
        facts.push_back({layer.name, response.channels, response.height, response.width, circuit.dt});
    }
    return facts;
}

Watched watched_by(const std::vector<dv::Monitor>& monitors, const Circuit& circuit) {
    Watched watched;
    for (std::size_t m = 0; m < monitors.size(); ++m) {
        const std::size_t before = watched.probes.size();
        for (std::size_t l = 0; l < circuit.layers.size(); ++l) {
            const std::vector<Operation>& operations = circuit.layers[l].operations;
            const auto found = std::find_if(operations.rbegin(), operations.rend(),
                                            [&](const Operation& op) { return op.name == monitors[m].operation; });
            if (found == operations.rend() || !dv::matches(monitors[m].layers, circuit.layers[l].name)) continue;
            watched.probes.push_back({l, static_cast<std::size_t>(operations.rend() - found) - 1});
            watched.monitors.push_back(m);
        }
        if (watched.probes.size() == before) refuse(monitors[m], circuit);
    }
    return watched;
}

std::vector<dv::Activity> activity_of(const Watched& watched, const Circuit& circuit, const Trajectory& run) {
    std::vector<dv::Activity> activity;
    for (std::size_t p = 0; p < watched.probes.size(); ++p) {
        if (!run.probed[p].values.defined()) continue;
        activity.push_back({watched.monitors[p], circuit.layers[watched.probes[p].layer].name, run.probed[p].values});
    }
    return activity;
}

}  // namespace rcnn
