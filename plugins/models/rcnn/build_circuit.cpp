#include "build_circuit.hpp"

#include "operations.hpp"

#include <ATen/ops/full.h>
#include <ATen/ops/linear.h>

#include <algorithm>
#include <cmath>
#include <sstream>

namespace rcnn {

using dv::ParameterError;
using namespace dv::temporal;

namespace {

std::string number(double value) {
    std::ostringstream out;
    out << value;
    return out.str();
}

std::string key(const char* list, std::size_t i, const char* name) {
    return std::string(list) + "." + std::to_string(i) + "." + name;
}

class Builder {
public:
    Builder(const Settings& settings, const dv::DataFacts& facts, dv::Parameters& weights, const dv::Component& owner)
        : s_(settings), facts_(facts), weights_(weights), owner_(owner) {}

    Circuit build() {
        if (s_.layer.empty()) {
            throw ParameterError("layer",
                                 "is empty: an rcnn needs at least one [[model.layer]] with a name and a conv");
        }
        circuit_.dt = s_.dt;
        circuit_.input = {facts_.channels, facts_.height, facts_.width};
        for (std::size_t l = 0; l < s_.layer.size(); ++l) add_layer(l);
        if (!s_.feedforward_only) {
            for (std::size_t i = 0; i < s_.connection.size(); ++i) add_connection(i);
        }
        add_readout();
        validate(circuit_);
        return std::move(circuit_);
    }

private:
    // ---- Layers -------------------------------------------------------------------------------------------------------

    void add_layer(std::size_t l) {
        const LayerSettings& from = s_.layer[l];
        check_name(l);
        const Grid in = circuit_.input_of(l);
        Layer layer;
        layer.name = from.name;
        layer.feedforward.first = convolution(from.name + ".conv", from.conv, in.channels);
        if (from.conv2) layer.feedforward.second = convolution(from.name + ".conv2", *from.conv2, from.conv.channels);
        layer.feedforward_lag =
            forward_lag(steps("feed-forward delay of " + from.name, from.t_feedforward.value_or(s_.t_feedforward)),
                        UpdateOrder::sequential);
        layer.operations = operations_of(s_, parts(from));
        set_grids(layer, l, in);
        add_recurrence(layer, l, in);
        if (has_operation(s_, "tstep")) add_solver(layer, from);
        circuit_.layers.push_back(std::move(layer));
    }

    void check_name(std::size_t l) const {
        const std::string& name = s_.layer[l].name;
        const bool bad = name.empty() || name.find_first_of(". ") != std::string::npos;
        if (bad)
            throw ParameterError(key("layer", l, "name"),
                                 "is '" + name + "': a name has no dots and no spaces, and is not empty");
        for (std::size_t k = 0; k < l; ++k) {
            if (s_.layer[k].name == name) {
                throw ParameterError(key("layer", l, "name"),
                                     "is '" + name + "', as is the name of layer " + std::to_string(k));
            }
        }
    }

    Parts parts(const LayerSettings& layer) const {
        const auto reaches = [&](Connection::Kind kind) {
            return !s_.feedforward_only && std::any_of(s_.connection.begin(), s_.connection.end(), [&](const auto& c) {
                return c.to == layer.name && c.kind == kind;
            });
        };
        Parts parts{reaches(Connection::Kind::skip), reaches(Connection::Kind::feedback), std::nullopt};
        if (layer.pool) {
            const PoolSettings& p = *layer.pool;
            parts.pool = Pool{p.type, p.kernel, p.stride.value_or(p.kernel), p.padding};
        }
        return parts;
    }

    Convolution convolution(const std::string& name, const ConvSettings& from, std::int64_t channels) {
        const std::int64_t k = from.kernel;
        Convolution c;
        c.weight =
            weights_.add(name + ".weight", {from.channels, channels, k, k}, dv::init::KaimingNormal{channels * k * k});
        if (from.bias) c.bias = weights_.add(name + ".bias", {from.channels}, dv::init::Constant{0.0});
        c.stride = from.stride;
        c.padding = from.padding.value_or(k / 2);
        return c;
    }

    /// What the layer stores is what its delay operation gets.
    void set_grids(Layer& layer, std::size_t l, const Grid& in) const try {
        const std::vector<Grid> along = grids(layer, in);
        layer.output = layer.stored = along.back();
        for (std::size_t i = 0; i < layer.operations.size(); ++i) {
            if (layer.operations[i].kind == Operation::Kind::delay) layer.stored = along[i];
        }
    } catch (const dv::Error& error) {
        throw ParameterError("layer." + std::to_string(l), "(" + layer.name + ") does not fit: " + error.what());
    }

