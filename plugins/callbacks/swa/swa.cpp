#include "training/averaged_weights.hpp"
#include "training/rate_control.hpp"

#include <dv/torch/callback.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace {

enum class Annealing { cos, linear };

/// Stochastic weight averaging: in a last phase of the training the rate goes to a constant one, and the weights at the end of each
/// epoch of the phase are averaged; at the end the model becomes their mean. Source: Izmailov et al., UAI 2018, arXiv:1803.05407.
/// As StochasticWeightAveraging of Lightning 2.6 with one correction: the weights enter at the end of an epoch, not at its
/// start, so that those of the last epoch count and those from before the phase do not.
struct Swa final : dv::TorchCallback,
                   dv::OnTrainStart,
                   dv::OnTrainEpochStart,
                   dv::OnTrainBatchStart,
                   dv::OnTrainEpochEnd,
                   dv::OnTrainEnd {
    double swa_lrs = 0.0, swa_epoch_start = 0.0;
    std::int64_t annealing_epochs = 0;
    Annealing annealing_strategy = Annealing::cos;
    bool use_buffers = true;
    std::optional<std::string> device;
    static constexpr auto params = dv::schema(
        dv::p("swa_lrs", &Swa::swa_lrs, 0.0, "learning rate of the phase, of every parameter group", dv::required,
              dv::above{0.0}),
        dv::p("swa_epoch_start", &Swa::swa_epoch_start, 0.8,
              "with which epoch the phase begins: below 1 a share of max_epochs, else an epoch counted from 1",
              dv::above{0.0}),
        dv::p("annealing_epochs", &Swa::annealing_epochs, 10, "epochs in which the rate goes to swa_lrs",
              dv::at_least{1}),
        dv::p("annealing_strategy", &Swa::annealing_strategy, Annealing::cos, "how it goes there",
              dv::choices("cos", "linear")),
        dv::p("use_buffers", &Swa::use_buffers, true,
              "average what is no parameter too, such as the statistics of a normalisation"),
        dv::p("device", &Swa::device, "cpu", "where the average lies"));

    void open() override {
        if (swa_epoch_start >= 1.0 && std::floor(swa_epoch_start) != swa_epoch_start) {
            throw dv::ParameterError("swa_epoch_start", "is " + std::to_string(swa_epoch_start) +
                                                            "; give a share below 1, or a whole number of epochs");
        }
        average_ = callbacks::AveragedWeights({.device = callbacks::device_of(device), .use_buffers = use_buffers});
    }

    void on_train_start(const dv::RunView& run, dv::Answer&) override {
        if (run->max_epochs <= 0 && swa_epoch_start < 1.0) {
            throw dv::ParameterError("swa_epoch_start",
                                     "is a share of max_epochs, and this run has none; give an epoch, from 1");
        }
        const double start = swa_epoch_start < 1.0 ? std::floor(swa_epoch_start * static_cast<double>(run->max_epochs))
                                                   : swa_epoch_start;
        first_epoch_ = std::max<std::int64_t>(static_cast<std::int64_t>(start) - 1, 0);
        control_.restore(training());
    }

    void on_train_epoch_start(const dv::RunView& run, dv::Answer&) override {
        if (in_phase(run) && started_.empty()) remember_rates(run);
    }
    void on_train_batch_start(const dv::RunView& run, dv::Answer&) override {
        if (in_phase(run)) set_rates(run);
    }

    void on_train_epoch_end(const dv::RunView& run, dv::Answer&) override {
        if (!in_phase(run) || run->epoch <= latest_epoch_) return;
        average_.update_mean(training().parameters());
        latest_epoch_ = run->epoch;
    }

    void on_train_end(const dv::RunView&, dv::Answer&) override {
        if (!average_.empty()) average_.copy_into(training().parameters());
    }

    std::string state_key() const override { return "StochasticWeightAveraging"; }
    void save_state(dv::StateWriter& out) const override {
        out.put("n_averaged", average_.n_averaged());
        out.put("latest_update_epoch", latest_epoch_);
        callbacks::save_numbers(out, "initial_lrs", started_);
        control_.save(out);
    }
    void load_state(const dv::StateReader& state) override {
        average_.set_n_averaged(state.get<std::int64_t>("n_averaged").value_or(0));
        latest_epoch_ = state.get<std::int64_t>("latest_update_epoch").value_or(-1);
        started_ = callbacks::load_numbers(state, "initial_lrs");
        control_.load(state);
    }
    std::vector<dv::NamedTensor> save_tensors() const override { return average_.tensors(); }
    void load_tensors(std::span<const dv::NamedTensor> tensors) override { average_.load(tensors); }

private:
    bool in_phase(const dv::RunView& run) const { return run->epoch >= first_epoch_; }

    void remember_rates(const dv::RunView& run) {
        for (const dv_metric& rate : run.learning_rates())
            started_[std::string(dv::detail::view(rate.name))] = rate.value;
    }

    /// From the rate at the phase's start to swa_lrs, by epochs of the phase that are done.
    double wanted(double start, std::int64_t epochs_done) const {
        const double t = std::min(1.0, static_cast<double>(epochs_done) / static_cast<double>(annealing_epochs));
        const double share = annealing_strategy == Annealing::linear ? t : (1.0 - std::cos(std::numbers::pi * t)) / 2.0;
        return start + share * (swa_lrs - start);
    }

    /// Whatever the schedule has made of a rate, the factor makes it the wanted one.
    void set_rates(const dv::RunView& run) {
        for (const dv_metric& rate : run.learning_rates()) {
            const std::string_view group = dv::detail::view(rate.name);
            const auto start = started_.find(group);
            if (start == started_.end()) continue;
            control_.set(training(), group, rate.value, wanted(start->second, run->epoch - first_epoch_));
        }
    }

    callbacks::AveragedWeights average_;
    std::int64_t first_epoch_ = 0, latest_epoch_ = -1;
    callbacks::RateControl control_;
    callbacks::Rates started_;  // by parameter group, when the phase began
};

}  // namespace
DV_COMPONENT(Swa, "dvhost.callback.swa", "Averages the weights of the last epochs, at a learning rate of their own");
