#include "earlier_rows.hpp"
#include "hparams_file.hpp"
#include "line_file.hpp"
#include "number_text.hpp"
#include "output.hpp"
#include "wide_table.hpp"

#include <dv/logger.hpp>

#include <optional>
#include <string>
#include <utility>

namespace {

enum class Layout { wide, long_ };
enum class Compat { none, lightning };

/// Numbers as comma-separated text, RFC 4180.
///
///   wide  one row per call, one column per name, columns sorted, an empty cell where a row has no value
///   long  one row per number: wall_time,step,epoch,key,value
struct Csv final : dv::Logger, loggers::CommonOptions {
    std::string path;
    Layout layout = Layout::wide;
    Compat compat = Compat::none;
    std::int64_t flush_every = 0;
    bool log_hyperparameters = true;
    static constexpr auto params = loggers::file_schema(
        dv::p("path", &Csv::path, "metrics.csv", "output file, seen from the output's folder; replaced if it exists"),
        dv::p("layout", &Csv::layout, Layout::wide, "wide: one row per step; long: one row per number, with its time",
              dv::choices("wide", "long")),
        dv::p("compat", &Csv::compat, Compat::none,
              "lightning: byte for byte the file of Lightning's CSVLogger (wide only)",
              dv::choices("none", "lightning")),
        dv::p("flush_every", &Csv::flush_every, 64,
              "rows gathered for one write; rows that are a second apart are written at once", dv::at_least{1}),
        dv::p("hyperparameters", &Csv::log_hyperparameters, true, "the resolved manifest as hparams.yaml beside the file"));

    void open() override {
        if (layout == Layout::long_ && compat == Compat::lightning) {
            throw dv::ParameterError("compat", "'lightning' knows the wide layout only; set layout = \"wide\"");
        }
        names_ = loggers::Names(prefix, "-");
        filter_ = loggers::RowFilter(log_every);
        output_ = loggers::find_output(*this, *this, path);
        file_.emplace(output_.file, flush_every);
        begin_at({});
        if (!output_.resumed) return;
        if (layout == Layout::long_) {
            file_->cut(*output_.resumed);
            has_header_ = *output_.resumed > 0;
        } else {
            continue_wide({.count = static_cast<std::int64_t>(*output_.resumed)});
        }
    }

    void resume(const dv_resume& from) override {
        // A file that was thinned out does not have the rows that were counted, but it has their steps.
        const csv::Keep keep = log_every > 1 ? csv::Keep{.step = from.step} : csv::Keep{.count = from.rows};
        begin_at(layout == Layout::long_ ? csv::find_long_rows(output_.file, keep) : csv::find_wide_rows(output_.file, keep));
    }

    void metrics(const dv::Row& row) override {
        if (row.metrics.empty() || !filter_.due(row)) return;
        loggers::warn_if_replaced(*this, *file_);
        const dv::Row named = names_.of(row);
        if (table_) {
            table_->add(named);
        } else {
            add_long(named);
        }
    }
    void hyperparameters(const dv_config& manifest) override {
        if (log_hyperparameters) loggers::write_hparams(output_.file.parent_path(), manifest);
    }
    void flush() override { file_->sync(); }
    void finalize(std::string_view) override { file_->sync(); }

    /// Rows of a wide file, whose bytes move with each new column; bytes of a long one.
    std::string position() override {
        return output_.position(table_ ? static_cast<std::uint64_t>(table_->count()) : file_->size());
    }

private:
    /// Goes on behind these rows; none: with the first row everything else goes.
    void begin_at(csv::Rows rows) {
        if (rows.count > 0) file_->cut(rows.size);
        has_header_ = rows.count > 0;
        if (layout == Layout::wide) table_.emplace(*file_, compat == Compat::lightning ? csv::kLightning : csv::kPlain, std::move(rows));
    }
    void continue_wide(csv::Keep keep) {
        csv::Rows rows = csv::find_wide_rows(output_.file, keep);
        if (rows.count < keep.count) {
            throw dv::IoError("'" + output_.file.string() + "' has fewer rows than it had: it cannot be continued");
        }
        if (rows.count == 0) file_->cut(0);
        begin_at(std::move(rows));
    }

    void add_long(const dv::Row& row) {
        head_.clear();
        loggers::append_number(head_, row.wall_time);
        head_ += ',';
        loggers::append_number(head_, row.step);
        head_ += ',';
        if (row.epoch >= 0) loggers::append_number(head_, row.epoch);
        head_ += ',';
        lines_.clear();
        if (!std::exchange(has_header_, true)) lines_ = "wall_time,step,epoch,key,value\n";
        for (const dv_metric& metric : row.metrics) {
            lines_ += head_;
            csv::append_field(lines_, dv::detail::view(metric.name));
            lines_ += ',';
            loggers::append_number(lines_, metric.value);
            lines_ += '\n';
        }
        file_->add(lines_, row.wall_time);
    }

    loggers::Names names_;
    loggers::RowFilter filter_;
    loggers::Output output_;
    std::optional<loggers::LineFile> file_;
    std::optional<csv::WideTable> table_;  // wide layout
    bool has_header_ = false;              // long layout
    std::string head_, lines_;             // kept for their memory
};

}  // namespace
DV_COMPONENT(Csv, "dvhost.logger.csv", "Writes scalars to a CSV file");
