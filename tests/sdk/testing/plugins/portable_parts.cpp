// Small portable components for the tests of dv/testing.
#include <dv/callback.hpp>
#include <dv/factory.hpp>
#include <dv/logger.hpp>
#include <dv/schedule.hpp>

#include <cmath>
#include <fstream>

namespace {

enum class Mode { min, max };

struct Span {
    std::int64_t first = 0, last = 0;
    static constexpr auto params = dv::schema(dv::p("first", &Span::first, 1, "first step"),
                                              dv::p("last", &Span::last, 9, "last step", dv::range{1, 100}));
};

/// Writes what it gets, one line a call.
struct Diary final : dv::Logger {
    std::string file;
    double scale = 0;
    Mode mode = Mode::max;
    Span span;
    static constexpr auto params =
        dv::schema(dv::p("file", &Diary::file, "diary.txt", "file in the run's folder"),
                   dv::p("scale", &Diary::scale, 1.0, "factor on all values", dv::above{0.0}),
                   dv::p("mode", &Diary::mode, Mode::min, "direction", dv::choices{"min", "max"}),
                   dv::p("span", &Diary::span, dv::table, "steps that are written"));

    std::ofstream out;
    void open() override {
        const auto* paths = extension<dv_paths_1>(DV_EXT_PATHS);
        if (!paths) throw dv::Error("this logger needs a run folder, and the host offers no dv.paths");
        const auto path = std::string(dv::detail::view(paths->run_dir(paths->self))) + "/" + file;
        out.open(path);
        if (!out) throw dv::IoError("cannot write " + path);
        info("writes to " + file);
    }
    void scalar(std::string_view name, double value, std::int64_t step) override {
        if (step < span.first || step > span.last) return;
        out << step << ' ' << name << ' ' << value * scale << '\n';
    }
    void text(std::string_view name, std::string_view text, std::int64_t) override {
        if (name == "fail") throw dv::Error(std::string(text));
        if (name == "throw a number") throw 7;
        out << name << ": " << text << '\n';
    }
    void hyperparameters(const dv_config& manifest) override {
        out << "hyperparameters " << manifest.count(manifest.root) << '\n';
    }
    void flush() override {
        if (!out.flush()) throw dv::IoError("cannot write " + file);
    }
};
DV_COMPONENT(Diary, "test.logger.diary", "Writes what it gets");

/// Logs every second epoch and stops at a limit.
struct Watch final : dv::Callback, dv::OnTrainEpochEnd, dv::OnException {
    std::string monitor;
    double limit = 0;
    static constexpr auto params = dv::schema(dv::p("monitor", &Watch::monitor, "", "metric to look at", dv::required),
                                              dv::p("limit", &Watch::limit, 10.0, "stops above this"));
    static constexpr bool monitors = true;

    void on_train_epoch_end(const dv::RunView& run, dv::Answer& answer) override {
        const double value = run.metric(monitor).value_or(0.0);
        answer.log("watched", value);
        if (value > limit) answer.stop(monitor + " is above " + std::to_string(limit));
        const auto* checkpoint = extension<dv_checkpoint_1>(DV_EXT_CHECKPOINT);
        const auto* paths = extension<dv_paths_1>(DV_EXT_PATHS);
        if (!checkpoint || !paths) return;
        const std::string path = std::string(dv::detail::view(paths->run_dir(paths->self))) + "/watch.ckpt";
        dv::detail::check(host, checkpoint->save(checkpoint->self, dv::detail::borrow(path), 1));
    }
    void on_exception(const dv::RunView& run, dv::Answer&) override { warn(run.message()); }
};
DV_COMPONENT(Watch, "test.callback.watch", "Looks at a metric");

struct Halve final : dv::Schedule {
    double factor(const dv_schedule_point& at) const override { return std::pow(0.5, static_cast<double>(at.epoch)); }
};
DV_COMPONENT(Halve, "test.schedule.halve", "Halves the learning rate at every epoch");

}  // namespace
