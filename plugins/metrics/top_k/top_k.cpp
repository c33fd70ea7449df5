#include "counter.hpp"
#include "scored_steps.hpp"

#include <dv/torch/metric.hpp>

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
        n_by_rank_ = dv::metrics::Counter({sorted.back()});
    }
    void reset() override {
        n_by_rank_.reset();
        n_scored_.reset();
    }
    void update(const at::Tensor& outputs, const at::Tensor& labels) override {
        const dv::metrics::Scored scored = select(outputs, labels, steps);
        const at::Device device = scored.labels.device();
        at::Tensor& n_by_rank = n_by_rank_.on(device);
        const std::int64_t deepest = std::min(n_by_rank.size(0), scored.outputs.size(1));
        const at::Tensor guesses = std::get<1>(scored.outputs.topk(deepest));  // [n, rank], best first
        // A guess never equals a negative label.
        n_by_rank.slice(0, 0, deepest).add_(guesses.eq(scored.labels.unsqueeze(1)).sum(0));
        n_scored_.on(device).add_(scored.labels.ge(0).sum());
    }
    std::vector<dv::NamedTensor> compute() const override {
        std::vector<dv::NamedTensor> values;
        for (const std::int64_t n : k) {
            const at::Tensor hits = n_by_rank_.value().slice(0, 0, n).sum();
            values.push_back({"top_" + std::to_string(n), dv::metrics::mean_or_zero(hits, n_scored_.value()), false});
        }
        return values;
    }
    std::vector<dv::NamedTensor> state() override {
        return {{"n_by_rank", n_by_rank_.value(), false}, {"n_scored", n_scored_.value(), false}};
    }

private:
    dv::metrics::Counter n_by_rank_;  // [rank]: how often the label was the largest output, the second largest, ...
    dv::metrics::Counter n_scored_;
};

}  // namespace

DV_COMPONENT(TopK, "dvhost.metric.top_k", "Share of scored time steps whose label is among the k largest outputs");
