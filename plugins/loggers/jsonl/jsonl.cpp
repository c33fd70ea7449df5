#include "json_text.hpp"
#include "line_file.hpp"
#include "number_text.hpp"
#include "output.hpp"

#include <dv/logger.hpp>

#include <charconv>
#include <fstream>
#include <optional>
#include <string>
#include <unordered_map>

namespace {

/// One JSON object a line:
///
///   {"step":49,"epoch":0,"train/loss":0.69}
///   {"hyperparameters":{...}}    {"step":49,"text":{"name":"..."}}    {"artifact":{"name":"path"}}
///   {"step":49,"histogram":{"name":{"limits":[...],"counts":[...],"min":..,"max":..,"sum":..,"sum_squares":..,"count":..}}}
struct Jsonl final : dv::Logger, loggers::CommonOptions {
    std::string path;
    bool log_hyperparameters = false;
    bool wall_time = false;
    std::int64_t flush_every = 0;
    static constexpr auto params = loggers::file_schema(
        dv::p("path", &Jsonl::path, "metrics.jsonl", "output file, seen from the output's folder; replaced if it exists"),
        dv::p("hyperparameters", &Jsonl::log_hyperparameters, false, "the resolved manifest as the first line"),
        dv::p("wall_time", &Jsonl::wall_time, false,
              "each row with its time, in seconds since 1970; runs of the same seed then differ"),
        dv::p("flush_every", &Jsonl::flush_every, 64,
              "lines gathered for one write; lines that are a second apart are written at once", dv::at_least{1}));

    void open() override {
        names_ = loggers::Names(prefix, "-");
        filter_ = loggers::RowFilter(log_every);
        output_ = loggers::find_output(*this, *this, path);
        file_.emplace(output_.file, flush_every);
        if (output_.resumed) file_->cut(*output_.resumed);
    }

    /// Keeps the lines up to the last row that counts.
    void resume(const dv_resume& from) override {
        std::ifstream in(output_.file, std::ios::binary);
        std::uint64_t keep = 0;
        std::int64_t rows = 0;
        for (std::string line; std::getline(in, line) && !in.eof();) {
            const auto step = step_of_row(line);
            if (!step) continue;
            // A file that was thinned out does not have the rows that were counted, but it has their steps.
            if (log_every > 1 ? *step >= from.step : rows == from.rows) break;
            ++rows;
            keep = static_cast<std::uint64_t>(in.tellg());
        }
        file_->cut(keep);
    }

    void metrics(const dv::Row& given) override {
        if (given.metrics.empty() || !filter_.due(given)) return;
        const dv::Row row = names_.of(given);
        begin(row.step);
        if (row.epoch >= 0) {
            line_ += ",\"epoch\":";
            loggers::append_number(line_, row.epoch);
        }
        if (wall_time) {
            line_ += ",\"wall_time\":";
            loggers::append_number(line_, row.wall_time);
        }
        find_last(row);
        for (std::size_t i = 0; i < row.metrics.size(); ++i) {
            if (counts(row, i)) put(dv::detail::view(row.metrics[i].name), row.metrics[i].value);
        }
        now_ = row.wall_time;
        end();
    }

    void hyperparameters(const dv_config& manifest) override {
        if (!log_hyperparameters) return;
        line_ = "{\"hyperparameters\":";
        loggers::json::append_node(line_, manifest, manifest.root);
        end();
    }

    void text(std::string_view name, std::string_view text, std::int64_t step) override {
        begin(step);
        line_ += ",\"text\":";
        put_pair(names_.of(name), text);
        end();
    }

    void histogram(std::string_view name, const dv_histogram& h, std::int64_t step) override {
        begin(step);
        line_ += ",\"histogram\":{";
        loggers::json::append_string(line_, names_.of(name));
        line_ += ":{\"limits\":";
        loggers::json::append_numbers(line_, {h.limits, h.n_buckets});
        line_ += ",\"counts\":";
        loggers::json::append_numbers(line_, {h.counts, h.n_buckets});
        put("min", h.min), put("max", h.max), put("sum", h.sum), put("sum_squares", h.sum_squares), put("count", h.count);
        line_ += "}}";
        end();
    }

    void artifact(std::string_view name, std::string_view path_of_it) override {
        line_ = "{\"artifact\":";
        put_pair(name, path_of_it);
        end();
    }

    void flush() override { file_->sync(); }
    void finalize(std::string_view) override { file_->sync(); }

    std::string position() override { return output_.position(file_->size()); }

private:
    /// A key comes once in an object: the row's own come first, and of a name that comes twice the last value counts.
    void find_last(const dv::Row& row) {
        last_.clear();
        for (std::size_t i = 0; i < row.metrics.size(); ++i) last_[dv::detail::view(row.metrics[i].name)] = i;
        last_.erase("step");
        if (row.epoch >= 0) last_.erase("epoch");
        if (wall_time) last_.erase("wall_time");
    }
    bool counts(const dv::Row& row, std::size_t i) const {
        const auto last = last_.find(dv::detail::view(row.metrics[i].name));
        return last != last_.end() && last->second == i;
    }
    /// Nothing for a line that is no row of numbers.
    static std::optional<std::int64_t> step_of_row(std::string_view line) {
        constexpr std::string_view kBegin = "{\"step\":";
        if (!line.starts_with(kBegin)) return std::nullopt;
        std::int64_t step = 0;
        const char* const end = line.data() + line.size();
        const auto read = std::from_chars(line.data() + kBegin.size(), end, step);
        const std::string_view rest(read.ptr, end);
        const bool is_note = rest.starts_with(",\"text\":{") || rest.starts_with(",\"histogram\":{");
        return read.ec == std::errc{} && !is_note ? std::optional(step) : std::nullopt;
    }
    void put(std::string_view name, double value) {
        line_ += ',';
        loggers::json::append_string(line_, name);
        line_ += ':';
        loggers::json::append_number(line_, value);
    }
    void put_pair(std::string_view name, std::string_view value) {
        line_ += '{';
        loggers::json::append_string(line_, name);
        line_ += ':';
        loggers::json::append_string(line_, value);
        line_ += '}';
    }
    void begin(std::int64_t step) {
        line_ = "{\"step\":";
        loggers::append_number(line_, step);
    }
    void end() {
        line_ += "}\n";
        loggers::warn_if_replaced(*this, *file_);
        file_->add(line_, now_);
    }

    loggers::Names names_;
    loggers::RowFilter filter_;
    loggers::Output output_;
    std::optional<loggers::LineFile> file_;
    std::unordered_map<std::string_view, std::size_t> last_;  // of the row in hand: where each name counts
    std::string line_;                                        // kept for its memory
    double now_ = 0.0;  // of the last row
};

}  // namespace
DV_COMPONENT(Jsonl, "dvhost.logger.jsonl", "Writes one JSON object per row");
