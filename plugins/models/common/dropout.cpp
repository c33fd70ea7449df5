#include "dropout.hpp"

#include <dv/random.hpp>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>

#include <string>

namespace rcnn {

at::Tensor Dropout::operator()(const at::Tensor& x) {
    if (!training_ || probability_ == 0.0) return x;
    const at::Generator generator = at::detail::createCPUGenerator(dv::derive_key(key_, std::to_string(n_calls_++)));
    const double kept = 1.0 - probability_;
    const at::Tensor mask = at::empty(x.sizes(), at::kFloat).bernoulli_(kept, generator).div_(kept);
    return x.mul(mask.to(x.options()));
}

}  // namespace rcnn
