#include "scored_steps.hpp"

#include <dv/torch/metric.hpp>

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <string>
#include <vector>

namespace {

using dv::metrics::Steps;

/// Share of scored entries of batch × time whose label is among the k largest outputs, for several k; 0 when nothing was
/// scored. A k above the number of classes counts as that number.
struct TopK final : dv::Metric {
    std::vector<std::int64_t> k;
    Steps steps = Steps::all;
    static constexpr auto params = dv::schema(
        dv::p("k", &TopK::k, dv::list(3, 5),
              "how many of the largest outputs count; one value top_<k> is logged for each", dv::at_least{1.0}),
        dv::p("steps", &TopK::steps, Steps::all, "every scored time step, or each sample's last one",
              dv::choices{"all", "last"}));

    void open() override {
        if (k.empty()) throw dv::ParameterError("k", "is empty; give at least one number, such as [5]");
        std::vector<std::int64_t> sorted = k;
        std::sort(sorted.begin(), sorted.end());
        const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
        if (twice != sorted.end()) {
            throw dv::ParameterError("k", "holds " + std::to_string(*twice) + " twice; name each number once");
        }
    }
    void reset() override {
        n_by_rank_.reset();
        n_scored_.reset();
    }
    void update(const at::Tensor& outputs, const at::Tensor& labels) override {
        const dv::metrics::Scored scored = select(outputs, labels, steps);
        const std::int64_t deepest = std::min(*std::max_element(k.begin(), k.end()), scored.outputs.size(1));
        start(deepest, scored.labels.options());
        const at::Tensor guesses = std::get<1>(scored.outputs.topk(deepest));  // [n, rank], best first
        n_by_rank_.add_(guesses.eq(scored.labels.unsqueeze(1)).sum(0));        // a guess never equals a negative label
        n_scored_.add_(scored.labels.ge(0).sum());
    }
    std::vector<dv::NamedTensor> compute() const override {
        std::vector<dv::NamedTensor> values;
        for (const std::int64_t n : k) {
            at::Tensor hits;
            if (n_by_rank_.defined()) hits = n_by_rank_.slice(0, 0, std::min(n, n_by_rank_.size(0))).sum();
            values.push_back({"top_" + std::to_string(n), dv::metrics::mean_or_zero(hits, n_scored_), false});
        }
        return values;
    }

private:
    void start(std::int64_t n_ranks, const at::TensorOptions& options) {
        if (!n_by_rank_.defined()) {
            n_by_rank_ = at::zeros({n_ranks}, options);
            n_scored_ = at::zeros({}, options);
        } else if (n_by_rank_.size(0) != n_ranks) {
            throw dv::Error("the number of classes changed while top_k was gathering: " +
                            std::to_string(n_by_rank_.size(0)) + " ranks before, " + std::to_string(n_ranks) + " now");
        }
    }

    // On the outputs' device; undefined before the first batch.
    at::Tensor n_by_rank_;  // int64 [rank]: how often the label was the largest output, the second largest, ...
    at::Tensor n_scored_;   // int64 0-dim
};

}  // namespace

DV_COMPONENT(TopK, "dvhost.metric.top_k", "Share of scored time steps whose label is among the k largest outputs");
