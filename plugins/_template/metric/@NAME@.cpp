// A metric gathers over many batches. It keeps sums on the device, as tensors, and never reads them back: the host does
// that once, when it is time to log.
#include <dv/torch/metric.hpp>

#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

namespace {

/// The mean probability that the model gives to the right class: smoother than accuracy, and 1/classes for a guess.
struct @CLASS_NAME@ final : dv::Metric {
    std::string name;
    static constexpr auto params = dv::schema(dv::p("name", &@CLASS_NAME@::name, "confidence",
                                                    "name in logs; with the stage before it, as in val/confidence"));

    void open() override {
        sum_ = at::zeros({}, at::kDouble);  // in double: a float loses count after some millions
        count_ = at::zeros({}, at::kDouble);
    }
    void reset() override { sum_.zero_(), count_.zero_(); }

    // outputs [batch, time, class], labels [batch, time]; a negative label is not scored.
    void update(const at::Tensor& outputs, const at::Tensor& labels) override {
        const c10::NoGradGuard no_graph_is_kept;
        const at::Tensor scored = labels.ge(0);
        const at::Tensor right = labels.clamp_min(0).unsqueeze(-1);
        const at::Tensor p = at::softmax(outputs, -1).gather(-1, right).squeeze(-1);
        sum_ = sum_.to(p.device()).add_(p.mul(scored).sum());  // to() moves it at the first batch, and never again
        count_ = count_.to(p.device()).add_(scored.sum());
    }

    // The same names whatever was gathered.
    std::vector<dv::NamedTensor> compute() const override {
        return {{name, sum_.div(count_.clamp_min(1.0)), false}};
    }
    // What a checkpoint keeps, so that a run can go on in the middle of an epoch.
    std::vector<dv::NamedTensor> state() override { return {{"sum", sum_, false}, {"count", count_, false}}; }

private:
    at::Tensor sum_, count_;
};

}  // namespace

DV_COMPONENT(@CLASS_NAME@, "@ID@", "Mean probability of the right class");
