#pragma once
/// For tests of the torch kinds: tensors that are the same on every machine, comparisons, gradients by finite
/// differences, and the conformance suites of those kinds.

#include <dv/testing/conformance.hpp>
#include <dv/torch/batch.hpp>
#include <dv/torch/loss.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <vector>

namespace dv::testing {

/// Draws keyed by `key` alone (Philox), on the CPU.
at::Tensor uniform(std::uint64_t key, at::IntArrayRef shape, double low = -1.0, double high = 1.0,
                   at::ScalarType dtype = at::kFloat);
/// Integers in low … high-1, int64.
at::Tensor integers(std::uint64_t key, at::IntArrayRef shape, std::int64_t low, std::int64_t high);
/// These values, in this shape.
at::Tensor tensor(std::initializer_list<double> values, at::IntArrayRef shape, at::ScalarType dtype = at::kFloat);
at::Tensor labels(std::initializer_list<std::int64_t> values, at::IntArrayRef shape);

/// Largest |a − b| over all elements; infinite when shapes or dtypes differ, one is undefined, or a value is not finite
/// in one of them alone.
double max_difference(const at::Tensor& a, const at::Tensor& b);
/// Same shape, dtype and bits (NaN equals itself).
bool same_bits(const at::Tensor& a, const at::Tensor& b);

/// A batch of still images with labels, uniform in [0, 1).
Batch still_batch(std::uint64_t key, std::int64_t size, const DataFacts& facts);

/// Cross entropy over the last dimension, averaged over the labels that are not negative: what a model under test is
/// trained with.
struct ReferenceLoss final : Loss {
    at::Tensor value(const at::Tensor& outputs, const at::Tensor& labels) const override;
};

/// How well autograd's gradient of `function` agrees with differences to both sides, at up to `n_probes` elements of `leaf`. At a
/// kink any value between the two slopes agrees.
struct GradientAgreement {
    double worst = 0.0;  ///< largest |autograd − differences|, relative to the leaf's largest gradient (at least 1e-3)
    std::string where;   ///< "element 7: autograd 0.5, differences 0.25"
};
/// `leaf` is double, contiguous, and requires a gradient; `function` uses it and gives any differentiable tensor (it is
/// projected onto a fixed random direction). The values of `leaf` are changed during the call and restored; other
/// leaves get gradients too.
GradientAgreement gradient_agreement(const std::function<at::Tensor()>& function, const at::Tensor& leaf,
                                     std::int64_t n_probes = 8);

/// Models, recurrence, solvers, losses, metrics, optimizers, datamodules, strategies, torch callbacks.
std::vector<Suite> torch_suites();
/// Those and the portable ones.
std::vector<Suite> all_suites();

}  // namespace dv::testing
