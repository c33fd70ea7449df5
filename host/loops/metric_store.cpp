#include "loops/metric_store.hpp"

#include <ATen/ops/stack.h>
#include <ATen/ops/scalar_tensor.h>

#include <algorithm>

namespace dvhost::loops {

namespace {

/// The values of a packed row; waits for its device.
std::vector<double> read(const at::Tensor& packed) {
    const at::Tensor values = packed.to(at::kCPU).contiguous();
    const double* first = values.const_data_ptr<double>();
    return {first, first + values.numel()};
}

}  // namespace

void MetricStore::add(std::string name, double value) {
    add(std::move(name), at::scalar_tensor(value, at::kDouble));
}

void MetricStore::add(std::string name, at::Tensor value) {
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found != names_.end()) {
        tensors_[static_cast<std::size_t>(found - names_.begin())] = std::move(value);
        return;
    }
    names_.push_back(std::move(name));
    tensors_.push_back(std::move(value));
}

void MetricStore::publish() {
    for (std::size_t i = 0; i < names_.size(); ++i) {
        if (tensors_[i].is_cpu()) learn(names_[i], tensors_[i].item<double>());
    }
}

void MetricStore::discard() {
    names_.clear();
    tensors_.clear();
}

void MetricStore::send(std::int64_t step, std::int64_t epoch) {
    settle();
    if (empty()) return;
    // One tensor, hence one transfer. Values made on the host join it on the device.
    const c10::Device device = tensors_.front().device();
    std::vector<at::Tensor> same;
    same.reserve(tensors_.size());
    for (const at::Tensor& t : tensors_) {
        same.push_back(t.detach().to(device, at::kDouble, /*non_blocking=*/true).reshape({}));
    }
    at::Tensor packed = at::stack(same);
    if (!last_names_ || *last_names_ != names_) {
        last_names_ = std::make_shared<const std::vector<std::string>>(names_);
    }
    ++rows_;
    if (packed.is_cpu()) {
        sink_.row(last_names_, std::span(packed.const_data_ptr<double>(), last_names_->size()), step, epoch);
        take(last_names_, packed);
    } else {
        sink_.row(last_names_, [packed] { return read(packed); }, step, epoch);
        pending_names_ = last_names_;
        pending_ = packed;
    }
    discard();
}

void MetricStore::send_and_wait(std::int64_t step, std::int64_t epoch) {
    for (at::Tensor& t : tensors_) t = t.detach().to(at::kCPU, at::kDouble);
    send(step, epoch);
}

void MetricStore::settle() {
    if (!pending_.defined()) return;
    take(pending_names_, pending_);
    pending_.reset();
    pending_names_.reset();
}

std::vector<std::pair<std::string, double>> MetricStore::pending() const {
    std::vector<std::pair<std::string, double>> out;
    for (std::size_t i = 0; i < names_.size(); ++i) out.emplace_back(names_[i], tensors_[i].item<double>());
    return out;
}

void MetricStore::restore(std::int64_t rows, const std::vector<std::pair<std::string, double>>& known,
                          const std::vector<std::pair<std::string, double>>& pending) {
    rows_ = rows;
    for (const auto& [name, value] : known) learn(name, value);
    for (const auto& [name, value] : pending) add(name, value);
}

void MetricStore::take(const Names& names, const at::Tensor& packed) {
    const std::vector<double> values = read(packed);
    for (std::size_t i = 0; i < names->size(); ++i) learn((*names)[i], values[i]);
}

void MetricStore::learn(const std::string& name, double value) {
    for (std::size_t i = 0; i < known_names_.size(); ++i) {
        if (*known_names_[i] == name) {
            known_views_[i].value = value;
            return;
        }
    }
    known_names_.push_back(std::make_unique<std::string>(name));
    const std::string& kept = *known_names_.back();
    known_views_.push_back({{kept.data(), kept.size()}, value});
}

std::optional<double> MetricStore::value(std::string_view name) const {
    for (const dv_metric& m : known_views_) {
        if (std::string_view(m.name.p, m.name.n) == name) return m.value;
    }
    return std::nullopt;
}

}  // namespace dvhost::loops
