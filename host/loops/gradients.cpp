#include "loops/gradients.hpp"

#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/clamp.h>

namespace dvhost::loops {

namespace {

std::vector<at::Tensor> gradients(std::span<const dv::NamedTensor> parameters) {
    std::vector<at::Tensor> grads;
    for (const dv::NamedTensor& p : parameters) {
        if (p.tensor.grad().defined()) grads.push_back(p.tensor.grad());
    }
    return grads;
}

}  // namespace

void clip_gradient_norm(std::span<const dv::NamedTensor> parameters, double max_norm) {
    const std::vector<at::Tensor> grads = gradients(parameters);
    if (grads.empty()) return;
    std::vector<at::Tensor> norms;
    for (const at::Tensor& g : grads) norms.push_back(at::linalg_vector_norm(g, 2));
    const at::Tensor total = at::linalg_vector_norm(at::stack(norms), 2);
    const at::Tensor factor = total.add(1e-6).reciprocal().mul(max_norm).clamp_max(1.0);
    for (at::Tensor g : grads) g.mul_(factor);
}

void scale_gradients(std::span<const dv::NamedTensor> parameters, double factor) {
    for (at::Tensor g : gradients(parameters)) g.mul_(factor);
}

void clip_gradient_value(std::span<const dv::NamedTensor> parameters, double bound) {
    for (at::Tensor g : gradients(parameters)) g.clamp_(-bound, bound);
}

}  // namespace dvhost::loops
