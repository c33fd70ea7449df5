#include "nvml.hpp"
#include "system.hpp"

#include <dv/callback.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

using device_stats::Nvml;
using device_stats::System;
using device_stats::Values;

/// Logs how busy processors, memory and GPUs are, where values are logged. Names are those of Lightning's DeviceStatsMonitor.
struct DeviceStats final : dv::Callback,
                           dv::OnSetup,
                           dv::OnTrainBatchStart,
                           dv::OnTrainBatchEnd,
                           dv::OnValidationBatchStart,
                           dv::OnValidationBatchEnd,
                           dv::OnTestBatchStart,
                           dv::OnTestBatchEnd {
    std::optional<bool> cpu_stats;
    std::vector<std::string> filter_keys;
    static constexpr auto params =
        dv::schema(dv::p("cpu_stats", &DeviceStats::cpu_stats, dv::unset,
                         "log processors and memory; absent: when there is no GPU"),
                   dv::p("filter_keys", &DeviceStats::filter_keys, dv::empty,
                         "log only what has one of these texts in its name; empty: everything"));

    void on_setup(const dv::RunView&, dv::Answer&) override {
        if (!gpus_) gpus_ = Nvml::open();
        system_.read();  // the load is that since the last look
    }
    void on_train_batch_start(const dv::RunView& run, dv::Answer& answer) override {
        log(run, answer, "on_train_batch_start");
    }
    void on_train_batch_end(const dv::RunView& run, dv::Answer& answer) override {
        log(run, answer, "on_train_batch_end");
    }
    void on_validation_batch_start(const dv::RunView& run, dv::Answer& answer) override {
        log(run, answer, "on_validation_batch_start");
    }
    void on_validation_batch_end(const dv::RunView& run, dv::Answer& answer) override {
        log(run, answer, "on_validation_batch_end");
    }
    void on_test_batch_start(const dv::RunView& run, dv::Answer& answer) override {
        log(run, answer, "on_test_batch_start");
    }
    void on_test_batch_end(const dv::RunView& run, dv::Answer& answer) override {
        log(run, answer, "on_test_batch_end");
    }

private:
    void log(const dv::RunView& run, dv::Answer& answer, const char* hook) {
        if (run->log_due == 0 || run->stage == DV_STAGE_SANITY_CHECK) return;
        if (gpus_) put(answer, hook, gpus_->read());
        if (cpu_stats.value_or(!gpus_)) put(answer, hook, system_.read());
    }

    void put(dv::Answer& answer, const char* hook, const Values& values) const {
        for (const auto& [name, value] : values) {
            const bool wanted = filter_keys.empty() || std::ranges::any_of(filter_keys, [&](const std::string& text) {
                                    return name.find(text) != std::string::npos;
                                });
            if (!wanted) continue;
            answer.log(std::string("DeviceStatsMonitor.") + hook + "/" + name, value,
                       {.on_step = true, .on_epoch = false});
        }
    }

    System system_;
    std::unique_ptr<Nvml> gpus_;
};

}  // namespace
DV_COMPONENT(DeviceStats, "dvhost.callback.device_stats", "Logs how busy processors, memory and GPUs are");
