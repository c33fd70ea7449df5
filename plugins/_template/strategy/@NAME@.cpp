// A strategy decides where tensors live and how the processes of a run agree. This one is alone: every collective is a
// matter of one. One that is not gives its ranks the same start in setup(), averages gradients in backward() and values
// in reduce().
#include <dv/torch/strategy.hpp>

namespace {

/// One process on one device.
struct @CLASS_NAME@ final : dv::Strategy {
    void connect(c10::Device device) override { device_ = device; }
    dv::Rank rank() const override { return {}; }  // 0 of 1
    c10::Device device() const override { return device_; }

    // In place: models and circuits hold handles to these tensors, which must go on meaning the same parameters.
    void setup(std::span<const dv::NamedTensor> tensors) override {
        for (const dv::NamedTensor& t : tensors) {
            if (t.tensor.device() != device_) t.tensor.set_data(t.tensor.detach().to(device_));
        }
    }
    dv::Batch to_device(const dv::Batch& batch) const override {
        dv::Batch moved = batch;  // schedule, split, epoch stay as they are
        moved.frames.frames = batch.frames.frames.to(device_, /*non_blocking=*/true);
        if (batch.labels.defined()) moved.labels = batch.labels.to(device_, true);
        if (batch.index.defined()) moved.index = batch.index.to(device_, true);
        return moved;
    }
    // Adds to the gradients that are there. With more ranks, GradientSync::now would also average them.
    void backward(const at::Tensor& loss, dv::GradientSync) override { loss.backward(); }
    at::Tensor reduce(const at::Tensor& value, dv::Reduction) override { return value; }
    void barrier() override {}

private:
    c10::Device device_{c10::kCPU};
};

}  // namespace

DV_COMPONENT(@CLASS_NAME@, "@ID@", "One process on one device");
