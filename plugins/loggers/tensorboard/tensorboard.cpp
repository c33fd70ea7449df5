#include "event_file.hpp"
#include "wire/flat_config.hpp"
#include "hparams.hpp"
#include "logger_options.hpp"
#include "wire/proto.hpp"
#include "series.hpp"
#include "tensors.hpp"
#include "wire/utf8.hpp"
#include "wire/wall_clock.hpp"

#include <dv/logger.hpp>

#include <charconv>
#include <cmath>
#include <optional>
#include <string>

namespace {

using loggers::wire::Message;
using tensorboard::Kind;
using tensorboard::Series;

enum class Compat { none, lightning };

/// One chart of the page Custom Scalars.
struct ChartOption {
    std::string category, title;
    std::vector<std::string> tags, margin;
    static constexpr auto params = dv::schema(
        dv::p("category", &ChartOption::category, "charts", "charts of one category stand together"),
        dv::p("title", &ChartOption::title, "", "above the chart"),
        dv::p("tags", &ChartOption::tags, dv::empty, "regular expressions; every tag that matches is a line"),
        dv::p("margin", &ChartOption::margin, dv::empty,
              "tags of value, lower and upper bound, in threes: lines with a band"));
};

/// Event files that TensorBoard shows while they are being written.
struct TensorBoard final : dv::Logger, loggers::CommonOptions {
    std::string sub_dir, filename_suffix;
    double flush_secs = 0;
    std::int64_t max_queue = 0;
    Compat compat = Compat::none;
    bool log_hparams = true;
    std::vector<std::string> hparam_metrics;
    std::vector<ChartOption> chart;
    static constexpr auto params = loggers::file_schema(
        dv::p("sub_dir", &TensorBoard::sub_dir, "", "folder below the output folder: a run of its own for TensorBoard"),
        dv::p("filename_suffix", &TensorBoard::filename_suffix, "", "end of the file's name"),
        dv::p("flush_secs", &TensorBoard::flush_secs, 1.0, "events wait no longer than this for others", dv::unit{"s"},
              dv::at_least{0}),
        dv::p("max_queue", &TensorBoard::max_queue, 10000, "as many events are written together at most",
              dv::at_least{1}),
        dv::p("compat", &TensorBoard::compat, Compat::none,
              "lightning: scalars as simple_value, text under <name>/text_summary, hp_metric and the session's end at "
              "once",
              dv::choices("none", "lightning")),
        dv::p("hparams", &TensorBoard::log_hparams, true, "the resolved manifest for the page HParams"),
        dv::p("group", &TensorBoard::group, "", "runs of one group are one row of the page HParams"),
        dv::p("hparam_metrics", &TensorBoard::hparam_metrics, dv::empty,
              "tags that are columns of the page HParams; empty: TensorBoard finds them in all runs"),
        dv::p("chart", &TensorBoard::chart, dv::empty, "charts of the page Custom Scalars"));

    void open() override {
        for (const ChartOption& c : chart) check(c);
        const std::filesystem::path folder = loggers::output_folder(*this, *this) / sub_dir;
        cut_what_comes_again(folder);
        starts_after_others_ = tensorboard::has_event_files(folder);
        file_.emplace(folder, filename_suffix, now());
        names_ = loggers::Names(prefix, "-");
        filter_ = loggers::RowFilter(log_every);
        if (!chart.empty()) put_layout();
    }

    void resume(const dv_resume& from) override { start_session(from.step); }

    void metrics(const dv::Row& row) override {
        if (row.metrics.empty() || !filter_.due(row)) return;
        if (starts_after_others_) start_session(row.step);
        summary_.clear();
        bool has_epoch = row.epoch < 0;
        for (const dv_metric& m : row.metrics) {
            has_epoch = has_epoch || dv::detail::view(m.name) == "epoch";
            put(dv::detail::view(m.name), m.value);
        }
        if (!has_epoch) put("epoch", static_cast<double>(row.epoch));
        add_event(row.step, row.wall_time);
    }

    void hyperparameters(const dv_config& manifest) override {
        if (!log_hparams) return;
        const auto flat = loggers::wire::flatten(manifest);
        const double at = now();
        if (!hparam_metrics.empty()) add_value(tensorboard::experiment_value(flat, hparam_metrics, at), 0);
        add_value(tensorboard::session_start_value(flat, loggers::wire::valid_utf8(group), at), 0);
        session_is_open_ = true;
        if (compat != Compat::lightning) return;
        summary_.clear();
        tensorboard::put_scalar(summary_, series_.find("hp_metric", scalar_kind()), -1.0f);
        add_event(0, at);
        end_session(tensorboard::SessionEnd::success);
    }

