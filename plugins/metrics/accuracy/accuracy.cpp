#include "counter.hpp"
#include "scored_steps.hpp"

#include <dv/torch/metric.hpp>

#include <string>
#include <vector>

namespace {

using dv::metrics::Steps;

/// Share of scored entries of batch × time whose largest output is the label's; 0 when nothing was scored.
struct Accuracy final : dv::Metric {
    Steps steps = Steps::all;
    static constexpr auto params =
        dv::schema(dv::p("steps", &Accuracy::steps, Steps::all, "every scored time step, or each sample's last one",
                         dv::choices{"all", "last"}));

    void reset() override {
        n_correct_.reset();
        n_scored_.reset();
    }
    void update(const at::Tensor& outputs, const at::Tensor& labels) override {
        const dv::metrics::Scored scored = select(outputs, labels, steps);
        const at::Device device = scored.labels.device();
        n_correct_.on(device).add_(
            scored.outputs.argmax(1).eq(scored.labels).sum());  // a guess never equals a negative label
        n_scored_.on(device).add_(scored.labels.ge(0).sum());
    }
    std::vector<dv::NamedTensor> compute() const override {
        return {{"accuracy", dv::metrics::mean_or_zero(n_correct_.value(), n_scored_.value()), /*trainable=*/false}};
    }
    std::vector<dv::NamedTensor> state() override {
        return {{"n_correct", n_correct_.value(), false}, {"n_scored", n_scored_.value(), false}};
    }

private:
    dv::metrics::Counter n_correct_, n_scored_;
};

}  // namespace

DV_COMPONENT(Accuracy, "dvhost.metric.accuracy", "Share of scored time steps that are classified right");
