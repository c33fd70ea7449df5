#include <dv/callback.hpp>

#include <deque>
#include <optional>
#include <string>

namespace {

/// Logs how fast training goes, over a window of batches. Names are those of Lightning's ThroughputMonitor.
struct Throughput final : dv::Callback,
                          dv::OnTrainStart,
                          dv::OnTrainBatchEnd,
                          dv::OnValidationStart,
                          dv::OnValidationEnd {
    std::int64_t window_size = 0;
    std::optional<double> flops_per_sample, available_flops;
    std::string separator;
    static constexpr auto params = dv::schema(
        dv::p("window_size", &Throughput::window_size, 100, "batches over which a speed is measured", dv::at_least{1}),
        dv::p("flops_per_sample", &Throughput::flops_per_sample, dv::unset,
              "floating-point operations of a sample in training, forward and backward; absent: none are counted",
              dv::unit{"FLOP"}, dv::above{0.0}),
        dv::p("available_flops", &Throughput::available_flops, dv::unset,
              "what the device can do; absent: no share of it (mfu) is logged", dv::unit{"FLOP/s"}, dv::above{0.0}),
        dv::p("separator", &Throughput::separator, "|", "between the stage and a name"));

    void open() override {
        if (available_flops && !flops_per_sample) {
            throw dv::ParameterError("available_flops", "is given without 'flops_per_sample'; a share needs both");
        }
        clock_ = extension<dv_clock_1>(DV_EXT_CLOCK);
        if (!clock_) throw dv::Error("this host has no clock (it offers no dv.clock/1); remove the callback");
    }

    void on_train_start(const dv::RunView& run, dv::Answer&) override {
        window_.clear();
        started_ = now();
        window_.push_back(moment(run));
    }

    void on_train_batch_end(const dv::RunView& run, dv::Answer& answer) override {
        window_.push_back(moment(run));
        if (window_.size() > static_cast<std::size_t>(window_size) + 1) window_.pop_front();
        if (run->log_due != 0) log(answer);
    }

    /// The time of a validation is no time of training.
    void on_validation_start(const dv::RunView&, dv::Answer&) override { validation_started_ = now(); }
    void on_validation_end(const dv::RunView&, dv::Answer&) override {
        if (!validation_started_) return;
        const double seconds = now() - *validation_started_;
        validation_started_.reset();
        started_ += seconds;
        for (Moment& m : window_) m.time += seconds;
    }

private:
    struct Moment {
        double time;  // [s]
        std::int64_t batches, samples;
    };

    double now() const { return clock_->monotonic(clock_->self); }

    /// A host of minor 0 counts no samples; its batches are counted here.
    Moment moment(const dv::RunView& run) const {
        const std::int64_t counted = window_.empty() ? 0 : window_.back().batches + 1;
        return {now(), run.batches().value_or(counted), run.samples().value_or(0)};
    }

    void log(dv::Answer& answer) const {
        const Moment &from = window_.front(), &to = window_.back();
        const auto put = [&](const char* name, double value) {
            answer.log("train" + separator + name, value, {.on_step = true, .on_epoch = false});
        };
        put("time", to.time - started_);
        put("batches", static_cast<double>(to.batches));
        if (to.samples > 0) put("samples", static_cast<double>(to.samples));
        const double seconds = to.time - from.time;
        if (seconds <= 0.0) return;
        put("device/batches_per_sec", static_cast<double>(to.batches - from.batches) / seconds);
        if (to.samples <= from.samples) return;
        const double samples = static_cast<double>(to.samples - from.samples) / seconds;
        put("device/samples_per_sec", samples);
        if (!flops_per_sample) return;
        put("device/flops_per_sec", samples * *flops_per_sample);
        if (available_flops) put("device/mfu", samples * *flops_per_sample / *available_flops);
    }

    const dv_clock_1* clock_ = nullptr;
    std::deque<Moment> window_;
    double started_ = 0.0;
    std::optional<double> validation_started_;
};

}  // namespace
DV_COMPONENT(Throughput, "dvhost.callback.throughput",
             "Logs batches, samples and floating-point operations per second");
