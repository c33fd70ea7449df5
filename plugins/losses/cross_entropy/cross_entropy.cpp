#include "label_check.hpp"

#include <dv/torch/loss.hpp>

#include <ATen/core/Reduction.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/nll_loss.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>

#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace {

constexpr std::int64_t kVoid = -1;  // a target that is not scored

std::string shape_text(const at::Tensor& tensor) {
    std::ostringstream text;
    text << tensor.sizes();
    return text.str();
}

void expect_shapes(const at::Tensor& outputs, const at::Tensor& labels) {
    const bool fit = outputs.dim() == 3 && labels.dim() == 2 && labels.sizes() == outputs.sizes().slice(0, 2);
    if (fit && labels.scalar_type() == at::kLong) return;
    throw dv::Error(
        "cross entropy takes outputs [batch, time, class] and int64 labels [batch, time], but got outputs " +
        shape_text(outputs) + " and " + c10::toString(labels.scalar_type()) + " labels " + shape_text(labels));
}

/// [entry, class]; half and bfloat16 in float.
at::Tensor log_probability(const at::Tensor& outputs) {
    const bool is_narrow = outputs.scalar_type() == at::kHalf || outputs.scalar_type() == at::kBFloat16;
    const auto dtype = is_narrow ? std::optional(at::kFloat) : std::nullopt;
    // On the CPU the kernel over the last dimension is ten times slower than the one over the first when there are fewer
    // classes than a vector register has lanes.
    constexpr std::int64_t kLanes = 16;
    if (outputs.is_cpu() && outputs.size(1) < kLanes) return at::log_softmax(outputs.t().contiguous(), 0, dtype).t();
    return at::log_softmax(outputs, 1, dtype);
}

/// Cross entropy of softmax(outputs) over time:  element = −weight[y] · log softmax(o)[y],  0 where nothing is scored;
/// with label smoothing s of K classes  (1−s) · element − s/K · Σ_c weight[c] · log softmax(o)[c]  (Szegedy et al. 2016).
/// The mean is over the scored entries of batch × time, whatever their weights; with none it is 0 and keeps the graph.
struct CrossEntropy final : dv::Loss {
    enum class Reduction { mean, sum, none };
    enum class Compat { none, dynvision_0_1 };

    Reduction reduction = Reduction::mean;
    std::int64_t ignore_index = kVoid;
    std::vector<double> class_weights;
    double label_smoothing = 0.0;
    Compat compat = Compat::none;
    static constexpr auto params = dv::schema(
        dv::p("reduction", &CrossEntropy::reduction, Reduction::mean,
              "over the scored entries of batch and time; none: a value per entry, 0 where it is not scored, of "
              "which the host takes the mean",
              dv::choices{"mean", "sum", "none"}),
        dv::p("ignore_index", &CrossEntropy::ignore_index, kVoid,
              "a label that is not scored; negative labels never are"),
        dv::p("class_weights", &CrossEntropy::class_weights, dv::empty,
              "factor per class; the mean still divides by the number of scored entries", dv::at_least{0.0}),
        dv::p("label_smoothing", &CrossEntropy::label_smoothing, 0.0,
              "share of the target spread evenly over all classes", dv::range{0.0, 1.0}),
        dv::p("compat", &CrossEntropy::compat, Compat::none,
              "dynvision-0.1: the value is rounded to float32, whatever the outputs are",
              dv::choices{"none", "dynvision-0.1"}));

    at::Tensor value(const at::Tensor& outputs, const at::Tensor& labels) const override {
        expect_shapes(outputs, labels);
        check(labels, outputs.size(2));
        const at::Tensor exact = reduced(outputs, labels);
        const at::Tensor given = compat == Compat::dynvision_0_1 ? exact.to(at::kFloat) : exact;
        return given.to(outputs.scalar_type());
    }

private:
    at::Tensor reduced(const at::Tensor& outputs, const at::Tensor& labels) const {
        const at::Tensor log_p = log_probability(outputs.flatten(0, 1));
        const at::Tensor target = scored_or_void(labels.reshape({-1}), outputs.size(2));
        const at::Tensor weights = weights_like(log_p);
        if (reduction == Reduction::none) return elements(log_p, target, weights).view(labels.sizes());
        const at::Tensor sum = summed(log_p, target, weights);
        return reduction == Reduction::sum ? sum : sum.div(target.ge(0).sum().clamp_min(1));
    }

    void check(const at::Tensor& labels, std::int64_t n_classes) const {
        if (!class_weights.empty() && static_cast<std::int64_t>(class_weights.size()) != n_classes) {
            throw dv::ParameterError("class_weights", "has " + std::to_string(class_weights.size()) +
                                                          " numbers, but there are " + std::to_string(n_classes) +
                                                          " classes; give one per class, or none");
        }
        if (!labels_ || labels_->n_classes() != n_classes) labels_.emplace(n_classes, ignore_index);
        labels_->check(labels);
    }

    /// A label that is not checked yet must not reach the device's kernel, which would abort the process.
    at::Tensor scored_or_void(const at::Tensor& labels, std::int64_t n_classes) const {
        at::Tensor is_scored = labels.ge(0).logical_and_(labels.lt(n_classes));
        if (ignore_index >= 0) is_scored.logical_and_(labels.ne(ignore_index));
        return at::where(is_scored, labels, kVoid);
    }

    at::Tensor summed(const at::Tensor& log_p, const at::Tensor& target, const at::Tensor& weights) const {
        const at::Tensor sum = at::nll_loss(log_p, target, weights, at::Reduction::Sum, kVoid);
        if (label_smoothing == 0.0) return sum;
        const at::Tensor over_classes = weights.defined() ? log_p.matmul(weights) : log_p.sum(1);
        const at::Tensor spread = over_classes.masked_fill(target.eq(kVoid), 0.0).sum();
        return sum.mul(1.0 - label_smoothing).sub(spread, label_smoothing / static_cast<double>(log_p.size(1)));
    }

    at::Tensor elements(const at::Tensor& log_p, const at::Tensor& target, const at::Tensor& weights) const {
        const at::Tensor of_label = at::nll_loss(log_p, target, weights, at::Reduction::None, kVoid);
        if (label_smoothing == 0.0) return of_label;
        const at::Tensor over_classes = weights.defined() ? log_p.matmul(weights) : log_p.sum(1);
        return of_label.mul(1.0 - label_smoothing)
            .sub(over_classes.masked_fill(target.eq(kVoid), 0.0), label_smoothing / static_cast<double>(log_p.size(1)));
    }

    at::Tensor weights_like(const at::Tensor& log_p) const {
        if (class_weights.empty()) return {};
        if (!weights_.defined() || weights_.device() != log_p.device() || weights_.dtype() != log_p.dtype()) {
            weights_ = at::tensor(class_weights, log_p.options().requires_grad(false));
        }
        return weights_;
    }

    // Neither changes what value() returns: reports that are under way, and a copy of class_weights on the device.
    mutable std::optional<dv::losses::LabelCheck> labels_;
    mutable at::Tensor weights_;
};

}  // namespace

DV_COMPONENT(CrossEntropy, "dvhost.loss.cross_entropy", "Cross entropy over classes, averaged over scored time steps");
