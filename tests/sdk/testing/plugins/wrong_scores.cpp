// Losses and metrics that break one promise each; the suites must notice. `CrossEntropy` and `Accuracy` break none.
#include <dv/torch/loss.hpp>
#include <dv/torch/metric.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/zeros.h>

namespace {

struct CrossEntropy : dv::Loss {
    /// Per step, zero where it is not scored.
    at::Tensor per_step(const at::Tensor& outputs, const at::Tensor& labels) const {
        const at::Tensor all = log_probability(outputs).neg();
        return all.gather(-1, labels.clamp_min(0).unsqueeze(-1)).squeeze(-1).mul(labels.ge(0));
    }
    virtual at::Tensor log_probability(const at::Tensor& outputs) const { return at::log_softmax(outputs, -1); }
    at::Tensor value(const at::Tensor& outputs, const at::Tensor& labels) const override {
        return per_step(outputs, labels).sum().div(labels.ge(0).sum().clamp_min(1));
    }
};
DV_COMPONENT(CrossEntropy, "test.loss.cross_entropy", "Breaks no promise");

struct PerSample final : CrossEntropy {
    at::Tensor value(const at::Tensor& outputs, const at::Tensor& labels) const override {
        return per_step(outputs, labels).mean(-1);
    }
};
DV_COMPONENT(PerSample, "test.loss.per_sample", "Gives one value per sample");

struct Doubled final : CrossEntropy {
    at::Tensor value(const at::Tensor& outputs, const at::Tensor& labels) const override {
        const at::Tensor loss = CrossEntropy::value(outputs, labels);
        return loss.add(loss.detach());
    }
};
DV_COMPONENT(Doubled, "test.loss.doubled", "Has half the gradient");

struct ScoresVoids final : CrossEntropy {
    at::Tensor value(const at::Tensor& outputs, const at::Tensor& labels) const override {
        return CrossEntropy::value(outputs, labels.clamp_min(0)).mul(labels.ge(0).any());
    }
};
DV_COMPONENT(ScoresVoids, "test.loss.scores_voids", "Takes a negative label for class 0");

struct DividesByNone final : CrossEntropy {
    at::Tensor value(const at::Tensor& outputs, const at::Tensor& labels) const override {
        return per_step(outputs, labels).sum().div(labels.ge(0).sum());
    }
};
DV_COMPONENT(DividesByNone, "test.loss.divides_by_none", "Is 0/0 when nothing is scored");

struct LosesGraph final : CrossEntropy {
    at::Tensor value(const at::Tensor& outputs, const at::Tensor& labels) const override {
        if (!labels.ge(0).any().item<bool>()) return at::zeros({}, outputs.options());
        return CrossEntropy::value(outputs, labels);
    }
};
DV_COMPONENT(LosesGraph, "test.loss.loses_graph", "Gives a constant when nothing is scored");

struct FirstCounts final : CrossEntropy {
    at::Tensor value(const at::Tensor& outputs, const at::Tensor& labels) const override {
        const at::Tensor rank = at::arange(outputs.size(0), outputs.options()).add(1.0).unsqueeze(-1);
        return per_step(outputs, labels).div(rank).sum();
    }
};
DV_COMPONENT(FirstCounts, "test.loss.first_counts", "Weighs samples by their place in the batch");

struct Overflows final : CrossEntropy {
    at::Tensor log_probability(const at::Tensor& outputs) const override {
        return outputs.sub(outputs.exp().sum(-1, true).log());
    }
};
DV_COMPONENT(Overflows, "test.loss.overflows", "Takes the exponential of large outputs");

struct Averages final : CrossEntropy {
    mutable at::Tensor last;
    at::Tensor value(const at::Tensor& outputs, const at::Tensor& labels) const override {
        at::Tensor now = CrossEntropy::value(outputs, labels);
        const at::Tensor out = last.defined() && last.scalar_type() == now.scalar_type() ? now.add(last) : now;
        last = now.detach();
        return out;
    }
};
DV_COMPONENT(Averages, "test.loss.averages", "Remembers the last batch");

// ---- Metrics
// -----------------------------------------------------------------------------------------------------------

struct Accuracy : dv::Metric {
    at::Tensor right, scored;
    void reset() override { right.reset(), scored.reset(); }
    virtual at::Tensor hits(const at::Tensor& outputs, const at::Tensor& labels) const {
        return outputs.argmax(-1).eq(labels).logical_and(labels.ge(0)).sum().to(at::kDouble);
    }
    virtual at::Tensor counted(const at::Tensor& labels) const { return labels.ge(0).sum().to(at::kDouble); }
    void update(const at::Tensor& outputs, const at::Tensor& labels) override {
        const at::Tensor h = hits(outputs, labels), n = counted(labels);
        right = right.defined() ? right.add(h) : h;
        scored = scored.defined() ? scored.add(n) : n;
    }
    std::vector<dv::NamedTensor> compute() const override {
        if (!right.defined()) return {{"accuracy", at::zeros({}, at::kDouble), false}};
        return {{"accuracy", right.div(scored.clamp_min(1.0)), false}};
    }
};
DV_COMPONENT(Accuracy, "test.metric.accuracy", "Breaks no promise");

struct NeverForgets final : Accuracy {
    void reset() override {}
};
DV_COMPONENT(NeverForgets, "test.metric.never_forgets", "Does nothing on reset");

struct LastBatch final : Accuracy {
    void update(const at::Tensor& outputs, const at::Tensor& labels) override {
        reset();
        Accuracy::update(outputs, labels);
    }
};
DV_COMPONENT(LastBatch, "test.metric.last_batch", "Knows the last batch only");

struct LateName final : Accuracy {
    std::vector<dv::NamedTensor> compute() const override {
        auto values = Accuracy::compute();
        if (!right.defined()) values.clear();
        return values;
    }
};
DV_COMPONENT(LateName, "test.metric.late_name", "Has no value before the first update");

struct HoldsGraph final : Accuracy {
    at::Tensor hits(const at::Tensor& outputs, const at::Tensor&) const override {
        return outputs.sum().to(at::kDouble);
    }
};
DV_COMPONENT(HoldsGraph, "test.metric.holds_graph", "Keeps the gradient's graph");

struct ComputesOnce final : Accuracy {
    std::vector<dv::NamedTensor> compute() const override {
        auto values = Accuracy::compute();
        if (right.defined()) right.zero_();
        return values;
    }
};
DV_COMPONENT(ComputesOnce, "test.metric.computes_once", "Forgets when it is asked");

struct LendsItsSum final : Accuracy {
    void update(const at::Tensor& outputs, const at::Tensor& labels) override {
        const at::Tensor h = hits(outputs, labels);
        if (right.defined()) {
            right.add_(h);
        } else {
            right = h;
        }
    }
    std::vector<dv::NamedTensor> compute() const override {
        return {{"hits", right.defined() ? right : at::zeros({}, at::kDouble), false}};
    }
};
DV_COMPONENT(LendsItsSum, "test.metric.lends_its_sum", "Gives its own sum away, and then changes it");

struct CountsVoids final : Accuracy {
    at::Tensor counted(const at::Tensor& labels) const override { return labels.ge(-1).sum().to(at::kDouble); }
};
DV_COMPONENT(CountsVoids, "test.metric.counts_voids", "Counts steps that are not scored");

struct EmptyThrows final : Accuracy {
    std::vector<dv::NamedTensor> compute() const override {
        if (!right.defined()) throw dv::Error("nothing was gathered");
        return Accuracy::compute();
    }
};
DV_COMPONENT(EmptyThrows, "test.metric.empty_throws", "Fails when nothing was gathered");

struct KeepsTooLittle final : Accuracy {
    at::Tensor unrelated = at::zeros({}, at::kDouble);
    std::vector<dv::NamedTensor> state() override { return {{"unrelated", unrelated, false}}; }
};
DV_COMPONENT(KeepsTooLittle, "test.metric.keeps_too_little", "Has state that is not what it gathered");

struct SharesSums final : Accuracy {
    static at::Tensor& shared() {
        static at::Tensor sum;
        return sum;
    }
    void reset() override { shared().reset(), scored.reset(); }
    ~SharesSums() override { shared().reset(); }
    void update(const at::Tensor& outputs, const at::Tensor& labels) override {
        right = shared();
        Accuracy::update(outputs, labels);
        shared() = right;
    }
    std::vector<dv::NamedTensor> compute() const override {
        if (!shared().defined()) return Accuracy::compute();
        return {{"accuracy", shared().div(scored.clamp_min(1.0)), false}};
    }
};
DV_COMPONENT(SharesSums, "test.metric.shares_sums", "Shares its sums with other instances");

}  // namespace
