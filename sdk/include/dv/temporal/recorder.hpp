#pragma once
/// Sees layers' responses while they are produced.

#include <ATen/core/Tensor.h>

#include <dv/torch/kind.hpp>

#include <cstddef>
#include <cstdint>

namespace dv::temporal {

struct Recorder {
    virtual ~Recorder() = default;
    /// Asked before the first step, so that what nobody wants need not be kept.
    virtual bool wants(std::size_t layer, std::int64_t timestep) const = 0;
    /// The layer's response at a step, [batch, channel, y, x], detached; undefined when it is absent. Steps of one layer come in
    /// order; layers may come one after the other or interleaved. Idle steps are not recorded. [step]
    virtual void record(std::size_t layer, std::int64_t timestep, const at::Tensor& response) = 0;
};

}  // namespace dv::temporal

namespace dv {

namespace abi::v1 {
struct IRecorder {
    virtual dv_status wants(std::uint64_t layer, std::int64_t timestep, std::int32_t* yes) noexcept = 0;
    virtual dv_status record(std::uint64_t layer, std::int64_t timestep, const at::Tensor& response) noexcept = 0;

protected:
    ~IRecorder() = default;
};
}  // namespace abi::v1

/// A recorder lent across the door of class torch. Its failures are reported through `host`.
class RecorderDoor final : public abi::v1::IRecorder {
public:
    RecorderDoor(temporal::Recorder& recorder, const dv_host* host) : recorder_(recorder), host_(host) {}
    dv_status wants(std::uint64_t layer, std::int64_t timestep, std::int32_t* yes) noexcept override {
        return detail::torch_guard(host_, "record", [&] { *yes = recorder_.wants(layer, timestep) ? 1 : 0; });
    }
    dv_status record(std::uint64_t layer, std::int64_t timestep, const at::Tensor& response) noexcept override {
        return detail::torch_guard(host_, "record", [&] { recorder_.record(layer, timestep, response); });
    }

private:
    temporal::Recorder& recorder_;
    const dv_host* host_;
};

class RecorderProxy final : public temporal::Recorder {
public:
    RecorderProxy(abi::v1::IRecorder& door, const dv_host* host) : door_(door), host_(host) {}
    bool wants(std::size_t layer, std::int64_t timestep) const override {
        std::int32_t yes = 0;
        detail::check(host_, door_.wants(layer, timestep, &yes));
        return yes != 0;
    }
    void record(std::size_t layer, std::int64_t timestep, const at::Tensor& response) override {
        detail::check(host_, door_.record(layer, timestep, response));
    }

private:
    abi::v1::IRecorder& door_;
    const dv_host* host_;
};

}  // namespace dv
