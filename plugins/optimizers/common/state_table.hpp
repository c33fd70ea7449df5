#pragma once
/// What an optimizer remembers of each parameter, under PyTorch's keys.

#include <dv/torch/optimizer.hpp>

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace dv::optimizers {

enum class StateShape {
    like_parameter,  ///< the parameter's shape, dtype, device and strides
    scalar,          ///< 0-dim float32 on the parameter's device, as PyTorch's fused optimizers keep "step"
    host_scalar,     ///< 0-dim float32 on the CPU, as PyTorch's other optimizers do
};

struct StateKey {
    std::string name;
    StateShape shape;
};

/// One tensor per key and parameter; a parameter that has never been stepped has none, as in PyTorch. Parameters are counted
/// over all groups, in order.
class StateTable {
public:
    /// Forgets everything. Throws Error for a parameter whose elements do not fill its memory exactly once (an expanded or
    /// sliced tensor): the fused kernels walk memory, not indices.
    void build(std::vector<StateKey> keys, std::span<const ParameterGroup> groups);

    std::size_t n_keys() const { return keys_.size(); }
    /// Index of the group's first parameter.
    std::size_t first(std::size_t group) const { return first_.at(group); }
    bool has(std::size_t key, std::size_t parameter) const { return tensors_[key][parameter].defined(); }
    const at::Tensor& at(std::size_t key, std::size_t parameter) const { return tensors_[key][parameter]; }
    /// New, filled with `value`.
    void start(std::size_t key, std::size_t parameter, double value = 0.0);

    /// For Optimizer::state(): by parameter, then by key.
    std::vector<OptimizerState> list() const;
    /// For Optimizer::load_state(): takes copies. Every parameter that is listed must come with all keys, each in the right
    /// shape; parameters that are not listed start anew. Throws Error, and then nothing has changed.
    void load(std::span<const OptimizerState> states);

private:
    at::Tensor blank(std::size_t key, std::size_t parameter) const;
    std::size_t key_index(const OptimizerState& state) const;
    at::Tensor copy_for(std::size_t key, std::size_t parameter, const at::Tensor& stored) const;
    void refuse_missing(const std::vector<std::vector<at::Tensor>>& loaded) const;

    std::vector<StateKey> keys_;
    std::vector<NamedTensor> parameters_;
    std::vector<std::size_t> first_;
    std::vector<std::vector<at::Tensor>> tensors_;  // [key][parameter]
};

/// The parameter's gradient with the parameter's strides, which is what the fused kernels take for granted; undefined if
/// there is none.
at::Tensor gradient_of(const at::Tensor& parameter);

}  // namespace dv::optimizers
