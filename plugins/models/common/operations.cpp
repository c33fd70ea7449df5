#include "operations.hpp"

#include <algorithm>

namespace rcnn {

using namespace dv::temporal;
using Kind = Operation::Kind;

namespace {

bool contains(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// The setting of a layer, or the model's.
template <class T>
const std::optional<T>& of_layer_or_model(const std::optional<T>& layer, const std::optional<T>& model) {
    return layer ? layer : model;
}

class Resolver {
public:
    Resolver(Layer& layer, const LayerSettings& from, const Settings& settings, const Surroundings& around,
             dv::Parameters& weights)
        : layer_(layer), from_(from), s_(settings), around_(around), weights_(weights) {}

    std::optional<Operation> resolved(const std::string& name, const Grid& here) {
        auto operation = is_left_out(s_, name) ? std::nullopt : of_name(name, here);
        if (operation) operation->skipped_on_absent_input = contains(s_.operations_skipped_on_absent_input, name);
        return operation;
    }

private:
    std::optional<Operation> of_name(const std::string& name, const Grid& here) {
        const auto plain = [&](Kind kind) { return Operation{kind, name, std::nullopt}; };
        const auto map = [&](std::optional<Map> with) {
            return with ? std::optional(Operation{Kind::map, name, std::move(with)}) : std::nullopt;
        };
        if (name == "layer") return plain(Kind::layer);
        if (name == "record") return plain(Kind::record);
        if (name == "delay") return plain(Kind::delay);
        if (name == "tstep" && from_.relaxes) return plain(Kind::step);
        if (name == "addskip" && around_.has_skip) return plain(Kind::skip);
        if (name == "addfeedback" && around_.has_feedback) return plain(Kind::feedback);
        if (name == "skipzeros" && !around_.is_last) return plain(Kind::rest);
        if (name == "nonlin") return map(nonlinearity());
        if (name == "supralin") return map(supralinearity());
        if (name == "pool") return map(pool());
        if (name == "norm") return map(norm(here));
        if (name == "addbias") return map(bias(here));
        if (name == "gain") return map(gain(here));
        if (name == "adapt" && adapt(here)) return plain(Kind::adapt);
        return std::nullopt;
    }

    std::optional<Map> nonlinearity() const {
        const bool relu = from_.nonlin.value_or(s_.nonlin) == Nonlinearity::relu;
        return relu ? std::optional<Map>(Relu{}) : std::nullopt;
    }

    std::optional<Map> supralinearity() const {
        if (s_.supralinearity == 1.0) return std::nullopt;
        SupraLinear map{.gain = s_.supralinearity_gain, .exponent = s_.supralinearity};
        if (s_.train_supralinearity) {
            map.gain_tensor = weights_.at("supralin.k");
            map.exponent_tensor = weights_.at("supralin.n");
        }
        return map;
    }

    std::optional<Map> pool() const {
        if (!from_.pool) return std::nullopt;
        const PoolSettings& p = *from_.pool;
        return Pool{p.type, p.kernel, p.stride.value_or(p.kernel), p.padding};
    }

    std::optional<Map> norm(const Grid& here) const {
        const auto& chosen = of_layer_or_model(from_.norm, s_.norm);
        return chosen ? norm_map(*chosen, "norm_" + layer_.name, here, weights_) : std::nullopt;
    }

    at::Tensor values(const std::string& name, at::IntArrayRef shape, double value, bool trainable) const {
        const at::Tensor tensor =
            dv::Parameters().add(name, std::span(shape.data(), shape.size()), dv::init::Constant{value});
        tensor.requires_grad_(trainable);
        weights_.adopt({name, tensor, trainable});
        return tensor;
    }

    std::optional<Map> bias(const Grid& here) const {
        const auto& chosen = of_layer_or_model(from_.bias, s_.bias);
        if (!chosen || chosen->type == BiasSettings::Type::none) return std::nullopt;
        std::vector<std::int64_t> shape;
        if (chosen->type == BiasSettings::Type::spatial) shape = {here.channels, here.height, here.width};
        if (chosen->type == BiasSettings::Type::feature) shape = {here.channels, 1, 1};
        return Bias{values("addbias_" + layer_.name + ".bias", shape, 0.0, chosen->trainable),
                    !chosen->allow_null_input};
    }

    std::optional<Map> gain(const Grid& here) const {
        const auto& chosen = of_layer_or_model(from_.gain, s_.gain);
        if (!chosen) return std::nullopt;
        const auto n = static_cast<std::int64_t>(chosen->tuning.size());
        if (n != 0 && n != here.channels) {
            throw dv::Error("its gain has a tuning of " + std::to_string(n) + " values for " +
                            std::to_string(here.channels) + " channels");
        }
        const at::Tensor tuning =
            values("gain_" + layer_.name + ".tuning", {here.channels, 1, 1}, 0.0, chosen->trainable);
        for (std::int64_t c = 0; c < n; ++c) tuning.data()[c].fill_(chosen->tuning[static_cast<std::size_t>(c)]);
        const double beta = chosen->beta;
        return Custom{[tuning, beta](const at::Tensor& x) { return x.mul(tuning.mul(beta).add(1)); }, nullptr, "gain"};
    }

    bool adapt(const Grid& here) const {
        const auto& chosen = of_layer_or_model(from_.adaptation, s_.adaptation);
        if (!chosen) return false;
        std::vector<std::int64_t> shape;
        if (chosen->per_channel) shape = {here.channels, 1, 1};
        const auto constant = [&](const char* name, double value) {
            return values("adapt_" + layer_.name + "." + name, shape, value, chosen->trainable);
        };
        layer_.adaptation =
            Adaptation{constant("alpha", chosen->alpha), constant("beta", chosen->beta), chosen->divisive};
        return true;
    }

    Layer& layer_;
    const LayerSettings& from_;
    const Settings& s_;
    const Surroundings& around_;
    dv::Parameters& weights_;
};

/// An operation and what it acts with: neither is of use without the other.
struct Pair {
    const char *operation, *part;
    bool has_part;  ///< somewhere in the network
    bool may_idle;  ///< the operation may stand in a list without a part
};

std::vector<Pair> pairs_of(const Settings& s) {
    const auto any = [&](auto part) { return std::any_of(s.layer.begin(), s.layer.end(), part); };
    return {
        {"addbias", "bias", s.bias || any([](const LayerSettings& l) { return l.bias.has_value(); }), false},
        {"gain", "gain", s.gain || any([](const LayerSettings& l) { return l.gain.has_value(); }), false},
        {"adapt", "adaptation", s.adaptation || any([](const LayerSettings& l) { return l.adaptation.has_value(); }),
         false},
        {"norm", "norm", s.norm || any([](const LayerSettings& l) { return l.norm.has_value(); }), true},
        {"pool", "pool", any([](const LayerSettings& l) { return l.pool.has_value(); }), true},
        {"supralin", "supralinearity", s.supralinearity != 1.0, true},
    };
}

}  // namespace

bool has_operation(const Settings& settings, std::string_view name) { return contains(settings.operations, name); }

bool is_left_out(const Settings& settings, std::string_view name) {
    return settings.feedforward_only && contains(settings.non_feedforward_operations, name);
}

void check_operations(const Settings& settings) {
    for (const std::string& name : settings.operations) {
        const auto& known = kOperations.texts;
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        std::string valid;
        for (const std::string_view text : known) valid += (valid.empty() ? "" : ", ") + std::string(text);
        throw dv::ParameterError("operations", "has no operation '" + name + "' to offer; there are: " + valid);
    }
    if (!has_operation(settings, "layer")) {
        throw dv::ParameterError("operations", "lacks 'layer', without which no layer computes anything");
    }
    for (const Pair& pair : pairs_of(settings)) {
        const std::string operation = "'" + std::string(pair.operation) + "'",
                          part = "'" + std::string(pair.part) + "'";
        if (pair.has_part && !has_operation(settings, pair.operation)) {
            throw dv::ParameterError("operations",
                                     "lacks " + operation + ", which " + part + " acts in; put it where it belongs");
        }
        if (!pair.has_part && !pair.may_idle && has_operation(settings, pair.operation)) {
            throw dv::ParameterError("operations",
                                     "has " + operation + ", but neither the model nor a layer has the part " + part);
        }
    }
}

void add_operations(Layer& layer, const LayerSettings& from, const Settings& settings, const Surroundings& around,
                    const Grid& in, dv::Parameters& weights) {
    Resolver resolver(layer, from, settings, around, weights);
    Grid here = in;
    bool stores = false;
    for (const std::string& name : settings.operations) {
        auto operation = resolver.resolved(name, here);
        if (!operation) continue;
        if (operation->kind == Kind::delay) {
            layer.stored = here;
            stores = true;
        }
        if (operation->kind == Kind::layer) here = around.path;
        if (operation->map) here = grid_after(*operation->map, here);
        layer.operations.push_back(std::move(*operation));
    }
    layer.output = here;
    if (!stores) layer.stored = here;
}

}  // namespace rcnn
