#include <dv/torch/callback.hpp>

#include <ATen/ops/histc.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace {

/// Logs how the values of each weight are distributed: a histogram, and a few numbers.
struct WeightDistribution final : dv::TorchCallback, dv::OnTrainStart, dv::OnTrainEpochEnd {
    std::vector<std::string> patterns;
    std::int64_t every_n_epochs = 0, n_buckets = 0;
    bool histograms = true, statistics = true, at_start = true;
    static constexpr auto params = dv::schema(
        dv::p("patterns", &WeightDistribution::patterns, dv::list("*"), "names of the tensors; * stands for anything"),
        dv::p("every_n_epochs", &WeightDistribution::every_n_epochs, 1, "epochs from one look to the next",
              dv::at_least{1}),
        dv::p("at_start", &WeightDistribution::at_start, true, "show the histograms before the first step too"),
        dv::p("histograms", &WeightDistribution::histograms, true, "give the loggers histograms"),
        dv::p("statistics", &WeightDistribution::statistics, true,
              "log mean, standard deviation, least, greatest and norm"),
        dv::p("n_buckets", &WeightDistribution::n_buckets, 64,
              "of a histogram, equally wide from the least to the greatest value", dv::range{1, 4096}));

    void on_train_start(const dv::RunView& run, dv::Answer& answer) override {
        if (at_start && run->global_step == 0 && histograms)
            each([&](const std::string& name, const at::Tensor& values) { show(name, values, answer); });
    }

    void on_train_epoch_end(const dv::RunView& run, dv::Answer& answer) override {
        if ((run->epoch + 1) % every_n_epochs != 0) return;
        each([&](const std::string& name, const at::Tensor& values) {
            if (histograms) show(name, values, answer);
            if (statistics) log(name, values, answer);
        });
    }

private:
    /// `see(name, values)` for each tensor that is looked at; values are float64, flat, on the CPU.
    template <class See>
    void each(See&& see) const {
        for (const dv::NamedTensor& t : training().parameters()) {
            const auto fits = [&](const std::string& pattern) { return dv::matches(pattern, t.name); };
            if (!t.trainable || t.tensor.numel() == 0 || std::ranges::none_of(patterns, fits)) continue;
            see("weights/" + t.name, t.tensor.detach().to(at::kCPU, at::kDouble).flatten());
        }
    }

    static void log(const std::string& name, const at::Tensor& values, dv::Answer& answer) {
        const double mean = values.mean().item<double>();
        answer.log(name + "/mean", mean);
        answer.log(name + "/std", std::sqrt(values.sub(mean).square().mean().item<double>()));
        answer.log(name + "/min", values.min().item<double>());
        answer.log(name + "/max", values.max().item<double>());
        answer.log(name + "/norm", values.norm().item<double>());
    }

    /// A tensor with a NaN or an infinity has no histogram; its statistics say so.
    void show(const std::string& name, const at::Tensor& values, dv::Answer& answer) const {
        const double least = values.min().item<double>(), greatest = values.max().item<double>();
        if (!std::isfinite(least) || !std::isfinite(greatest)) return;
        // All values alike: buckets of a width around them.
        const double low = least < greatest ? least : least - 0.5, high = least < greatest ? greatest : greatest + 0.5;
        const at::Tensor counts = at::histc(values, n_buckets, low, high).contiguous();
        std::vector<double> limits(static_cast<std::size_t>(n_buckets));
        for (std::size_t i = 0; i < limits.size(); ++i) {
            limits[i] = low + (high - low) * static_cast<double>(i + 1) / static_cast<double>(n_buckets);
        }
        limits.back() = high;
        const dv_histogram histogram{sizeof(dv_histogram),
                                     static_cast<std::uint32_t>(n_buckets),
                                     limits.data(),
                                     counts.const_data_ptr<double>(),
                                     least,
                                     greatest,
                                     values.sum().item<double>(),
                                     values.square().sum().item<double>(),
                                     static_cast<double>(values.numel())};
        answer.histogram(name, histogram);
    }
};

}  // namespace
DV_COMPONENT(WeightDistribution, "dvhost.callback.weight_distribution", "Logs how weights are distributed");
