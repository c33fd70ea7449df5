#pragma once
/// Kind dv.strategy (torch): where tensors live and how ranks agree.

#include <dv/torch/batch.hpp>
#include <dv/torch/kind.hpp>
#include <dv/torch/parameters.hpp>

#include <c10/core/Device.h>

namespace dv {

enum class Reduction : std::int32_t { mean, sum, min, max };

/// Whether a backward pass ends with averaged gradients, or an accumulation window goes on.
enum class GradientSync : std::int32_t { now, later };

/// This process among those of the run.
struct Rank {
    std::int32_t global = 0, local = 0, node = 0, world_size = 1;
};

namespace abi::v1 {
struct IStrategy {
    virtual dv_status connect(c10::Device device) noexcept = 0;
    virtual dv_status place(Rank* rank, c10::Device* device) noexcept = 0;
    virtual dv_status setup(const NamedTensor* parameters, std::uint64_t n) noexcept = 0;
    virtual dv_status to_device(const Batch& in, Batch& out) noexcept = 0;
    virtual dv_status backward(const at::Tensor& loss, std::int32_t sync) noexcept = 0;
    virtual dv_status reduce(const at::Tensor& value, std::int32_t how, at::Tensor& out) noexcept = 0;
    virtual dv_status barrier() noexcept = 0;
    virtual dv_status teardown() noexcept = 0;

protected:
    ~IStrategy() = default;
};
}  // namespace abi::v1

class StrategyDoor;
class StrategyProxy;

struct Strategy : TorchKind<Strategy, abi::v1::IStrategy, StrategyDoor, StrategyProxy> {
    static constexpr const char* dv_iface = "dv.strategy";
    static constexpr std::uint32_t dv_iface_version = 1;

    /// Takes the device that the run asks for and sets up what ranks need to talk. Once, first. [main]
    virtual void connect(c10::Device device) = 0;
    virtual Rank rank() const = 0;
    virtual c10::Device device() const = 0;

    /// Moves the model's tensors to the device, in place (their handles stay valid), and makes all ranks start equal. Before the
    /// optimizer is built. A collective. [main]
    virtual void setup(std::span<const NamedTensor> parameters) = 0;
    /// The batch on the device; those beside it come one by one. [step]
    virtual Batch to_device(const Batch& batch) const = 0;
    /// Gradients of a 0-dim loss into the parameters' .grad, added to what is there; with GradientSync::now also averaged over
    /// ranks. A collective then. [step]
    virtual void backward(const at::Tensor& loss, GradientSync sync) = 0;
    /// A value over all ranks. A collective. [step]
    virtual at::Tensor reduce(const at::Tensor& value, Reduction how) = 0;
    /// A collective. [main] [step]
    virtual void barrier() = 0;
    /// After the stage, also when it failed. [main]
    virtual void teardown() {}
};

class StrategyDoor final : public abi::v1::IStrategy {
public:
    explicit StrategyDoor(Strategy& strategy) : strategy_(strategy) {}
    dv_status connect(c10::Device device) noexcept override {
        return guarded("connect", [&] { strategy_.connect(device); });
    }
    dv_status place(Rank* rank, c10::Device* device) noexcept override {
        return guarded("place", [&] {
            *rank = strategy_.rank();
            *device = strategy_.device();
        });
    }
    dv_status setup(const abi::v1::NamedTensor* parameters, std::uint64_t n) noexcept override {
        return guarded("setup", [&] { strategy_.setup(detail::own(parameters, n)); });
    }
    dv_status to_device(const abi::v1::Batch& in, abi::v1::Batch& out) noexcept override {
        return guarded("to_device", [&] {
            moved_ = strategy_.to_device(detail::own(in));
            lent_ = detail::borrow(moved_);
            out = lent_;
        });
    }
    dv_status backward(const at::Tensor& loss, std::int32_t sync) noexcept override {
        return guarded("backward", [&] { strategy_.backward(loss, static_cast<GradientSync>(sync)); });
    }
    dv_status reduce(const at::Tensor& value, std::int32_t how, at::Tensor& out) noexcept override {
        return guarded("reduce", [&] { out = strategy_.reduce(value, static_cast<Reduction>(how)); });
    }
    dv_status barrier() noexcept override {
        return guarded("barrier", [&] { strategy_.barrier(); });
    }
    dv_status teardown() noexcept override {
        return guarded("teardown", [&] { strategy_.teardown(); });
    }

private:
    template <class Body>
    dv_status guarded(const char* hook, Body&& body) noexcept {
        return detail::torch_guard(strategy_.host, hook, std::forward<Body>(body));
    }
    Strategy& strategy_;
    Batch moved_;  // what to_device() lent out
    detail::LentBatch lent_;
};

class StrategyProxy final : public Strategy {
public:
    StrategyProxy(const dv_child& child, detail::Imported::Release release)
        : imported_(child, std::move(release)),
          door_(imported_.interface<abi::v1::IStrategy>(dv_iface, dv_iface_version)) {
        host = child.host;
    }
    void connect(c10::Device device) override { detail::check(host, door_.connect(device)); }
    Rank rank() const override { return place().first; }
    c10::Device device() const override { return place().second; }
    void setup(std::span<const NamedTensor> parameters) override {
        const auto lent = detail::borrow(parameters);
        detail::check(host, door_.setup(lent.data(), lent.size()));
    }
    Batch to_device(const Batch& batch) const override {
        abi::v1::Batch out{};
        detail::check(host, door_.to_device(detail::borrow(batch), out));
        return detail::own(out);
    }
    void backward(const at::Tensor& loss, GradientSync sync) override {
        detail::check(host, door_.backward(loss, static_cast<std::int32_t>(sync)));
    }
    at::Tensor reduce(const at::Tensor& value, Reduction how) override {
        at::Tensor out;
        detail::check(host, door_.reduce(value, static_cast<std::int32_t>(how), out));
        return out;
    }
    void barrier() override { detail::check(host, door_.barrier()); }
    void teardown() override { detail::check(host, door_.teardown()); }

private:
    std::pair<Rank, c10::Device> place() const {
        Rank rank;
        c10::Device device(c10::kCPU);
        detail::check(host, door_.place(&rank, &device));
        return {rank, device};
    }
    detail::Imported imported_;
    abi::v1::IStrategy& door_;
};

}  // namespace dv
