#include "wire/config_json.hpp"
#include "file_store.hpp"
#include "wire/flat_config.hpp"
#include "journal.hpp"
#include "keys.hpp"
#include "logger_options.hpp"
#include "rest_store.hpp"
#include "sender.hpp"
#include "wire/sha256.hpp"
#include "wire/utf8.hpp"
#include "wire/wall_clock.hpp"

#include <dv/logger.hpp>

#include <unistd.h>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <string>

namespace {

namespace fs = std::filesystem;
using loggers::wire::AppendFile;

/// Runs on an MLflow tracking server, or in a folder as MLflow's file store has it.
struct MlFlow final : dv::Logger, loggers::CommonOptions {
    std::string tracking_uri, experiment_name, run_name, run_id, artifact_location;
    fs::path token_file;
    bool log_files = true;
    double timeout = 0, finish_timeout = 0;
    static constexpr auto params = std::tuple_cat(
        dv::schema(
            dv::p("tracking_uri", &MlFlow::tracking_uri, "",
                  "the server's address; empty: the variable MLFLOW_TRACKING_URI, or a folder mlruns/"),
            dv::p("experiment_name", &MlFlow::experiment_name, "dvhost",
                  "runs are filed under it; made when it is not there"),
            dv::p("run_name", &MlFlow::run_name, "", "what the run is called; empty: the server makes something up"),
            dv::p("run_id", &MlFlow::run_id, "", "a run on the server that goes on; empty: a new one"),
            dv::p("artifact_location", &MlFlow::artifact_location, "",
                  "where an experiment that is made keeps files; empty: the server's choice"),
            dv::p("token_file", &MlFlow::token_file, "",
                  "a file with the server's token, for when no variable MLFLOW_TRACKING_TOKEN holds it"),
            dv::p("log_files", &MlFlow::log_files, true, "checkpoints and other files go to the run's artifacts"),
            dv::p("timeout", &MlFlow::timeout, 60.0, "for one request", dv::unit{"s"}, dv::above{0}),
            dv::p("finish_timeout", &MlFlow::finish_timeout, 50.0, "for what is not yet sent when the run ends",
                  dv::unit{"s"}, dv::at_least{0}),
            dv::p("save_dir", &MlFlow::save_dir, "", "folder for spool and mlruns/; empty: the run's folder")),
        loggers::detail::kLabels, loggers::detail::kRow);

    void open() override {
        folder_ = save_dir.empty() ? loggers::output_folder(*this, {}) : save_dir;
        names_ = loggers::Names(prefix, "-");
        filter_ = loggers::RowFilter(log_every);
        const auto at = resume_position();
        if (at && !at->empty()) {
            go_on(*at);
        } else {
            start();
        }
    }
    ~MlFlow() override {
        if (rest_ != nullptr) rest_->http().abandon();
    }

    /// The run of the earlier process goes on. Nothing has been sent yet.
    void resume(const dv_resume&) override {
        run_id = mlflow::Cursor::read(folder_ / "mlflow-run").run_id;
        make_store();
    }

    void metrics(const dv::Row& row) override {
        if (row.metrics.empty() || !filter_.due(row)) return;
        mlflow::line::begin_metrics(line_);
        if (row.epoch >= 0) mlflow::line::put_metric(line_, metric_key("epoch"), static_cast<double>(row.epoch));
        for (const dv_metric& m : row.metrics) mlflow::line::put_metric(line_, metric_key(names_.of(m.name)), m.value);
        mlflow::line::end_metrics(line_, milliseconds(row.wall_time), row.step);
        put(line_);
    }

    void hyperparameters(const dv_config& manifest) override {
        mlflow::Keys keys;
        mlflow::Pairs out;
        for (const auto& value : loggers::wire::flatten(manifest)) {
            out.emplace_back(keys.of(value.name), loggers::wire::cut_utf8(text_of(value), mlflow::kLongestParam));
        }
        put(mlflow::line::params(out));
    }

