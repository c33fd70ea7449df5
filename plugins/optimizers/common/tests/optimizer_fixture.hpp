#pragma once
/// What the optimizers' tests share: some parameters, gradients for them, and numbers to compare.

#include <dv/random.hpp>
#include <dv/testing/load.hpp>
#include <dv/torch/optimizer.hpp>

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace dv::optimizers::testing {

inline at::Tensor uniform_like(const at::Tensor& like, std::uint64_t key, std::uint32_t step) {
    at::Tensor values = at::empty(like.sizes(), at::TensorOptions(at::kDouble));
    Random random(key, 0, step, Purpose::synthesize);
    for (std::int64_t i = 0; i < values.numel(); ++i)
        values.mutable_data_ptr<double>()[i] = 2.0 * random.uniform() - 1.0;
    return values.to(like.scalar_type());
}

inline NamedTensor parameter(std::string name, std::vector<std::int64_t> shape, at::ScalarType dtype = at::kDouble) {
    const at::Tensor values = uniform_like(at::empty(shape, at::TensorOptions(dtype)), derive_key(1, name), 0);
    return {std::move(name), values.clone().set_requires_grad(true)};
}

/// A small network's parameters; those of recurrence have a group in most tests.
inline std::vector<NamedTensor> network(at::ScalarType dtype = at::kDouble) {
    return {parameter("V1.conv.weight", {4, 3, 3, 3}, dtype), parameter("V1.conv.bias", {4}, dtype),
            parameter("V1.recurrence.conv.weight", {4, 4, 1, 1}, dtype), parameter("classifier.weight", {2, 5}, dtype)};
}

inline void set_gradient(const at::Tensor& parameter, const at::Tensor& gradient) {
    parameter.mutable_grad() = gradient.to(parameter.scalar_type());
}
/// Gradients of step `step`, the same for every network.
inline void set_gradients(const std::vector<NamedTensor>& parameters, int step) {
    for (const NamedTensor& p : parameters) {
        set_gradient(p.tensor, uniform_like(p.tensor, derive_key(2, p.name), static_cast<std::uint32_t>(step)));
    }
}

/// Values in index order.
inline std::vector<double> numbers(const at::Tensor& tensor) {
    const at::Tensor flat = tensor.detach().to(at::kDouble).contiguous();
    return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}
inline double number(const at::Tensor& tensor) { return numbers(tensor).at(0); }

/// After n steps of weights below 1: next to nothing in double, two roundings a step in float.
inline double tolerance(at::ScalarType dtype, int n_steps) {
    return dtype == at::kDouble ? 1e-12 : 2 * n_steps * 0x1.0p-25;
}
inline double largest_distance(const std::vector<double>& a, const std::vector<double>& b) {
    double largest = a.size() == b.size() ? 0.0 : INFINITY;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
    return largest;
}

/// One parameter of one value.
inline NamedTensor scalar_parameter(double value) {
    return {"w", at::tensor({value}, at::TensorOptions(at::kDouble)).set_requires_grad(true)};
}

/// The text of the refusal, or "" when nothing was refused.
template <class Action>
std::string refusal(const Action& action) {
    try {
        action();
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

/// The plugin's own optimizer.
inline std::shared_ptr<Optimizer> make(const dv::testing::Config& config = {}) {
    dv::testing::Plugin plugin(DV_PLUGIN_UNDER_TEST);
    return plugin.make<Optimizer>({}, config);
}
/// The weight after one step from 2, along this gradient.
inline double after_one_step(const dv::testing::Config& config, double gradient) {
    const auto optimizer = make(config);
    const NamedTensor w = scalar_parameter(2.0);
    optimizer->build(std::vector{w});
    set_gradient(w.tensor, at::tensor({gradient}, at::TensorOptions(at::kDouble)));
    optimizer->step();
    return number(w.tensor);
}

inline std::vector<std::string> option_keys(const Optimizer& optimizer) {
    std::vector<std::string> keys;
    for (const GroupOption& o : optimizer.options(0)) keys.push_back(o.key);
    return keys;
}
inline std::vector<std::string> state_keys(const Optimizer& optimizer) {
    std::vector<std::string> keys;
    for (const OptimizerState& s : optimizer.state()) keys.push_back(std::to_string(s.parameter) + "." + s.key);
    return keys;
}

/// `optimizer` and a fresh one that takes over its state after `n_before` steps go on alike for as many again, bit for bit.
/// Returns the first parameter that differs, or "".
inline std::string first_difference_after_reload(Optimizer& optimizer, Optimizer& fresh, int n_before) {
    const std::vector<NamedTensor> original = network(at::kFloat);
    optimizer.build(original);
    for (int step = 0; step < n_before; ++step) {
        set_gradients(original, step);
        optimizer.step();
    }
    std::vector<NamedTensor> copies;
    for (const NamedTensor& p : original) copies.push_back({p.name, p.tensor.detach().clone().set_requires_grad(true)});
    fresh.build(copies);
    fresh.load_state(optimizer.state());
    for (int step = n_before; step < 2 * n_before; ++step) {
        set_gradients(original, step);
        set_gradients(copies, step);
        optimizer.step();
        fresh.step();
    }
    for (std::size_t i = 0; i < original.size(); ++i) {
        if (!original[i].tensor.equal(copies[i].tensor)) return original[i].name;
    }
    return "";
}

}  // namespace dv::optimizers::testing
