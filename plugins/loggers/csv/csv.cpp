#include "line_file.hpp"
#include "number_text.hpp"
#include "run_path.hpp"
#include "wide_table.hpp"

#include <dv/logger.hpp>

#include <optional>
#include <string>

namespace {

enum class Layout { wide, long_ };
enum class Compat { none, lightning };

/// Numbers as comma-separated text, RFC 4180.
///
///   wide  one row per call, one column per name, columns sorted, an empty cell where a row has no value
///   long  one row per number: wall_time,step,epoch,key,value
struct Csv final : dv::Logger {
    std::string path;
    Layout layout = Layout::wide;
    Compat compat = Compat::none;
    std::int64_t flush_every = 0;
    static constexpr auto params = dv::schema(
        dv::p("path", &Csv::path, "metrics.csv", "output file, seen from the run's folder; replaced if it exists"),
        dv::p("layout", &Csv::layout, Layout::wide, "wide: one row per step; long: one row per number, with its time",
              dv::choices("wide", "long")),
        dv::p("compat", &Csv::compat, Compat::none,
              "lightning: byte for byte the file of Lightning's CSVLogger (wide only)",
              dv::choices("none", "lightning")),
        dv::p("flush_every", &Csv::flush_every, 64,
              "rows gathered for one write; rows that are a second apart are written at once", dv::at_least{1}));

    void open() override {
        if (layout == Layout::long_ && compat == Compat::lightning) {
            throw dv::ParameterError("compat", "'lightning' knows the wide layout only; set layout = \"wide\"");
        }
        const std::filesystem::path target = loggers::in_run_folder(*this, path);
        std::error_code ignored;
        if (std::filesystem::is_regular_file(target, ignored) && std::filesystem::file_size(target, ignored) > 0) {
            warn("replaces " + target.string() + ", which exists");
        }
        file_.emplace(target, flush_every);
        if (layout == Layout::long_) {
            file_->add("wall_time,step,epoch,key,value\n", 0.0);
        } else {
            table_.emplace(*file_, compat == Compat::lightning ? csv::kLightning : csv::kPlain);
        }
    }

    void metrics(const dv::Row& row) override {
        if (row.metrics.empty()) return;
        if (table_) {
            table_->add(row);
        } else {
            add_long(row);
        }
    }
    void flush() override { file_->sync(); }
    void finalize(std::string_view) override { file_->sync(); }

private:
    void add_long(const dv::Row& row) {
        head_.clear();
        loggers::append_number(head_, row.wall_time);
        head_ += ',';
        loggers::append_number(head_, row.step);
        head_ += ',';
        if (row.epoch >= 0) loggers::append_number(head_, row.epoch);
        head_ += ',';
        lines_.clear();
        for (const dv_metric& metric : row.metrics) {
            lines_ += head_;
            csv::append_field(lines_, dv::detail::view(metric.name));
            lines_ += ',';
            loggers::append_number(lines_, metric.value);
            lines_ += '\n';
        }
        file_->add(lines_, row.wall_time);
    }

    std::optional<loggers::LineFile> file_;
    std::optional<csv::WideTable> table_;  // wide layout
    std::string head_, lines_;             // kept for their memory
};

}  // namespace
DV_COMPONENT(Csv, "dvhost.logger.csv", "Writes scalars to a CSV file");
