#pragma once
/// Kind dv.loss (torch): outputs and labels to one number to minimise.

#include <dv/torch/kind.hpp>

#include <optional>
#include <string>
#include <vector>

namespace dv {

/// Signals inside a model that a loss looks at besides the outputs.
struct Monitor {
    std::string layers = "*";          ///< names of layers, with * and ?
    std::string operation = "record";  ///< what the operation of that name gives, in every such layer that has it
};

/// One monitored signal over the scored run, part of the autograd graph.
struct Activity {
    std::size_t monitor = 0;  ///< index of the Monitor that asked for it
    std::string layer;
    at::Tensor values;  ///< [batch, time, channel, y, x] of the steps at which it was there; idle steps are left out
};

namespace abi::v1 {
struct Monitor {
    dv_str layers, operation;
};
struct Activity {
    std::uint64_t monitor;
    dv_str layer;
    at::Tensor values;
};
struct ILoss {
    virtual dv_status value(const at::Tensor& outputs, const at::Tensor& labels, at::Tensor& out) noexcept = 0;
    virtual dv_status monitors(const Monitor** out, std::uint64_t* n) noexcept = 0; /* lives as long as the loss */
    virtual dv_status value_with_activity(const at::Tensor& outputs, const at::Tensor& labels, const Activity* activity,
                                          std::uint64_t n, at::Tensor& out) noexcept = 0;

protected:
    ~ILoss() = default;
};
}  // namespace abi::v1

class LossDoor;
class LossProxy;

struct Loss : TorchKind<Loss, abi::v1::ILoss, LossDoor, LossProxy> {
    static constexpr const char* dv_iface = "dv.loss";
    static constexpr std::uint32_t dv_iface_version = 1;

    /// outputs [batch, time, class], labels int64 [batch, time] (negative: not scored) → a 0-dim tensor of the outputs' dtype
    /// and device, differentiable in `outputs`; or one value per entry, of which the host takes the mean. Stateless. [step]
    virtual at::Tensor value(const at::Tensor& outputs, const at::Tensor& labels) const = 0;

    /// What value_with_activity() wants to see of the model; does not change after open(). [main]
    virtual std::vector<Monitor> monitors() const { return {}; }
    /// As value(), for a loss with monitors: `activity` has every signal that they matched. A signal that never arrived is left
    /// out. [step]
    virtual at::Tensor value_with_activity(const at::Tensor& outputs, const at::Tensor& labels,
                                           const std::vector<Activity>& activity) const {
        (void)activity;
        return value(outputs, labels);
    }
};

namespace detail {
inline std::vector<abi::v1::Activity> borrow(const std::vector<Activity>& activity) {
    std::vector<abi::v1::Activity> lent;
    for (const Activity& a : activity) lent.push_back({a.monitor, borrow(a.layer), a.values});
    return lent;
}
inline std::vector<Activity> own(const abi::v1::Activity* activity, std::uint64_t n) {
    std::vector<Activity> owned;
    for (std::uint64_t i = 0; i < n; ++i) {
        owned.push_back({activity[i].monitor, std::string(view(activity[i].layer)), activity[i].values});
    }
    return owned;
}
}  // namespace detail

class LossDoor final : public abi::v1::ILoss {
public:
    explicit LossDoor(const Loss& loss) : loss_(loss) {}
    dv_status monitors(const abi::v1::Monitor** out, std::uint64_t* n) noexcept override {
        return detail::torch_guard(loss_.host, "monitors", [&] {
            monitors_ = loss_.monitors();
            lent_.clear();
            for (const Monitor& m : monitors_) lent_.push_back({detail::borrow(m.layers), detail::borrow(m.operation)});
            *out = lent_.data();
            *n = lent_.size();
        });
    }
    dv_status value_with_activity(const at::Tensor& outputs, const at::Tensor& labels, const abi::v1::Activity* activity,
                                  std::uint64_t n, at::Tensor& out) noexcept override {
        return detail::torch_guard(loss_.host, "value", [&] {
            out = loss_.value_with_activity(outputs, labels, detail::own(activity, n));
        });
    }
    dv_status value(const at::Tensor& outputs, const at::Tensor& labels, at::Tensor& out) noexcept override {
        return detail::torch_guard(loss_.host, "value", [&] { out = loss_.value(outputs, labels); });
    }

private:
    const Loss& loss_;
    std::vector<Monitor> monitors_;
    std::vector<abi::v1::Monitor> lent_;
};

class LossProxy final : public Loss {
public:
    LossProxy(const dv_child& child, detail::Imported::Release release)
        : imported_(std::in_place, child, std::move(release)),
          door_(imported_->interface<abi::v1::ILoss>(dv_iface, dv_iface_version)) {
        host = child.host;
    }
    /// A loss that is not a component of its own, as a step receives it. `caller` is asked for error texts.
    LossProxy(abi::v1::ILoss& door, const dv_host* caller) : door_(door) { host = caller; }

    at::Tensor value(const at::Tensor& outputs, const at::Tensor& labels) const override {
        at::Tensor out;
        detail::check(host, door_.value(outputs, labels, out));
        return out;
    }
    std::vector<Monitor> monitors() const override {
        const abi::v1::Monitor* monitors = nullptr;
        std::uint64_t n = 0;
        detail::check(host, door_.monitors(&monitors, &n));
        std::vector<Monitor> owned;
        for (std::uint64_t i = 0; i < n; ++i) {
            owned.push_back({std::string(detail::view(monitors[i].layers)), std::string(detail::view(monitors[i].operation))});
        }
        return owned;
    }
    at::Tensor value_with_activity(const at::Tensor& outputs, const at::Tensor& labels,
                                   const std::vector<Activity>& activity) const override {
        at::Tensor out;
        const auto lent = detail::borrow(activity);
        detail::check(host, door_.value_with_activity(outputs, labels, lent.data(), lent.size(), out));
        return out;
    }

private:
    std::optional<detail::Imported> imported_;
    abi::v1::ILoss& door_;
};

}  // namespace dv
