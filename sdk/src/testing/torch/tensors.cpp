#include <dv/testing/torch.hpp>

#include <dv/random.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace dv::testing {

at::Tensor uniform(std::uint64_t key, at::IntArrayRef shape, double low, double high, at::ScalarType dtype) {
    at::Tensor out = at::empty(shape, at::kDouble);
    Random random(key, 0, 0, Purpose::synthesize);
    double* values = out.mutable_data_ptr<double>();
    for (std::int64_t i = 0; i < out.numel(); ++i) values[i] = low + (high - low) * random.uniform();
    return out.to(dtype);
}

at::Tensor integers(std::uint64_t key, at::IntArrayRef shape, std::int64_t low, std::int64_t high) {
    at::Tensor out = at::empty(shape, at::kLong);
    Random random(key, 0, 0, Purpose::synthesize);
    auto* values = out.mutable_data_ptr<std::int64_t>();
    const auto n = static_cast<std::uint32_t>(high - low);
    for (std::int64_t i = 0; i < out.numel(); ++i) values[i] = low + random.below(n);
    return out;
}

at::Tensor tensor(std::initializer_list<double> values, at::IntArrayRef shape, at::ScalarType dtype) {
    at::Tensor out = at::empty({static_cast<std::int64_t>(values.size())}, at::kDouble);
    std::copy(values.begin(), values.end(), out.mutable_data_ptr<double>());
    return out.view(shape).to(dtype);
}

at::Tensor labels(std::initializer_list<std::int64_t> values, at::IntArrayRef shape) {
    at::Tensor out = at::empty({static_cast<std::int64_t>(values.size())}, at::kLong);
    std::copy(values.begin(), values.end(), out.mutable_data_ptr<std::int64_t>());
    return out.view(shape);
}

double max_difference(const at::Tensor& a, const at::Tensor& b) {
    constexpr double kInfinite = std::numeric_limits<double>::infinity();
    if (!a.defined() || !b.defined()) return a.defined() == b.defined() ? 0.0 : kInfinite;
    if (a.sizes() != b.sizes() || a.scalar_type() != b.scalar_type()) return kInfinite;
    if (a.numel() == 0) return 0.0;
    const at::Tensor x = a.detach().to(at::kCPU, at::kDouble).contiguous(),
                     y = b.detach().to(at::kCPU, at::kDouble).contiguous();
    const double *p = x.const_data_ptr<double>(), *q = y.const_data_ptr<double>();
    double worst = 0.0;
    for (std::int64_t i = 0; i < x.numel(); ++i) {
        const bool same = p[i] == q[i] || (std::isnan(p[i]) && std::isnan(q[i]));
        if (same) continue;
        const double difference = std::abs(p[i] - q[i]);
        worst = std::isfinite(difference) ? std::max(worst, difference) : kInfinite;
    }
    return worst;
}

bool same_bits(const at::Tensor& a, const at::Tensor& b) {
    if (!a.defined() || !b.defined()) return a.defined() == b.defined();
    if (a.sizes() != b.sizes() || a.scalar_type() != b.scalar_type()) return false;
    const at::Tensor x = a.detach().to(at::kCPU).contiguous(), y = b.detach().to(at::kCPU).contiguous();
    return std::memcmp(x.const_data_ptr(), y.const_data_ptr(), x.nbytes()) == 0;
}

Batch still_batch(std::uint64_t key, std::int64_t size, const DataFacts& facts) {
    Batch batch;
    batch.frames =
        Sequence::of(uniform(key, {size, facts.n_frames, facts.channels, facts.height, facts.width}, 0.0, 1.0));
    batch.labels = integers(key + 1, {size}, 0, facts.n_classes);
    batch.index = at::arange(size, at::kLong);
    return batch;
}

at::Tensor ReferenceLoss::value(const at::Tensor& outputs, const at::Tensor& labels) const {
    const at::Tensor scored = labels.ge(0);
    const at::Tensor picked =
        at::log_softmax(outputs, -1).gather(-1, labels.clamp_min(0).unsqueeze(-1)).squeeze(-1).neg();
    return picked.mul(scored).sum().div(scored.sum().clamp_min(1));
}

namespace {

/// Elements spread over a tensor of n, the first and the last among them.
std::vector<std::int64_t> probes(std::int64_t n, std::int64_t n_probes) {
    std::vector<std::int64_t> out;
    const std::int64_t count = std::min(n, n_probes);
    for (std::int64_t i = 0; i < count; ++i) out.push_back(count == 1 ? 0 : i * (n - 1) / (count - 1));
    return out;
}

}  // namespace

GradientAgreement gradient_agreement(const std::function<at::Tensor()>& function, const at::Tensor& leaf,
                                     std::int64_t n_probes) {
    at::Tensor direction;
    const auto projected = [&] {
        const at::Tensor out = function();
        if (!direction.defined()) direction = uniform(7, out.sizes(), -1.0, 1.0, at::kDouble);
        return out.mul(direction).sum();
    };
    leaf.mutable_grad().reset();
    projected().backward();
    const at::Tensor by_autograd =
        leaf.grad().defined() ? leaf.grad().detach().clone() : at::zeros(leaf.sizes(), leaf.options());
    leaf.mutable_grad().reset();

    const double largest = leaf.numel() == 0 ? 0.0 : by_autograd.abs().max().item<double>();
    const at::Tensor values = leaf.detach().view({-1});  // shares memory with the leaf
    const double here = projected().item<double>();
    // How far `gradient` is from the slopes on both sides. At a kink, a unit at rest for one, any value between them is right.
    struct Distance {
        double from_slopes, mean_slope;
    };
    const auto distance_at = [&](std::int64_t i, double eps, double gradient) {
        const at::Tensor element = values[i];
        const double kept = element.item<double>();
        element.fill_(kept + eps);
        const double above = projected().item<double>();
        element.fill_(kept - eps);
        const double below = projected().item<double>();
        element.fill_(kept);
        const double right = (above - here) / eps, left = (here - below) / eps;
        const double mean = (left + right) / 2.0;
        const double outside = std::abs(gradient - std::clamp(gradient, std::min(left, right), std::max(left, right)));
        const bool between = outside <= 0.01 * std::abs(right - left);  // autograd takes one of the two, up to rounding
        return Distance{between ? 0.0 : std::abs(gradient - mean), mean};
    };

    GradientAgreement out;
    for (const std::int64_t i : probes(leaf.numel(), n_probes)) {
        const double expected = by_autograd.reshape({-1})[i].item<double>();
        double best = std::numeric_limits<double>::infinity();
        double found = 0.0;
        for (const double eps : {1e-5, 1e-6, 1e-7}) {  // a kink may lie within one of them
            const auto [distance, slope] = distance_at(i, eps, expected);
            const double error = distance / std::max({1e-3, largest, std::abs(slope)});
            if (!(error < best)) continue;
            best = error;
            found = slope;
            if (best < 1e-6) break;
        }
        if (best <= out.worst) continue;
        out.worst = best;
        out.where = cat("element ", i, ": autograd ", expected, ", differences ", found);
    }
    return out;
}

}  // namespace dv::testing
