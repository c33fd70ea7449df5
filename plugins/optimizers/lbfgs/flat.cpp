#include "flat.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>

namespace dv::lbfgs {

Flat::Flat(const std::vector<NamedTensor>& parameters) {
    for (const NamedTensor& p : parameters) {
        const at::Tensor& first = parameters.front().tensor;
        if (p.tensor.device() != first.device() || p.tensor.scalar_type() != first.scalar_type()) {
            throw Error("lbfgs takes all parameters as one vector, so they must be of one device and type; '" + p.name +
                        "' differs from '" + parameters.front().name + "'");
        }
        parameters_.push_back(p.tensor);
        size_ += p.tensor.numel();
    }
}

at::Tensor Flat::gradient() const {
    std::vector<at::Tensor> parts;
    for (const at::Tensor& p : parameters_) {
        parts.push_back(p.grad().defined() ? p.grad().reshape({-1}) : at::zeros({p.numel()}, p.options()));
    }
    return at::cat(parts);
}

void Flat::add(const at::Tensor& direction, double t) const {
    std::int64_t begin = 0;
    for (const at::Tensor& p : parameters_) {
        p.add_(direction.slice(0, begin, begin + p.numel()).view(p.sizes()), t);
        begin += p.numel();
    }
}

std::vector<at::Tensor> Flat::values() const {
    std::vector<at::Tensor> out;
    for (const at::Tensor& p : parameters_) out.push_back(p.detach().clone());
    return out;
}

void Flat::set(const std::vector<at::Tensor>& values) const {
    for (std::size_t i = 0; i < parameters_.size(); ++i) parameters_[i].copy_(values[i]);
}

}  // namespace dv::lbfgs
