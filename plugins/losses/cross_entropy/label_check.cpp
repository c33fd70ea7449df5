#include "label_check.hpp"

#include <dv/error.hpp>

#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <string>

namespace dv::losses {

void LabelCheck::check(const at::Tensor& labels) {
    if (labels.is_cpu()) {
        look_now(labels);
    } else {
        look_later(labels);
    }
}

void LabelCheck::look_now(const at::Tensor& labels) const {
    const at::Tensor rows = labels.contiguous();
    const std::int64_t* label = rows.const_data_ptr<std::int64_t>();
    for (std::int64_t i = 0; i < rows.numel(); ++i) {
        if (!is_class_or_void(label[i])) refuse(label[i], i, rows.size(1), "");
    }
}

void LabelCheck::look_later(const at::Tensor& labels) {
    look_at_arrived();
    if (labels.numel() == 0) return;
    at::Tensor flat = labels.reshape({-1});
    if (ignored_ >= n_classes_) flat = flat.masked_fill(flat.eq(ignored_), -1);
    const auto [value, position] = flat.max(0);
    const at::Tensor found = at::stack({position, value});

    Pending sent{found, std::nullopt, labels.size(1)};
    if (!found.is_cpu()) {
        sent.largest = at::empty({2}, at::TensorOptions(at::kLong).pinned_memory(true));
        sent.largest.copy_(found, /*non_blocking=*/true);
        sent.arrived.emplace(found.device().type());
        sent.arrived->record(c10::impl::VirtualGuardImpl(found.device().type()).getStream(found.device()));
    }
    pending_.push_back(std::move(sent));
}

void LabelCheck::look_at_arrived() {
    while (!pending_.empty() && (!pending_.front().arrived || pending_.front().arrived->query())) {
        const Pending sent = std::move(pending_.front());
        pending_.pop_front();
        const std::int64_t* largest = sent.largest.const_data_ptr<std::int64_t>();
        if (!is_class_or_void(largest[1])) refuse(largest[1], largest[0], sent.n_timesteps, " of an earlier batch");
    }
}

void LabelCheck::refuse(std::int64_t label, std::int64_t position, std::int64_t n_timesteps, const char* whose) const {
    throw Error("label " + std::to_string(label) + " at [" + std::to_string(position / n_timesteps) + ", " +
                std::to_string(position % n_timesteps) + "] (batch, time)" + whose + ": the outputs have " +
                std::to_string(n_classes_) + " classes, so labels are 0 to " + std::to_string(n_classes_ - 1) +
                ", or negative where nothing is scored");
}

}  // namespace dv::losses
