#pragma once
/// Dropout whose draws are keyed: the same batch of the same run drops the same inputs, whatever ran before.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace rcnn {

/// Source: Srivastava et al., JMLR 15 (2014): kept inputs are divided by the probability to be kept.
class Dropout {
public:
    explicit Dropout(double probability) : probability_(probability) {}

    /// x itself outside of training.
    at::Tensor operator()(const at::Tensor& x);
    void train(bool on) { training_ = on; }
    /// The next draws are those of this key.
    void begin(std::uint64_t key) { key_ = key, n_calls_ = 0; }

private:
    double probability_;
    bool training_ = false;
    std::uint64_t key_ = 0, n_calls_ = 0;
};

}  // namespace rcnn
