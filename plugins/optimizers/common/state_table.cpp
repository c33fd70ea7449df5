#include "state_table.hpp"

#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <sstream>

namespace dv::optimizers {

namespace {

std::string shape_text(const at::Tensor& tensor) {
    std::ostringstream text;
    text << tensor.sizes();
    return text.str();
}

}  // namespace

void StateTable::build(std::vector<StateKey> keys, std::span<const ParameterGroup> groups) {
    keys_ = std::move(keys);
    parameters_.clear();
    first_.clear();
    for (const ParameterGroup& group : groups) {
        first_.push_back(parameters_.size());
        parameters_.insert(parameters_.end(), group.parameters.begin(), group.parameters.end());
    }
    for (const NamedTensor& parameter : parameters_) {
        if (parameter.tensor.is_non_overlapping_and_dense()) continue;
        throw Error("parameter '" + parameter.name + "' of shape " + shape_text(parameter.tensor) +
                    " is a view that overlaps itself or leaves gaps; make it contiguous before it is optimized");
    }
    tensors_.assign(keys_.size(), std::vector<at::Tensor>(parameters_.size()));
}

at::Tensor StateTable::blank(std::size_t key, std::size_t parameter) const {
    const at::Tensor& like = parameters_[parameter].tensor;
    switch (keys_[key].shape) {
        case StateShape::scalar: return at::zeros({}, like.options().dtype(at::kFloat));
        case StateShape::host_scalar: return at::zeros({}, at::TensorOptions(at::kFloat));
        case StateShape::like_parameter: break;
    }
    return at::zeros_like(like, at::MemoryFormat::Preserve);
}

void StateTable::start(std::size_t key, std::size_t parameter, double value) {
    tensors_[key][parameter] = blank(key, parameter);
    if (value != 0.0) tensors_[key][parameter].fill_(value);
}

std::vector<OptimizerState> StateTable::list() const {
    std::vector<OptimizerState> states;
    for (std::size_t p = 0; p < parameters_.size(); ++p) {
        for (std::size_t k = 0; k < keys_.size(); ++k) {
            if (has(k, p)) states.push_back({static_cast<std::int64_t>(p), keys_[k].name, at(k, p)});
        }
    }
    return states;
}

std::size_t StateTable::key_index(const OptimizerState& state) const {
    const auto found = std::find_if(keys_.begin(), keys_.end(), [&](const StateKey& k) { return k.name == state.key; });
    if (found != keys_.end()) return static_cast<std::size_t>(found - keys_.begin());
    std::string known;
    for (const StateKey& k : keys_) known += (known.empty() ? "'" : ", '") + k.name + "'";
    throw Error("the saved optimizer state holds '" + state.key + "', but this optimizer, as it is configured, keeps " +
                (known.empty() ? "nothing" : known) + "; resume with the optimizer and options that wrote it");
}

at::Tensor StateTable::copy_for(std::size_t key, std::size_t parameter, const at::Tensor& stored) const {
    const at::Tensor copy = blank(key, parameter);
    if (stored.sizes() != copy.sizes()) {
        throw Error("the saved '" + keys_[key].name + "' of parameter '" + parameters_[parameter].name +
                    "' has shape " + shape_text(stored) + ", but " + shape_text(copy) +
                    " is needed; the checkpoint belongs to another model or to other groups");
    }
    return copy.copy_(stored);
}

void StateTable::refuse_missing(const std::vector<std::vector<at::Tensor>>& loaded) const {
    for (std::size_t p = 0; p < parameters_.size(); ++p) {
        const auto given = [&](const std::vector<at::Tensor>& row) { return row[p].defined(); };
        const auto missing = std::find_if_not(loaded.begin(), loaded.end(), given);
        if (missing == loaded.end() || std::none_of(loaded.begin(), loaded.end(), given)) continue;
        throw Error("the saved optimizer state of parameter '" + parameters_[p].name + "' lacks '" +
                    keys_[static_cast<std::size_t>(missing - loaded.begin())].name +
                    "'; resume with the options that wrote it");
    }
}

void StateTable::load(std::span<const OptimizerState> states) {
    const c10::NoGradGuard values_only;
    std::vector<std::vector<at::Tensor>> loaded(keys_.size(), std::vector<at::Tensor>(parameters_.size()));
    for (const OptimizerState& state : states) {
        if (state.parameter < 0 || static_cast<std::size_t>(state.parameter) >= parameters_.size()) {
            throw Error("the saved optimizer state speaks of parameter " + std::to_string(state.parameter) +
                        ", but there are " + std::to_string(parameters_.size()) + " (counted from 0)");
        }
        const auto parameter = static_cast<std::size_t>(state.parameter);
        const std::size_t key = key_index(state);
        loaded[key][parameter] = copy_for(key, parameter, state.tensor);
    }
    refuse_missing(loaded);
    tensors_ = std::move(loaded);
}

at::Tensor gradient_of(const at::Tensor& parameter) {
    const at::Tensor& gradient = parameter.grad();
    if (!gradient.defined() || gradient.strides() == parameter.strides()) return gradient;
    return at::empty_like(parameter, at::MemoryFormat::Preserve).copy_(gradient);
}

}  // namespace dv::optimizers
