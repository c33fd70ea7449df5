#pragma once
/// Kind dv.metric (torch): a measure gathered over many batches, without a device sync per batch.

#include <dv/torch/parameters.hpp>
#include <dv/torch/kind.hpp>

namespace dv {

namespace abi::v1 {
struct IMetric {
    virtual dv_status reset() noexcept = 0;
    virtual dv_status update(const at::Tensor& outputs, const at::Tensor& labels) noexcept = 0;
    /// *out lives until the next call on this object.
    virtual dv_status compute(const NamedTensor** out, std::uint64_t* n) noexcept = 0;
    /// The same lifetime.
    virtual dv_status state(const NamedTensor** out, std::uint64_t* n) noexcept = 0;

protected:
    ~IMetric() = default;
};
}  // namespace abi::v1

class MetricDoor;
class MetricProxy;

struct Metric : TorchKind<Metric, abi::v1::IMetric, MetricDoor, MetricProxy> {
    static constexpr const char* dv_iface = "dv.metric";
    static constexpr std::uint32_t dv_iface_version = 1;

    /// Forgets everything gathered. [step]
    virtual void reset() = 0;
    /// outputs [batch, time, class] without gradient, labels int64 [batch, time] (negative: not scored). Keeps sums on the
    /// outputs' device and never reads them back. [step]
    virtual void update(const at::Tensor& outputs, const at::Tensor& labels) = 0;
    /// The values so far, each a 0-dim tensor on the device, under the name in which it is logged ("accuracy" becomes
    /// "val/accuracy"). The names do not depend on what was gathered. [step]
    virtual std::vector<NamedTensor> compute() const = 0;
    /// The tensors that hold what was gathered, as handles: a checkpoint keeps their values, and a run that goes on from it in
    /// mid-epoch writes them back in place. Defined from open() on, always of the same shapes. [step]
    virtual std::vector<NamedTensor> state() { return {}; }
};

class MetricDoor final : public abi::v1::IMetric {
public:
    explicit MetricDoor(Metric& metric) : metric_(metric) {}
    dv_status reset() noexcept override {
        return detail::torch_guard(metric_.host, "reset", [&] { metric_.reset(); });
    }
    dv_status update(const at::Tensor& outputs, const at::Tensor& labels) noexcept override {
        return detail::torch_guard(metric_.host, "update", [&] { metric_.update(outputs, labels); });
    }
    dv_status compute(const abi::v1::NamedTensor** out, std::uint64_t* n) noexcept override {
        return detail::torch_guard(metric_.host, "compute", [&] { lend(metric_.compute(), out, n); });
    }
    dv_status state(const abi::v1::NamedTensor** out, std::uint64_t* n) noexcept override {
        return detail::torch_guard(metric_.host, "state", [&] { lend(metric_.state(), out, n); });
    }

private:
    void lend(std::vector<NamedTensor> tensors, const abi::v1::NamedTensor** out, std::uint64_t* n) {
        values_ = std::move(tensors);
        lent_ = detail::borrow(values_);
        *out = lent_.data();
        *n = lent_.size();
    }
    Metric& metric_;
    std::vector<NamedTensor> values_;
    std::vector<abi::v1::NamedTensor> lent_;
};

class MetricProxy final : public Metric {
public:
    MetricProxy(const dv_child& child, detail::Imported::Release release)
        : imported_(child, std::move(release)),
          door_(imported_.interface<abi::v1::IMetric>(dv_iface, dv_iface_version)) {
        host = child.host;
    }
    void reset() override { detail::check(host, door_.reset()); }
    void update(const at::Tensor& outputs, const at::Tensor& labels) override {
        detail::check(host, door_.update(outputs, labels));
    }
    std::vector<NamedTensor> compute() const override {
        const abi::v1::NamedTensor* values = nullptr;
        std::uint64_t n = 0;
        detail::check(host, door_.compute(&values, &n));
        return detail::own(values, n);
    }
    std::vector<NamedTensor> state() override {
        const abi::v1::NamedTensor* tensors = nullptr;
        std::uint64_t n = 0;
        detail::check(host, door_.state(&tensors, &n));
        return detail::own(tensors, n);
    }

private:
    detail::Imported imported_;
    abi::v1::IMetric& door_;
};

}  // namespace dv
