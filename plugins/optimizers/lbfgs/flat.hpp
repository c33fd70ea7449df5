#pragma once
/// All parameters as one vector, in their order.

#include <dv/torch/optimizer.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace dv::lbfgs {

class Flat {
public:
    Flat() = default;
    explicit Flat(const std::vector<NamedTensor>& parameters);

    std::int64_t size() const { return size_; }
    at::TensorOptions options() const { return parameters_.front().options(); }
    /// A copy of the gradients; zeros where there is none.
    at::Tensor gradient() const;
    /// θ ← θ + t · direction.
    void add(const at::Tensor& direction, double t) const;
    /// Copies of the parameters, and back.
    std::vector<at::Tensor> values() const;
    void set(const std::vector<at::Tensor>& values) const;

private:
    std::vector<at::Tensor> parameters_;
    std::int64_t size_ = 0;
};

}  // namespace dv::lbfgs