    void text(std::string_view key, std::string_view text, std::int64_t step) override {
        put_made("text", key, step, ".txt", text);
    }
    void image(std::string_view key, const dv_image& image, std::int64_t step) override {
        put_made("images", key, step, ".png", {image.png.p, image.png.n});
    }
    void histogram(std::string_view key, const dv_histogram& h, std::int64_t step) override {
        nlohmann::ordered_json edges = nlohmann::ordered_json::array(), counts = nlohmann::ordered_json::array();
        for (std::uint32_t i = 0; i < h.n_buckets; ++i) {
            edges.push_back(loggers::wire::json_of(h.limits[i]));
            counts.push_back(loggers::wire::json_of(h.counts[i]));
        }
        put_made(
            "histograms", key, step, ".json",
            loggers::wire::dump({{"min", loggers::wire::json_of(h.min)}, {"upper_edges", edges}, {"counts", counts}}));
    }
    void artifact(std::string_view key, std::string_view path) override {
        if (!log_files) return;
        const fs::path absolute = fs::absolute(fs::path(path));
        put(mlflow::line::file(
            "files/" + mlflow::valid_key(key) + '/' + mlflow::valid_key(absolute.filename().string()),
            absolute.string()));
    }

    void flush() override { journal_->sync(); }

    void finalize(std::string_view outcome) override {
        using mlflow::Status;
        const Status status = outcome == "success"  ? Status::finished
                              : outcome == "failed" ? Status::failed
                                                    : Status::killed;
        put(mlflow::line::end(status, milliseconds(now())));
        journal_->sync();
        if (sender().drain(finish_timeout)) return forget();
        const std::string problem = sender().problem();
        throw dv::IoError((problem.empty() ? store_->place() + " takes its time" : problem) +
                          "; what it has not got is kept in the run's folder: dvhost logs sync '" + folder_.string() +
                          "' sends it");
    }

    std::string position() override { return std::to_string(journal_->size()) + ' ' + mark_; }

private:
    double now() const { return loggers::wire::wall_clock(*this); }
    static std::int64_t milliseconds(double seconds) { return std::llround(seconds * 1000); }
    fs::path spool(std::string_view what) const { return folder_ / ("mlflow-" + mark_ + '.' + std::string(what)); }

    /// 32 hexadecimal digits that no other run has.
    static std::string random_mark() {
        std::random_device random;
        std::string bytes;
        for (int i = 0; i < 8; ++i) bytes += std::to_string(random()) + ' ';
        return loggers::wire::sha256(bytes).substr(0, 32);
    }

    void start() {
        mark_ = random_mark();
        make_store();
        journal_.emplace(spool("spool"));
        journal_->waiting() = mlflow::line::begin(run_name, milliseconds(now()), labels());
        journal_->write();  // sent with what comes next
    }

    /// What the killed process had sent is not sent again, except to a folder, which is written anew.
    void go_on(const std::string& at) {
        std::uint64_t size = 0;
        const char* space = std::from_chars(at.data(), at.data() + at.size(), size).ptr;
        mark_ = std::string(space, at.data() + at.size());
        if (!mark_.empty()) mark_.erase(0, 1);
        if (!fs::exists(spool("spool"))) return start();  // all of it was delivered, and more has come since
        journal_.emplace(spool("spool"), size);
        mlflow::Cursor cursor = mlflow::Cursor::read(spool("cursor"));
        make_store();
        if (rest_ == nullptr) cursor = {};
        cursor.bytes = std::min(cursor.bytes, size);
        cursor.write(spool("cursor"));
        if (rest_ != nullptr && cursor.bytes > 0) run_id = cursor.run_id, make_store();
        sender().notice(size);
    }

