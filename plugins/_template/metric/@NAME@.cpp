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

    void reset() override { sum_.reset(), count_.reset(); }

    // outputs [batch, time, class], labels [batch, time]; a negative label is not scored.
    void update(const at::Tensor& outputs, const at::Tensor& labels) override {
        const c10::NoGradGuard no_graph_is_kept;
        const at::Tensor scored = labels.ge(0);
        const at::Tensor right = labels.clamp_min(0).unsqueeze(-1);
        const at::Tensor p = at::softmax(outputs, -1).gather(-1, right).squeeze(-1);
        // Sums in double: a float loses count after some millions.
        const at::Tensor sum = p.mul(scored).sum().to(at::kDouble), count = scored.sum().to(at::kDouble);
        sum_ = sum_.defined() ? sum_.add(sum) : sum;
        count_ = count_.defined() ? count_.add(count) : count;
    }

    // The same names whatever was gathered.
    std::vector<dv::NamedTensor> compute() const override {
        if (!sum_.defined()) return {{name, at::zeros({}, at::kDouble), false}};
        return {{name, sum_.div(count_.clamp_min(1.0)), false}};
    }

private:
    at::Tensor sum_, count_;
};

}  // namespace

DV_COMPONENT(@CLASS_NAME@, "@ID@", "Mean probability of the right class");
