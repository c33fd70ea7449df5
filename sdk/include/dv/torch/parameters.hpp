#pragma once
/// Named tensors of a component, declared without torch::nn: they compile in seconds, the engine sees each of them, and the
/// names in a state dict are exactly the ones written here.

#include <dv/abi.h>
#include <dv/component.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace dv {

/// A tensor under its state-dict name. Trainable ones require a gradient and are seen by the optimizer; the others are buffers.
struct NamedTensor {
    std::string name;
    at::Tensor tensor;
    bool trainable = true;
};

namespace init {
/// Each element uniform in [-bound, bound].
struct Uniform {
    double bound;
};
struct Normal {
    double mean, std;
};
struct Constant {
    double value;
};
/// PyTorch's Conv and Linear default for weights: uniform with bound sqrt(1 / fan_in)  (He et al. 2015 with a = sqrt 5).
struct KaimingUniform {
    std::int64_t fan_in;
};
/// Normal with std = sqrt(2 / fan_in) for layers followed by a ReLU (He et al., ICCV 2015).
struct KaimingNormal {
    std::int64_t fan_in;
};
}  // namespace init
using Initializer = std::variant<init::Uniform, init::Normal, init::Constant, init::KaimingUniform, init::KaimingNormal>;

/// An ordered set of named tensors. Each draw is keyed by (key, name), so adding a parameter never changes the others' start.
class Parameters {
public:
    explicit Parameters(std::uint64_t key = 0) : key_(key) {}

    /// A new trainable tensor, float32 on the CPU. Throws Error when the name is taken.
    at::Tensor add(std::string name, std::span<const std::int64_t> shape, const Initializer& initializer);
    at::Tensor add(std::string name, std::initializer_list<std::int64_t> shape, const Initializer& initializer) {
        return add(std::move(name), std::span(shape.begin(), shape.size()), initializer);
    }
    /// Takes an existing tensor. Throws Error when the name is taken.
    void adopt(NamedTensor tensor);
    /// Takes a child's tensors under "prefix." + name.
    void adopt(std::string_view prefix, std::span<const NamedTensor> tensors);

    std::span<const NamedTensor> all() const { return tensors_; }
    /// Throws Error when there is none of that name.
    const at::Tensor& at(std::string_view name) const;
    std::int64_t count() const;  ///< elements of the trainable tensors

private:
    std::vector<NamedTensor> tensors_;
    std::uint64_t key_;
};

/// The key for a component's initial values: from the run's seed and the component's place (dv.rng/1).
std::uint64_t initial_value_key(const dv_host* host);

/// Glob match of a whole name: '*' any run of characters, '?' any one.
bool matches(std::string_view pattern, std::string_view name);

namespace abi::v1 {
struct NamedTensor {
    dv_str name;
    at::Tensor tensor;
    std::int32_t trainable;
};
}  // namespace abi::v1

namespace detail {
std::vector<abi::v1::NamedTensor> borrow(std::span<const NamedTensor> tensors);
std::vector<NamedTensor> own(const abi::v1::NamedTensor* tensors, std::uint64_t n);
}  // namespace detail

}  // namespace dv
