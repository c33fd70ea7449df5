#include <dv/callback.hpp>

#include <cmath>
#include <optional>
#include <string>
#include <vector>

namespace {

enum class Interval { step, epoch };

/// Logs the learning rates: `lr` when the optimizer has one parameter group, else `lr/<group>` for each.
struct LearningRateMonitor final : dv::Callback, dv::OnFitStart, dv::OnTrainEpochStart, dv::OnTrainBatchStart {
    std::optional<Interval> logging_interval;
    bool log_momentum = false, log_weight_decay = false;
    std::string log_key_prefix;
    static constexpr auto params = dv::schema(
        dv::p(
            "logging_interval", &LearningRateMonitor::logging_interval, dv::unset,
            "step: with the values of every logged step; epoch: at every epoch's start; absent: when they have changed",
            dv::choices("step", "epoch")),
        dv::p("log_momentum", &LearningRateMonitor::log_momentum, false, "also the momenta (SGD) or first betas (Adam), as `<name>-momentum`"),
        dv::p("log_weight_decay", &LearningRateMonitor::log_weight_decay, false, "also the weight decays, as `<name>-weight_decay`"),
        dv::p("log_key_prefix", &LearningRateMonitor::log_key_prefix, "", "put before every name"));

    void on_fit_start(const dv::RunView&, dv::Answer&) override { logged_.clear(); }

    void on_train_epoch_start(const dv::RunView& run, dv::Answer& answer) override {
        if (logging_interval != Interval::step) log(run, answer);
    }
    void on_train_batch_start(const dv::RunView& run, dv::Answer& answer) override {
        if (run->log_due != 0 && logging_interval != Interval::epoch) log(run, answer);
    }

private:
    void log(const dv::RunView& run, dv::Answer& answer) {
        const auto rates = run.learning_rates();
        if (!logging_interval && !changed(rates)) return;
        logged_.clear();
        for (std::size_t i = 0; i < rates.size(); ++i) {
            logged_.push_back(rates[i].value);
            const bool alone = rates.size() == 1;
            const std::string name = log_key_prefix + (alone ? "lr" : "lr/" + std::string(dv::detail::view(rates[i].name)));
            answer.log(name, rates[i].value);
            const auto also = [&](bool wanted, std::span<const dv_metric> values, const char* suffix) {
                if (wanted && i < values.size() && !std::isnan(values[i].value)) answer.log(name + suffix, values[i].value);
            };
            also(log_momentum, run.momenta(), "-momentum");
            also(log_weight_decay, run.weight_decays(), "-weight_decay");
        }
    }

    bool changed(std::span<const dv_metric> rates) const {
        if (rates.size() != logged_.size()) return true;
        for (std::size_t i = 0; i < rates.size(); ++i) {
            if (rates[i].value != logged_[i]) return true;
        }
        return false;
    }

    std::vector<double> logged_;  // the values logged last
};

}  // namespace
DV_COMPONENT(LearningRateMonitor, "dvhost.callback.lr_monitor", "Logs the learning rates");
