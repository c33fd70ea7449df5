#include "averaged_weights.hpp"

#include <dv/error.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace callbacks {

namespace {

constexpr std::string_view kAverage = "average.", kCurrent = "current.";

at::Tensor copy_on(const at::Tensor& from, const std::optional<c10::Device>& device) {
    return from.detach().to(device.value_or(from.device()), from.scalar_type(), false, true);
}

void copy_all(const std::vector<dv::NamedTensor>& from, std::span<const dv::NamedTensor> to) {
    const at::NoGradGuard no_grad;  // values only
    for (const dv::NamedTensor& source : from) {
        const auto target = std::find_if(to.begin(), to.end(), [&](const auto& t) { return t.name == source.name; });
        if (target == to.end())
            throw dv::Error("there is an average of '" + source.name + "', which the model does not have");
        if (target->tensor.sizes() != source.tensor.sizes()) {
            throw dv::Error("the average of '" + source.name + "' has another shape than the model's");
        }
        target->tensor.copy_(source.tensor);
    }
}

}  // namespace

at::Tensor AveragedWeights::find(const Named& in, std::string_view name) {
    for (const dv::NamedTensor& t : in) {
        if (t.name == name) return t.tensor;
    }
    return {};
}

void AveragedWeights::update(std::span<const dv::NamedTensor> weights, double share) {
    const at::NoGradGuard no_grad;  // the average is no function of the weights
    const bool first = averages_.empty() || n_averaged_ == 0;
    if (first) averages_.clear();
    std::size_t i = 0;
    for (const dv::NamedTensor& w : weights) {
        if (!takes(w)) continue;
        if (first) {
            averages_.push_back({w.name, copy_on(w.tensor, options_.device), false});
            continue;
        }
        // The order is the model's, so that the next one is nearly always the one that is looked for.
        at::Tensor average =
            i < averages_.size() && averages_[i].name == w.name ? averages_[i].tensor : find(averages_, w.name);
        ++i;
        if (!average.defined()) throw dv::Error("the model has '" + w.name + "', of which there is no average");
        if (average.device() != options_.device.value_or(w.tensor.device())) {  // it came from a file
            average.set_data(copy_on(average, options_.device.value_or(w.tensor.device())));
        }
        const at::Tensor now = w.tensor.detach().to(average.device());
        if (average.is_floating_point()) {
            average.lerp_(now, share);
        } else {
            average.copy_(now);
        }
    }
    ++n_averaged_;
}

void AveragedWeights::copy_into(std::span<const dv::NamedTensor> weights) const {
    // A checkpoint has an average of everything, buffers too.
    Named taken;
    std::copy_if(averages_.begin(), averages_.end(), std::back_inserter(taken), [&](const dv::NamedTensor& average) {
        const auto own = std::find_if(weights.begin(), weights.end(), [&](const auto& w) { return w.name == average.name; });
        return own == weights.end() || takes(*own);
    });
    copy_all(taken, weights);
}

void AveragedWeights::swap_in(std::span<const dv::NamedTensor> weights) {
    if (averages_.empty() || depth_++ > 0) return;
    current_.clear();
    for (const dv::NamedTensor& w : weights) {
        if (find(averages_, w.name).defined()) current_.push_back({w.name, w.tensor.detach().clone(), false});
    }
    copy_into(weights);
}

void AveragedWeights::swap_out(std::span<const dv::NamedTensor> weights) {
    if (depth_ == 0 || --depth_ > 0) return;
    copy_all(std::exchange(current_, {}), weights);
}

std::vector<dv::NamedTensor> AveragedWeights::tensors() const {
    Named out;
    for (const dv::NamedTensor& t : averages_) out.push_back({std::string(kAverage) + t.name, t.tensor, false});
    for (const dv::NamedTensor& t : current_) out.push_back({std::string(kCurrent) + t.name, t.tensor, false});
    return out;
}

void AveragedWeights::load(std::span<const dv::NamedTensor> tensors) {
    averages_.clear();
    current_.clear();
    depth_ = 0;
    for (const dv::NamedTensor& t : tensors) {
        Named& into = t.name.starts_with(kAverage) ? averages_ : current_;
        const std::size_t prefix = t.name.starts_with(kAverage) ? kAverage.size() : kCurrent.size();
        if (t.name.size() <= prefix)
            throw dv::Error("the checkpoint has a tensor '" + t.name + "', which is none of an average");
        into.push_back({t.name.substr(prefix), t.tensor.detach().clone(), false});
    }
}

void AveragedWeights::restore_current(std::span<const dv::NamedTensor> weights) {
    copy_all(std::exchange(current_, {}), weights);
}

std::optional<c10::Device> device_of(const std::optional<std::string>& text) {
    if (!text) return std::nullopt;
    try {
        return c10::Device(*text);
    } catch (const c10::Error&) {
        throw dv::ParameterError("device", "is '" + *text + "', which is no device; write e.g. \"cpu\" or \"cuda:0\"");
    }
}

}  // namespace callbacks
