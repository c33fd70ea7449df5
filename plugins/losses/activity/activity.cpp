#include <dv/torch/loss.hpp>

#include <ATen/ops/linalg_vector_norm.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace {

enum class Mode { absolute, signed_mean };
enum class Compat { none, dynvision_0_1 };

/// One entry of `monitor`.
struct Watched {
    std::string at, layers;
    Mode mode{};
    static constexpr auto params = dv::schema(
        dv::p("at", &Watched::at, "record", "name of the operation whose result is watched: record, tstep, layer, ..."),
        dv::p("layers", &Watched::layers, "*", "names of the layers, with * and ?"),
        dv::p(
            "mode", &Watched::mode, Mode::absolute,
            "absolute: the norm, meant after the nonlinearity; signed: |mean|, meant before it (balance of excitation "
            "and inhibition)",
            dv::choices{"absolute", "signed"}));
};

/// Of each sample b over the watched outputs o and the steps t at which they are there:
///
///     loss_b = sum over o, t of a_b / (n_outputs · most steps of any output)
///     a_b    = ‖activity_b‖_p / n_units^(1/p)      or  |mean(activity_b)|
///
/// and then the mean over the batch. An operation that several layers have is an output of each.
struct ActivityLoss final : dv::Loss {
    enum class Reduction { mean, sum, none };

    Reduction reduction{};
    double order = 1.0;
    std::vector<Watched> watched;
    Compat compat = Compat::none;
    static constexpr auto params = dv::schema(
        dv::p("reduction", &ActivityLoss::reduction, Reduction::mean,
              "over the samples of a batch; none: one value per sample, of which the host takes the mean",
              dv::choices{"mean", "sum", "none"}),
        dv::p("ord", &ActivityLoss::order, 1.0, "order p of the norm over the units of an output", dv::above{0.0}),
        dv::p("monitor", &ActivityLoss::watched, dv::empty,
              "what is watched, as { at, layers, mode }; empty: the responses of all layers, absolute"),
        dv::p("compat", &ActivityLoss::compat, Compat::none,
              "dynvision-0.1: an empty 'monitor' watches nothing, and the value is 0",
              dv::choices{"none", "dynvision-0.1"}));

    void open() override {
        if (watched.empty() && compat == Compat::dynvision_0_1) {
            warn("dynvision-0.1: 'monitor' is empty, so that nothing is watched and this loss is 0");
        } else if (watched.empty()) {
            watched.push_back({"record", "*", Mode::absolute});
        }
        for (std::size_t i = 0; i < watched.size(); ++i) {
            const std::string key = "monitor." + std::to_string(i);
            if (watched[i].at.empty())
                throw dv::ParameterError(key + ".at", "is empty: name an operation, e.g. \"record\"");
            if (watched[i].layers.empty())
                throw dv::ParameterError(key + ".layers", "is empty: write \"*\" for all layers");
        }
    }

    std::vector<dv::Monitor> monitors() const override {
        std::vector<dv::Monitor> out;
        for (const Watched& w : watched) out.push_back({w.layers, w.at});
        return out;
    }

    at::Tensor value(const at::Tensor& outputs, const at::Tensor& labels) const override {
        return value_with_activity(outputs, labels, {});
    }

    at::Tensor value_with_activity(const at::Tensor& outputs, const at::Tensor&,
                                   const std::vector<dv::Activity>& activity) const override {
        const std::int64_t n_samples = outputs.size(0);
        at::Tensor sum;  // [batch]
        std::int64_t most_steps = 0;
        for (const dv::Activity& output : activity) {
            const at::Tensor over_time = of_steps(output).sum(1).expand({n_samples});
            sum = sum.defined() ? sum.add(over_time) : over_time;
            most_steps = std::max(most_steps, output.values.size(1));
        }
        // Nothing has arrived, or nothing is watched: a zero that keeps the graph.
        if (!sum.defined()) return reduced(outputs.flatten(1).mul(0.0).sum(1));
        const at::Tensor of_sample = sum.div(static_cast<double>(activity.size()) * static_cast<double>(most_steps));
        return reduced(of_sample).to(outputs.scalar_type());
    }

private:
    /// a_b at each step, [batch, time]; the batch is 1 where the signal does not depend on the sample.
    at::Tensor of_steps(const dv::Activity& output) const {
        const at::Tensor units = output.values.flatten(2);
        if (watched.at(output.monitor).mode == Mode::signed_mean) return units.mean(2).abs();
        if (order == 1.0) return units.abs().mean(2);
        const auto n_units = static_cast<double>(units.size(2));
        return at::linalg_vector_norm(units, order, at::IntArrayRef{2}).div(std::pow(n_units, 1.0 / order));
    }

    at::Tensor reduced(const at::Tensor& of_sample) const {
        switch (reduction) {
            case Reduction::mean: return of_sample.mean();
            case Reduction::sum: return of_sample.sum();
            case Reduction::none: break;
        }
        return of_sample;
    }
};

}  // namespace

DV_COMPONENT(ActivityLoss, "dvhost.loss.activity", "Mean activity of a model's layers over time, as a penalty");
