#include "json_text.hpp"
#include "line_file.hpp"
#include "number_text.hpp"
#include "run_path.hpp"

#include <dv/logger.hpp>

#include <optional>
#include <string>

namespace {

/// One JSON object a line:
///
///   {"step":49,"epoch":0,"train/loss":0.69}
///   {"hyperparameters":{...}}    {"step":49,"text":{"name":"..."}}    {"artifact":{"name":"path"}}
struct Jsonl final : dv::Logger {
    std::string path;
    bool log_hyperparameters = false;
    bool wall_time = false;
    std::int64_t flush_every = 0;
    static constexpr auto params = dv::schema(
        dv::p("path", &Jsonl::path, "metrics.jsonl", "output file, seen from the run's folder; replaced if it exists"),
        dv::p("hyperparameters", &Jsonl::log_hyperparameters, false, "the resolved manifest as the first line"),
        dv::p("wall_time", &Jsonl::wall_time, false,
              "each row with its time, in seconds since 1970; runs of the same seed then differ"),
        dv::p("flush_every", &Jsonl::flush_every, 64,
              "lines gathered for one write; lines that are a second apart are written at once", dv::at_least{1}));

    void open() override {
        const std::filesystem::path target = loggers::in_run_folder(*this, path);
        std::error_code ignored;
        if (std::filesystem::is_regular_file(target, ignored) && std::filesystem::file_size(target, ignored) > 0) {
            warn("replaces " + target.string() + ", which exists");
        }
        file_.emplace(target, flush_every);
    }

    void metrics(const dv::Row& row) override {
        if (row.metrics.empty()) return;
        begin(row.step);
        if (row.epoch >= 0) {
            line_ += ",\"epoch\":";
            loggers::append_number(line_, row.epoch);
        }
        if (wall_time) {
            line_ += ",\"wall_time\":";
            loggers::append_number(line_, row.wall_time);
        }
        for (std::size_t i = 0; i < row.metrics.size(); ++i) {
            if (counts(row, i)) put(dv::detail::view(row.metrics[i].name), row.metrics[i].value);
        }
        now_ = row.wall_time;
        end();
    }

    void hyperparameters(const dv_config& manifest) override {
        if (!log_hyperparameters) return;
        line_ = "{\"hyperparameters\":";
        jsonl::append_node(line_, manifest, manifest.root);
        end();
    }

    void text(std::string_view name, std::string_view text, std::int64_t step) override {
        begin(step);
        line_ += ",\"text\":";
        put_pair(name, text);
        end();
    }

    void artifact(std::string_view name, std::string_view path_of_it) override {
        line_ = "{\"artifact\":";
        put_pair(name, path_of_it);
        end();
    }

    void flush() override { file_->sync(); }
    void finalize(std::string_view) override { file_->sync(); }

private:
    /// A key comes once in an object: the row's own come first, and of a name that comes twice the last value counts.
    bool counts(const dv::Row& row, std::size_t i) const {
        const std::string_view name = dv::detail::view(row.metrics[i].name);
        if (name == "step" || (name == "epoch" && row.epoch >= 0) || (name == "wall_time" && wall_time)) return false;
        for (std::size_t j = i + 1; j < row.metrics.size(); ++j) {
            if (dv::detail::view(row.metrics[j].name) == name) return false;
        }
        return true;
    }
    void put(std::string_view name, double value) {
        line_ += ',';
        jsonl::append_string(line_, name);
        line_ += ':';
        jsonl::append_number(line_, value);
    }
    void put_pair(std::string_view name, std::string_view value) {
        line_ += '{';
        jsonl::append_string(line_, name);
        line_ += ':';
        jsonl::append_string(line_, value);
        line_ += '}';
    }
    void begin(std::int64_t step) {
        line_ = "{\"step\":";
        loggers::append_number(line_, step);
    }
    void end() {
        line_ += "}\n";
        file_->add(line_, now_);
    }

    std::optional<loggers::LineFile> file_;
    std::string line_;  // kept for its memory
    double now_ = 0.0;  // of the last row
};

}  // namespace
DV_COMPONENT(Jsonl, "dvhost.logger.jsonl", "Writes one JSON object per row");
