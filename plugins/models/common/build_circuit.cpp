#include "build_circuit.hpp"

#include "builder.hpp"
#include "operations.hpp"
#include "text.hpp"

#include <algorithm>

namespace rcnn {

using dv::ParameterError;
using namespace dv::temporal;

namespace {

Solvers solvers_of(const Settings& s, const dv::Component& owner) {
    Solvers solvers;
    for (const LayerSettings& layer : s.layer) {
        solvers.emplace_back();
        if (!has_operation(s, "tstep") || is_left_out(s, "tstep") || !layer.relaxes) continue;
        const dv::Factory<dv::Solver>& chosen = layer.solver ? layer.solver : s.solver;
        solvers.back() = s.is_dynvision_0_1() ? euler_whatever(chosen.type(), layer.name, owner)
                                              : std::shared_ptr<const dv::Solver>(chosen.make(layer.name + ".solver"));
    }
    return solvers;
}

bool any_has_stages(const Solvers& solvers) {
    return std::any_of(solvers.begin(), solvers.end(), [](const auto& s) { return s && s->tableau(); });
}

void check_name(const std::vector<LayerSettings>& layers, std::size_t l) {
    const std::string& name = layers[l].name;
    if (name.empty() || name.find_first_of(". ") != std::string::npos) {
        throw ParameterError(key("layer", l, "name"),
                             "is '" + name + "': a name has no dots and no spaces, and is not empty");
    }
    for (std::size_t k = 0; k < l; ++k) {
        if (layers[k].name != name) continue;
        throw ParameterError(key("layer", l, "name"),
                             "is '" + name + "', as is the name of layer " + std::to_string(k));
    }
}

/// Between the data's frames and the first layer.
void add_front(const Building& b) {
    const Settings& s = b.settings;
    b.circuit().input = {b.facts.channels, b.facts.height, b.facts.width};
    b.circuit().input_adaptation = {s.input_adaption_weight, s.is_dynvision_0_1()};
    std::int64_t channels = b.facts.channels;
    if (s.input_channels && *s.input_channels != channels) {
        if (!s.expand_channels) {
            throw ParameterError("input_channels", "is " + std::to_string(*s.input_channels) + ", but the data has " +
                                                       std::to_string(channels) +
                                                       " channels; make them equal, or set expand_channels = true");
        }
        channels = *s.input_channels;
        b.circuit().front.push_back(channel_map(channels));
    }
    if (!s.use_retina) return;
    for (Map& map : retina_maps(channels, b.weights)) b.circuit().front.push_back(std::move(map));
}

void add_shared_parameters(const Building& b) {
    const Settings& s = b.settings;
    if (s.supralinearity == 1.0 || !has_operation(s, "supralin") || is_left_out(s, "supralin")) return;
    for (const auto& [name, value] :
         {std::pair{"supralin.k", s.supralinearity_gain}, {"supralin.n", s.supralinearity}}) {
        const at::Tensor constant = dv::Parameters().add(name, {}, dv::init::Constant{value});
        constant.requires_grad_(s.train_supralinearity);
        b.weights.adopt({name, constant, s.train_supralinearity});
    }
}

}  // namespace

Network build_network(const Settings& settings, const dv::DataFacts& facts, dv::Parameters& weights,
                      const dv::Component& owner) {
    if (settings.layer.empty()) {
        throw ParameterError("layer", "is empty: an rcnn needs at least one [[model.layer]] with a name and a conv");
    }
    for (std::size_t l = 0; l < settings.layer.size(); ++l) check_name(settings.layer, l);
    const Solvers solvers = solvers_of(settings, owner);
    const Delays delays(settings, any_has_stages(solvers), owner);
    Network network;
    const Building building{settings, facts, weights, owner, delays, network};
    network.circuit.dt = settings.dt;
    network.circuit.update_order = delays.order();
    network.circuit.interpolation = settings.history_interpolation;
    add_front(building);
    add_shared_parameters(building);
    for (std::size_t l = 0; l < settings.layer.size(); ++l) add_layer(building, l, solvers[l]);
    for (std::size_t i = 0; i < settings.connection.size(); ++i) {
        if (!is_left_out(settings, operation_of(settings.connection[i].kind))) add_connection(building, i);
    }
    if (!settings.classifier.also.empty()) add_layer_to_readout(building, settings.classifier.also);
    add_readout(building);
    for (const Refresh& refresh : network.refresh) refresh(network.circuit);
    validate(network.circuit);
    return network;
}

}  // namespace rcnn
