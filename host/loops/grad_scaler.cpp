#include "loops/grad_scaler.hpp"

#include <ATen/ops/isfinite.h>

namespace dvhost::loops {

bool GradScaler::unscale(std::span<const dv::NamedTensor> parameters) {
    if (!on_) return true;
    at::Tensor finite;  // one flag on the device for all gradients, read once
    for (const dv::NamedTensor& p : parameters) {
        at::Tensor gradient = p.tensor.grad();
        if (!gradient.defined()) continue;
        gradient.mul_(1.0 / state_.scale);
        const at::Tensor own = gradient.isfinite().all();
        finite = finite.defined() ? finite.logical_and(own) : own;
    }
    const bool good = !finite.defined() || finite.item<bool>();
    if (!good) {
        state_.scale *= state_.backoff_factor;
        state_.growth_tracker = 0;
    } else if (++state_.growth_tracker == state_.growth_interval) {
        state_.scale *= state_.growth_factor;
        state_.growth_tracker = 0;
    }
    return good;
}

}  // namespace dvhost::loops
