#include "number_text.hpp"

#include <dv/callback.hpp>

#include <array>
#include <optional>
#include <string>

namespace {

enum class Interval { step, epoch };
enum Stage { train, validate, test, n_stages };
constexpr std::array<const char*, n_stages> kNames{"train", "validate", "test"};

/// Asks training to end after a time, and remembers how long each stage took, over all runs that went on from one another. As
/// Lightning's Timer.
struct Timer final : dv::Callback,
                     dv::OnTrainStart,
                     dv::OnTrainBatchEnd,
                     dv::OnTrainEpochEnd,
                     dv::OnTrainEnd,
                     dv::OnValidationStart,
                     dv::OnValidationEnd,
                     dv::OnTestStart,
                     dv::OnTestEnd {
    std::optional<double> duration;
    Interval interval = Interval::step;
    bool verbose = true;
    static constexpr auto params = dv::schema(
        dv::p("duration", &Timer::duration, dv::unset, "time of training after which to stop; absent: only measure",
              dv::unit{"s"}, dv::at_least{0.0}),
        dv::p("interval", &Timer::interval, Interval::step, "whether to look after each batch or each epoch",
              dv::choices("step", "epoch")),
        dv::p("verbose", &Timer::verbose, true, "a log line when the time is up"));

    void open() override {
        clock_ = extension<dv_clock_1>(DV_EXT_CLOCK);
        if (!clock_) throw dv::Error("this host has no clock (it offers no dv.clock/1); remove the callback");
    }

    void on_train_start(const dv::RunView&, dv::Answer& answer) override {
        begin(train);
        check(answer);  // a run that goes on may have no time left
    }
    void on_train_batch_end(const dv::RunView&, dv::Answer& answer) override {
        if (interval == Interval::step) check(answer);
    }
    void on_train_epoch_end(const dv::RunView&, dv::Answer& answer) override {
        if (interval == Interval::epoch) check(answer);
    }
    void on_train_end(const dv::RunView&, dv::Answer&) override { end(train); }
    void on_validation_start(const dv::RunView& run, dv::Answer&) override {
        if (run->stage != DV_STAGE_SANITY_CHECK) begin(validate);
    }
    void on_validation_end(const dv::RunView&, dv::Answer&) override { end(validate); }
    void on_test_start(const dv::RunView&, dv::Answer&) override { begin(test); }
    void on_test_end(const dv::RunView&, dv::Answer&) override { end(test); }

    std::string state_key() const override { return "Timer"; }
    void save_state(dv::StateWriter& out) const override {
        out.table("time_elapsed", [&] {
            for (std::size_t s = 0; s < n_stages; ++s) out.put(kNames[s], elapsed(static_cast<Stage>(s)));
        });
    }
    void load_state(const dv::StateReader& state) override {
        const dv::StateReader elapsed = state.table("time_elapsed");
        for (std::size_t s = 0; s < n_stages; ++s)
            spans_[s] = {elapsed.get<double>(kNames[s]).value_or(0.0), std::nullopt};
    }

private:
    struct Span {
        double before = 0.0;            // [s] until it was last begun
        std::optional<double> started;  // while it runs
    };

    double now() const { return clock_->monotonic(clock_->self); }
    double elapsed(Stage stage) const {
        const Span& span = spans_[stage];
        return span.before + (span.started ? now() - *span.started : 0.0);
    }
    void begin(Stage stage) {
        end(stage);
        spans_[stage].started = now();
    }
    void end(Stage stage) { spans_[stage] = {elapsed(stage), std::nullopt}; }

    void check(dv::Answer& answer) {
        if (!duration || elapsed(train) < *duration) return;
        const std::string reason = "the time is up: " + callbacks::shown(elapsed(train)) + " s of training, " +
                                   callbacks::shown(*duration) + " s were given";
        if (verbose && !told_) info(reason);
        told_ = true;
        answer.stop(reason);
    }

    const dv_clock_1* clock_ = nullptr;
    std::array<Span, n_stages> spans_;
    bool told_ = false;
};

}  // namespace
DV_COMPONENT(Timer, "dvhost.callback.timer", "Stops training after a time");