    void add_recurrence(Layer& layer, std::size_t l, const Grid& in) {
        if (s_.feedforward_only) return;
        const LayerSettings& from = s_.layer[l];
        auto map = (from.recurrence ? from.recurrence : s_.recurrence).make(from.name + ".recurrence");
        if (!map->contributes()) return;

        RecurrentPath path;
        path.target = from.target.value_or(s_.recurrence_target);
        path.integration = from.integration;
        if (path.target == RecurrenceTarget::middle && !from.conv2) {
            throw ParameterError(key("layer", l, "target"),
                                 "is 'middle', which lies between two convolutions: " + from.name + " needs a conv2");
        }
        dv::RecurrenceSite site;
        site.source_channels = layer.stored.channels;
        site.target_channels = path.target == RecurrenceTarget::input    ? in.channels
                               : path.target == RecurrenceTarget::middle ? from.conv.channels
                                                                         : from.conv2.value_or(from.conv).channels;
        site.kernel = from.conv.kernel;
        site.height = layer.stored.height;
        site.width = layer.stored.width;
        site.bias = from.conv.bias ? 1 : 0;
        site.max_weight_init = s_.max_weight_init;
        map->build(site);
        weights_.adopt(from.name + ".recurrence", map->parameters());
        path.lag = at_least_one_step("recurrence of " + from.name, from.t_recurrence.value_or(s_.t_recurrence));
        path.map = std::move(map);
        layer.recurrence = std::move(path);
    }

    void add_solver(Layer& layer, const LayerSettings& from) {
        layer.solver = (from.solver ? from.solver : s_.solver).make(from.name + ".solver");
        layer.time = {s_.dt, from.tau.value_or(s_.tau), {}};
        if (s_.train_tau) {
            layer.time.tau_tensor = weights_.add("tau_" + from.name, {}, dv::init::Constant{layer.time.tau});
        } else {
            weights_.adopt({"tau_" + from.name, at::full({}, layer.time.tau, at::kFloat), /*trainable=*/false});
        }
        check_stability(layer);
    }

    void check_stability(const Layer& layer) const {
        const std::string ratio = "dt / tau = " + number(layer.time.ratio());
        const double limit = layer.solver->stability_limit();
        if (layer.time.ratio() > limit && !s_.allow_unstable) {
            throw ParameterError("dt", "of " + number(s_.dt) + " ms makes layer " + layer.name + " diverge: " + ratio +
                                           " is beyond the solver's limit " + number(limit) +
                                           "; use dt <= " + number(limit * layer.time.tau) +
                                           " ms, a larger tau, or allow_unstable = true");
        }
        if (s_.dt >= layer.time.tau)
            owner_.warn("layer " + layer.name + ": " + ratio + ", a step overshoots what it relaxes to");
    }

    // ---- Delays -------------------------------------------------------------------------------------------------------

    std::int64_t steps(const std::string& edge, double delay) const {
        const Steps found = steps_of(delay, s_.dt);
        if (!found.exact) {
            owner_.warn("the " + edge + ", " + number(delay) + " ms, is not a whole number of steps of " +
                        number(s_.dt) + " ms: " + std::to_string(found.steps) + " steps are used, " +
                        number(std::abs(found.error_ms)) + " ms too " + (found.error_ms < 0 ? "few" : "many"));
        }
        return found.steps;
    }

    std::int64_t at_least_one_step(const std::string& path, double delay) const {
        const std::int64_t n = steps("delay of the " + path, delay);
        if (n == 0) owner_.info("the " + path + " reads one step back: it is read before its source stores");
        return backward_lag(n, UpdateOrder::sequential);
    }

    // ---- Connections --------------------------------------------------------------------------------------------------

    void add_connection(std::size_t i) {
        const ConnectionSettings& from = s_.connection[i];
        Connection c;
        c.kind = from.kind;
        c.source = layer_named(from.from, key("connection", i, "from"));
        c.target = layer_named(from.to, key("connection", i, "to"));
        if (c.source == c.target) {
            throw ParameterError(key("connection", i, "to"), "is '" + from.to +
                                                                 "', where it comes from: a layer reads its own "
                                                                 "past through its recurrence");
        }
        c.integration = from.mode;
        c.lag = lag(c, from);
        const Grid wanted = grid_of_target(c);
        const Grid& source = circuit_.layers[c.source].stored;
        c.resized = {source.channels, wanted.height, wanted.width};
        if (source.channels != wanted.channels || from.force_conv) {
            c.transform = transform(i, source.channels, wanted.channels);
        }
        circuit_.connections.push_back(std::move(c));
    }

