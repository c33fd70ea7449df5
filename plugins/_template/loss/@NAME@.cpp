// A loss makes one number of outputs and labels. It is a pure function of them: no state, no reading back (.item()),
// which would make the device wait.
#include <dv/torch/loss.hpp>

#include <ATen/ops/one_hot.h>
#include <ATen/ops/softmax.h>

namespace {

/// Brier score, the squared distance between the predicted probabilities p and the right class, averaged over all
/// scored steps (Brier 1950, Monthly Weather Review 78):
///
///     L = mean over scored steps of  sum_k (p_k - [k = label])^2
struct @CLASS_NAME@ final : dv::Loss {
    double temperature = 0;
    static constexpr auto params = dv::schema(
        dv::p("temperature", &@CLASS_NAME@::temperature, 1.0, "outputs are divided by it first", dv::above{0.0}));

    // outputs [batch, time, class], labels [batch, time]; a negative label is not scored.
    at::Tensor value(const at::Tensor& outputs, const at::Tensor& labels) const override {
        const at::Tensor probabilities = at::softmax(outputs.div(temperature), -1);
        // A void label is taken for class 0 and masked out again: no branch, no shape that depends on the data.
        const at::Tensor right = at::one_hot(labels.clamp_min(0), outputs.size(-1)).to(outputs.scalar_type());
        const at::Tensor scored = labels.ge(0);
        const at::Tensor per_step = probabilities.sub(right).square().sum(-1).mul(scored);
        return per_step.sum().div(scored.sum().clamp_min(1));  // nothing scored: 0, and still part of the graph
    }
};

}  // namespace

DV_COMPONENT(@CLASS_NAME@, "@ID@", "Brier score: squared distance between probabilities and the right class");
