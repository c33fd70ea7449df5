#include <dv/torch/strategy.hpp>

#include <ATen/detail/CUDAHooksInterface.h>

#include <string>

namespace {

/// One process on one device. Whatever concerns other ranks does nothing, because there are none.
struct SingleDevice final : dv::Strategy {
    void connect(c10::Device device) override {
        if (device.is_cuda()) {
            expect_cuda(device);
            if (!device.has_index()) device.set_index(0);
        }
        device_ = device;
    }
    dv::Rank rank() const override { return {}; }
    c10::Device device() const override { return device_; }

    void setup(std::span<const dv::NamedTensor> parameters) override {
        for (const dv::NamedTensor& parameter : parameters) {
            if (parameter.tensor.device() == device_) continue;
            parameter.tensor.set_data(parameter.tensor.detach().to(device_));  // others hold the same handle
        }
    }
    dv::Batch to_device(const dv::Batch& batch) const override {
        dv::Batch moved = batch;
        for (at::Tensor* tensor : {&moved.frames.frames, &moved.labels, &moved.index}) {
            if (tensor->defined()) *tensor = tensor->to(device_, /*non_blocking=*/true);
        }
        return moved;
    }
    void backward(const at::Tensor& loss, dv::GradientSync) override {
        if (!loss.requires_grad()) {
            throw dv::Error(
                "the loss does not depend on any trainable parameter, so there is no gradient; was it detached, or "
                "is the whole model frozen?");
        }
        loss.backward();
    }
    at::Tensor reduce(const at::Tensor& value, dv::Reduction) override { return value; }
    void barrier() override {}

private:
    static void expect_cuda(c10::Device device) {
        const at::CUDAHooksInterface& cuda = at::detail::getCUDAHooks();
        if (!cuda.hasCUDA()) {
            throw dv::Error("the run asks for " + device.str() +
                            ", but there is no CUDA here (no GPU, no driver, or LibTorch without CUDA); set "
                            "trainer.accelerator = \"cpu\" or \"auto\"");
        }
        const int n_gpus = cuda.deviceCount();
        if (device.index() >= n_gpus) {
            throw dv::Error("the run asks for " + device.str() + ", but this machine has " + std::to_string(n_gpus) +
                            " CUDA device(s), counted from 0");
        }
    }

    c10::Device device_{c10::kCPU};
};

}  // namespace

DV_COMPONENT(SingleDevice, "dvhost.strategy.single_device", "One process on one device");
