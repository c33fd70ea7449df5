#include "compose/training_set.hpp"

#include <dv/error.hpp>

#include <algorithm>
#include <cmath>

namespace dvhost::compose {

namespace {

using Patterns = std::vector<std::string>;

bool fits_any(const Patterns& patterns, std::string_view name) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& p) { return dv::matches(p, name); });
}

bool is_parameter(const dv::NamedTensor& t) { return t.trainable && t.tensor.requires_grad(); }

std::string idle_patterns(const Patterns& patterns, const std::vector<dv::NamedTensor>& tensors) {
    std::string text;
    for (const std::string& p : patterns) {
        const bool fits = std::any_of(tensors.begin(), tensors.end(), [&](const dv::NamedTensor& t) {
            return is_parameter(t) && dv::matches(p, t.name);
        });
        if (!fits) text += (text.empty() ? "'" : ", '") + p + "'";
    }
    return text;
}

/// Whether a parameter is trained, were it not frozen.
std::function<bool(const std::string&)> rule_of(const OptimizerKeys& keys, const checkpoint::WeightsReport* loaded,
                                                bool trainable_rest) {
    if (!keys.trainable.empty()) return [&keys](const std::string& name) { return fits_any(keys.trainable, name); };
    if (loaded == nullptr || !trainable_rest) return [](const std::string&) { return true; };
    if (!loaded->trained_after.empty())
        return [loaded](const std::string& name) { return fits_any(loaded->trained_after, name); };
    return [loaded](const std::string& name) {
        return std::find(loaded->loaded.begin(), loaded->loaded.end(), name) == loaded->loaded.end();
    };
}

}  // namespace

std::optional<checkpoint::WeightsRequest> weights_request(const WeightsKeys& keys) {
    if (keys.path.empty()) return std::nullopt;
    checkpoint::WeightsRequest out;
    out.path = keys.path;
    out.format = keys.format;
    out.key = keys.key;
    out.prefix = keys.prefix;
    for (const KeyTranslation& t : keys.translate) out.translate.emplace_back(t.from, t.to);
    if (keys.translation != "none") out.table = keys.translation;
    out.match = keys.match;
    out.keep_on_shape_mismatch = keys.keep_on_shape_mismatch;
    out.strict = keys.strict;
    return out;
}

void choose_trained(dv::Model& model, const OptimizerKeys& keys, const checkpoint::WeightsReport* loaded,
                    bool trainable_rest, const Say& warn, const Say& info) {
    const std::vector<dv::NamedTensor> tensors = model.parameters();
    if (const std::string idle = idle_patterns(keys.trainable, tensors); !idle.empty()) {
        throw dv::Error("optimizer.trainable has " + idle + ", which fits no parameter of the model");
    }
    if (const std::string idle = idle_patterns(keys.frozen, tensors); !idle.empty()) {
        warn("optimizer.frozen has " + idle + ", which fits no parameter of the model");
    }
    const auto is_trained = rule_of(keys, loaded, trainable_rest);
    std::size_t n_trained = 0, n_frozen = 0;
    for (const dv::NamedTensor& t : tensors) {
        if (!is_parameter(t)) continue;
        const bool trained = is_trained(t.name) && !fits_any(keys.frozen, t.name);
        ++(trained ? n_trained : n_frozen);
        if (!trained) t.tensor.set_requires_grad(false);
    }
    if (n_trained == 0) {
        const bool by_file = loaded != nullptr && trainable_rest && keys.trainable.empty();
        throw dv::Error(by_file
                            ? "the file of [weights] supplies every parameter, so none is left to train: name what is "
                              "to be trained in "
                              "optimizer.trainable, or set weights.trainable_rest = false to go on training all of them"
                            : "optimizer.trainable and optimizer.frozen leave no parameter to train");
    }
    if (n_frozen > 0)
        info(std::to_string(n_trained) + " parameters are trained, " + std::to_string(n_frozen) + " stay as they are");
}

double lr_scale(const LrScaling& scaling, std::int64_t samples_per_step) {
    const double ratio = static_cast<double>(samples_per_step) / scaling.reference;
    return static_cast<double>(samples_per_step) <= scaling.linear_up_to ? ratio : std::sqrt(ratio);
}

}  // namespace dvhost::compose
