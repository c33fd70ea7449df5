#pragma once
/// Whole numbers that a metric gathers.

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>

#include <vector>

namespace dv::metrics {

/// int64, from the start and always of one shape; on the CPU until the first batch, then where the outputs are. A checkpoint
/// writes its value back in place.
class Counter {
public:
    explicit Counter(std::vector<std::int64_t> shape = {}) : value_(at::zeros(shape, at::TensorOptions(at::kLong))) {}

    const at::Tensor& value() const { return value_; }
    void reset() { value_.zero_(); }
    /// Where the next batch is. What was gathered before comes along.
    at::Tensor& on(const at::Device& device) {
        if (value_.device() != device) value_ = value_.to(device);
        return value_;
    }

private:
    at::Tensor value_;
};

}  // namespace dv::metrics