    void make_store() {
        if (tracking_uri != mlflow::without_password(tracking_uri)) {
            throw dv::ParameterError("tracking_uri",
                                     "holds a password, which everybody would read; set the variables "
                                     "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD");
        }
        const char* variable = std::getenv("MLFLOW_TRACKING_URI");
        const std::string uri = tracking_uri.empty() && variable != nullptr ? variable : tracking_uri;
        if (uri.starts_with("http://") || uri.starts_with("https://")) {
            auto rest = std::make_unique<mlflow::RestStore>(
                mlflow::ServerOptions{uri, experiment_name, artifact_location, run_id, mark_},
                mlflow::Access::from_environment(token_file.string()), timeout);
            rest_ = rest.get();
            store_ = std::move(rest);
            return;
        }
        fs::path root = folder_ / "mlruns";
        if (uri.starts_with("file://")) {
            root = uri.substr(7);
        } else if (uri.find("://") != std::string::npos) {
            throw dv::ParameterError("tracking_uri",
                                     "is '" + mlflow::without_password(uri) +
                                         "'; expected http://, https:// or file://, a folder, or nothing");
        } else if (!uri.empty()) {
            root = uri;
        }
        store_ = std::make_unique<mlflow::FileStore>(root, experiment_name, mark_);
    }

    mlflow::Pairs labels() const {
        const char* user = std::getenv("USER");
        mlflow::Pairs out{{"mlflow.source.name", "dvhost"}, {"mlflow.source.type", "LOCAL"}};
        if (user != nullptr && *user != '\0') out.emplace_back("mlflow.user", loggers::wire::valid_utf8(user));
        if (!group.empty()) out.emplace_back("group", loggers::wire::cut_utf8(group, mlflow::kLongestTag));
        for (const std::string& tag : tags) out.emplace_back(mlflow::valid_key(tag), "true");
        return out;
    }

    /// A key as JSON, made once per name.
    const std::string& metric_key(std::string_view key) {
        const auto found = json_keys_.find(std::string(key));
        if (found != json_keys_.end()) return found->second;
        return json_keys_.emplace(std::string(key), loggers::wire::quoted(keys_.of(key))).first->second;
    }

    /// A file that is made for the run's artifacts: <kind>/<name>_<step><ending>.
    void put_made(std::string_view kind, std::string_view key, std::int64_t step, std::string_view ending,
                  std::string_view content) {
        const std::string name_there = std::string(kind) + '/' + mlflow::valid_key(names_.of(key)) + '_' +
                                       std::to_string(step) + std::string(ending);
        const fs::path path = folder_ / ("mlflow-" + mark_) / name_there;
        std::error_code ignored;
        fs::remove(path, ignored);  // the same name and step once more
        AppendFile file(path);
        file.waiting() = content;
        file.write();
        put(mlflow::line::file(name_there, fs::absolute(path).string()));
    }

    void put(const std::string& text) {
        journal_->waiting() += text;
        journal_->write();
        sender().notice(journal_->size());
    }

    mlflow::Sender& sender() {
        if (!sender_) {
            sender_.emplace(mlflow::SenderOptions{spool("spool"), spool("cursor"), folder_ / "mlflow-run",
                                                  folder_ / "mlflow-refused.jsonl"},
                            *store_, [this](const std::string& text) { warn(text); });
        }
        return *sender_;
    }

    /// Everything is where it should be.
    void forget() {
        info("the run is at " + store_->place());
        sender_.reset();
        std::error_code ignored;
        for (const char* part : {"spool", "cursor"}) fs::remove(spool(part), ignored);
        fs::remove_all(folder_ / ("mlflow-" + mark_), ignored);
    }

    fs::path folder_;
    std::string mark_;
    std::unique_ptr<mlflow::Store> store_;
    mlflow::RestStore* rest_ = nullptr;  // store_, when it is one
    std::optional<AppendFile> journal_;
    loggers::Names names_;
    loggers::RowFilter filter_;
    mlflow::Keys keys_;
    std::unordered_map<std::string, std::string> json_keys_;
    std::string line_;                      // kept for its memory
    std::optional<mlflow::Sender> sender_;  // last: its thread uses what is above
};

}  // namespace
DV_COMPONENT(MlFlow, "dvhost.logger.mlflow", "Sends a run to an MLflow tracking server, or writes it to a folder");