    void text(std::string_view key, std::string_view text, std::int64_t step) override {
        const std::string full(names_.of(key));
        Series& series = series_.find(compat == Compat::lightning ? full + "/text_summary" : full, Kind::text);
        add_value(tensorboard::text_value(series, loggers::wire::valid_utf8(text)), step);
    }
    void image(std::string_view key, const dv_image& image, std::int64_t step) override {
        add_value(tensorboard::image_value(series_.find(names_.of(key), Kind::image), image), step);
    }
    void histogram(std::string_view key, const dv_histogram& histogram, std::int64_t step) override {
        add_value(tensorboard::histogram_value(series_.find(names_.of(key), Kind::histogram), histogram), step);
    }

    void flush() override { file_->file().sync(); }
    void finalize(std::string_view outcome) override {
        using tensorboard::SessionEnd;
        if (session_is_open_) end_session(outcome == "success" ? SessionEnd::success : SessionEnd::failure);
        file_->file().sync();
    }

    /// "<bytes> <file>": behind them the file is cut when the process was killed. The cut file then stays as it is, and
    /// a new one takes what comes.
    std::string position() override {
        const auto& file = file_->file();
        return std::to_string(file.size()) + ' ' + file.path().filename().string();
    }

private:
    static void check(const ChartOption& c) {
        if (c.margin.size() % 3 != 0) {
            throw dv::ParameterError("chart.margin", "has " + std::to_string(c.margin.size()) +
                                                         " names; expected threes: value, lower bound, upper bound");
        }
        if (c.margin.empty() == c.tags.empty()) {
            throw dv::ParameterError("chart", "'" + c.title + "' needs either tags or margin");
        }
    }
    double now() const { return loggers::wire::wall_clock(*this); }
    Kind scalar_kind() const { return compat == Compat::lightning ? Kind::scalar : Kind::tensor_scalar; }

    void cut_what_comes_again(const std::filesystem::path& folder) {
        const auto at = resume_position();
        if (!at) return;
        std::uint64_t size = 0;
        const char* end = at->data() + at->size();
        const char* space = std::from_chars(at->data(), end, size).ptr;
        if (space == end) return;
        const loggers::wire::AppendFile cut(folder / std::string(space + 1, end), size);
        session_is_open_ = log_hparams && compat == Compat::none;  // its beginning is in that file
    }

    void put(std::string_view key, double value) {
        tensorboard::put_scalar(summary_, series_.find(names_.of(key), scalar_kind()), static_cast<float>(value));
    }
    void put_layout() {
        std::vector<tensorboard::Chart> charts;
        for (const ChartOption& c : chart) charts.push_back({c.category, c.title, c.tags, c.margin});
        add_value(tensorboard::layout_value(charts), 0);
    }
    void end_session(tensorboard::SessionEnd outcome) {
        session_is_open_ = false;
        add_value(tensorboard::session_end_value(outcome, now()), 0);
    }
    void add_value(const std::string& value, std::int64_t step) {
        summary_.clear();
        Message(summary_).bytes(1, value);
        add_event(step, now());
    }
    /// An event whose summary lies in summary_.
    void add_event(std::int64_t step, double wall_time) {
        event_.clear();
        Message(event_).number(1, wall_time).integer(2, step).bytes(5, summary_);
        write_event(wall_time);
    }
    /// Readers drop the points of older files in this folder from this step on.
    void start_session(std::int64_t step) {
        starts_after_others_ = false;
        event_.clear();
        Message(event_).number(1, now()).integer(2, step).nested(7, [](Message& log) { log.integer(1, 1); });
        write_event(now());
    }
    void write_event(double wall_time) {
        const bool full = ++n_waiting_ >= max_queue;
        file_->add(event_, wall_time, full ? 0.0 : flush_secs);
        if (file_->file().waits() == 0) n_waiting_ = 0;
    }

    std::optional<tensorboard::EventFile> file_;
    tensorboard::AllSeries series_;
    loggers::Names names_;
    loggers::RowFilter filter_;
    std::string summary_, event_;  // kept for their memory
    std::int64_t n_waiting_ = 0;
    bool starts_after_others_ = false;
    bool session_is_open_ = false;
};

}  // namespace
DV_COMPONENT(TensorBoard, "dvhost.logger.tensorboard", "Writes event files for TensorBoard");