    std::size_t layer_named(const std::string& name, const std::string& parameter) const {
        std::string names;
        for (std::size_t l = 0; l < circuit_.layers.size(); ++l) {
            if (circuit_.layers[l].name == name) return l;
            names += (l == 0 ? "" : ", ") + circuit_.layers[l].name;
        }
        throw ParameterError(parameter, "is '" + name + "', which is no layer; there are: " + names);
    }

    std::int64_t lag(const Connection& c, const ConnectionSettings& from) const {
        const bool skip = c.kind == Connection::Kind::skip;
        const double t_feedback = s_.t_feedback.value_or(s_.t_feedforward);
        const double delay = from.delay.value_or(skip ? s_.t_skip.value_or(t_feedback) : t_feedback);
        const std::string path = (skip ? "skip from " : "feedback from ") + from.from + " to " + from.to;
        if (!skip || c.source > c.target) return at_least_one_step(path, delay);
        return forward_lag(steps("delay of the " + path, delay), UpdateOrder::sequential);
    }

    Grid grid_of_target(const Connection& c) const {
        const bool skip = c.kind == Connection::Kind::skip;
        const Layer& target = circuit_.layers[c.target];
        const std::vector<Grid> along = grids(target, circuit_.input_of(c.target));
        for (std::size_t i = 0; i < target.operations.size(); ++i) {
            if (target.operations[i].kind == (skip ? Operation::Kind::skip : Operation::Kind::feedback))
                return along[i];
        }
        throw ParameterError("operations", std::string("lacks '") + (skip ? "addskip" : "addfeedback") +
                                               "', which the connection to " + target.name + " needs");
    }

    Convolution transform(std::size_t i, std::int64_t in, std::int64_t out) {
        const std::string name = transform_name(i);
        const double std = std::min(0.001, 1.0 / std::sqrt(static_cast<double>(in * out)));
        Convolution c;
        c.weight = weights_.add(name + ".weight", {out, in, 1, 1}, dv::init::Normal{0.0, std});
        c.bias = weights_.add(name + ".bias", {out}, dv::init::Constant{0.0});
        return c;
    }

    /// addskip_V4.conv; addskip_V4_from_V1.conv when several of its kind end in the same layer.
    std::string transform_name(std::size_t i) const {
        const ConnectionSettings& c = s_.connection[i];
        const auto n = std::count_if(s_.connection.begin(), s_.connection.end(),
                                     [&](const auto& other) { return other.kind == c.kind && other.to == c.to; });
        return (c.kind == Connection::Kind::skip ? "addskip_" : "addfeedback_") + c.to +
               (n > 1 ? "_from_" + c.from : "") + ".conv";
    }

    // ---- Readout ------------------------------------------------------------------------------------------------------

    void add_readout() {
        if (facts_.n_classes < 1) {
            throw dv::Error("an rcnn reads out classes, but the data has no labels to count them by");
        }
        const Grid& last = circuit_.layers.back().output;
        const bool mean = s_.readout == Features::average;
        const std::int64_t features = mean ? last.channels : last.units();
        const at::Tensor weight =
            weights_.add("classifier.2.weight", {facts_.n_classes, features}, dv::init::Normal{0.0, 0.004});
        const at::Tensor bias = weights_.add("classifier.2.bias", {facts_.n_classes}, dv::init::Constant{0.0});
        circuit_.readout.apply = [weight, bias, mean](const at::Tensor& x) {
            return at::linear(mean ? x.mean({2, 3}) : x.flatten(1), weight, bias);
        };
        circuit_.readout.n_classes = facts_.n_classes;
        circuit_.readout.equation = std::string(mean ? "mean of each channel" : "all units") + ", linear " +
                                    std::to_string(features) + " -> " + std::to_string(facts_.n_classes);
        circuit_.readout.n_parameters = weight.numel() + bias.numel();
        circuit_.readout.multiply_adds = weight.numel();
    }

    const Settings& s_;
    const dv::DataFacts& facts_;
    dv::Parameters& weights_;
    const dv::Component& owner_;
    Circuit circuit_;
};

}  // namespace

Circuit build_circuit(const Settings& settings, const dv::DataFacts& facts, dv::Parameters& weights,
                      const dv::Component& owner) {
    return Builder(settings, facts, weights, owner).build();
}

}  // namespace rcnn
