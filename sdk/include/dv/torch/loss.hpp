#pragma once
/// Kind dv.loss (torch): outputs and labels to one number to minimise.

#include <dv/torch/kind.hpp>

namespace dv {

namespace abi::v1 {
struct ILoss {
    virtual dv_status value(const at::Tensor& outputs, const at::Tensor& labels, at::Tensor& out) noexcept = 0;

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
    /// and device, differentiable in `outputs`. Stateless. [step]
    virtual at::Tensor value(const at::Tensor& outputs, const at::Tensor& labels) const = 0;
};

class LossDoor final : public abi::v1::ILoss {
public:
    explicit LossDoor(const Loss& loss) : loss_(loss) {}
    dv_status value(const at::Tensor& outputs, const at::Tensor& labels, at::Tensor& out) noexcept override {
        return detail::torch_guard(loss_.host, "value", [&] { out = loss_.value(outputs, labels); });
    }

private:
    const Loss& loss_;
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

private:
    std::optional<detail::Imported> imported_;
    abi::v1::ILoss& door_;
};

}  // namespace dv
