#include "wire/append_file.hpp"
#include "archive.hpp"
#include "wire/child.hpp"
#include "wire/config_json.hpp"
#include "wire/flat_config.hpp"
#include "logger_options.hpp"
#include "messages.hpp"
#include "wire/keep_file.hpp"
#include "wire/sha256.hpp"
#include "wire/wall_clock.hpp"

#include <dv/logger.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>

namespace {

namespace fs = std::filesystem;
using loggers::wire::AppendFile;

/// An offline experiment of Comet, as `comet upload` takes it: <key>.zip with experiment.json, messages.json and files.
/// Until the end it is a folder <key>.partial.
struct Comet final : dv::Logger, loggers::CommonOptions {
    std::string project, workspace, experiment_name, experiment_key;
    bool upload = false, log_files = true;
    double flush_secs = 0;
    static constexpr auto params = std::tuple_cat(
        dv::schema(
            dv::p("project", &Comet::project, "", "project; empty: the account's default one"),
            dv::p("workspace", &Comet::workspace, "", "workspace; empty: the account's default one"),
            dv::p("name", &Comet::experiment_name, "",
                  "what the experiment is called; empty: Comet makes something up"),
            dv::p("experiment_key", &Comet::experiment_key, "", "32 to 50 letters and digits; empty: a random one"),
            dv::p("upload", &Comet::upload, false, "the program comet uploads the archive at the end"),
            dv::p("log_files", &Comet::log_files, true, "checkpoints and other files go into the archive"),
            dv::p("flush_secs", &Comet::flush_secs, 1.0, "messages wait no longer than this for others", dv::unit{"s"},
                  dv::at_least{0}),
            dv::p("save_dir", &Comet::save_dir, "", "folder of the archive; empty: the run's folder")),
        loggers::detail::kLabels, loggers::detail::kRow);

    void open() override {
        check_key();
        above_ = save_dir.empty() ? loggers::output_folder(*this, {}) : save_dir;
        names_ = loggers::Names(prefix, "_");
        filter_ = loggers::RowFilter(log_every);
        const auto at = resume_position();
        if (at && !at->empty()) {
            go_on(*at);
        } else {
            start();
        }
    }

    void metrics(const dv::Row& row) override {
        if (row.metrics.empty() || !filter_.due(row)) return;
        const std::int64_t time = milliseconds(row.wall_time);
        for (const dv_metric& m : row.metrics) {
            comet::message::put_metric(messages_->waiting(), json_name(names_.of(m.name)), m.value, row.step, row.epoch,
                                       time);
        }
        messages_->added(row.wall_time, flush_secs);
    }

    void hyperparameters(const dv_config& manifest) override {
        for (const auto& value : loggers::wire::flatten(manifest))
            add(comet::message::parameter(value, milliseconds(now())));
    }

    void text(std::string_view key, std::string_view text, std::int64_t step) override {
        add_content(text, {{}, "text-sample", std::string(names_.of(key)), step});
    }
    void image(std::string_view key, const dv_image& image, std::int64_t step) override {
        add_content({image.png.p, image.png.n}, {{}, "visualization", std::string(names_.of(key)) + ".png", step});
    }
    void histogram(std::string_view key, const dv_histogram& h, std::int64_t step) override {
        nlohmann::ordered_json edges = nlohmann::ordered_json::array(), counts = nlohmann::ordered_json::array();
        for (std::uint32_t i = 0; i < h.n_buckets; ++i) {
            edges.push_back(loggers::wire::json_of(h.limits[i]));
            counts.push_back(loggers::wire::json_of(h.counts[i]));
        }
        const auto json =
            loggers::wire::dump({{"min", loggers::wire::json_of(h.min)}, {"upper_edges", edges}, {"counts", counts}});
        add_content(json, {{}, "asset", "histograms/" + std::string(names_.of(key)) + ".json", step});
    }

    void artifact(std::string_view key, std::string_view path) override {
        if (!log_files) return;
        const fs::path from{path};
        const fs::path file = asset_path();
        loggers::wire::keep_file(from, file);
        add(comet::message::file(
            {file.filename().c_str(), "asset", std::string(key) + '/' + from.filename().string(), -1},
            milliseconds(now())));
    }

    void flush() override { messages_->sync(); }

    void finalize(std::string_view outcome) override {
        messages_->sync();
        write_facts(outcome);
        const fs::path archive = archive_path();
        comet::zip_folder(folder(), archive);
        messages_.reset();
        std::error_code ignored;
        fs::remove_all(folder(), ignored);
        send(archive);
    }

    std::string position() override {
        return messages_ ? std::to_string(messages_->size()) + ' ' + experiment_key : std::string();
    }

private:
    double now() const { return loggers::wire::wall_clock(*this); }
    static std::int64_t milliseconds(double seconds) { return std::llround(seconds * 1000); }
    fs::path folder() const { return above_ / (experiment_key + ".partial"); }

    bool is_begun() const { return fs::exists(above_ / (experiment_key + ".zip")); }
    /// An experiment whose key was given may have been here before; its archive stays.
    fs::path archive_path() const {
        fs::path out = above_ / (experiment_key + ".zip");
        for (int n = 2; fs::exists(out); ++n) out = above_ / (experiment_key + '_' + std::to_string(n) + ".zip");
        return out;
    }

    void check_key() {
        const bool plain = std::ranges::all_of(experiment_key, [](unsigned char c) { return std::isalnum(c) != 0; });
        key_was_given_ = !experiment_key.empty();
        if (key_was_given_ && (!plain || experiment_key.size() < 32 || experiment_key.size() > 50)) {
            throw dv::ParameterError("experiment_key",
                                     "is '" + experiment_key + "'; expected 32 to 50 letters and digits");
        }
        if (key_was_given_) return;
        std::random_device random;
        std::string bytes;
        for (int i = 0; i < 8; ++i) bytes += std::to_string(random()) + ' ';
        experiment_key = loggers::wire::sha256(bytes).substr(0, 32);
    }

    void start() {
        start_time_ = milliseconds(now());
        messages_.emplace(folder() / "messages.json");
        write_facts("");
        add(comet::message::system_details());
        add(comet::message::other("Created from", "dvhost"));
        if (!experiment_name.empty()) add(comet::message::other("Name", experiment_name));
        if (!group.empty()) add(comet::message::other("group", group));
        messages_->write();
    }

    void go_on(const std::string& at) {
        std::uint64_t size = 0;
        const char* space = std::from_chars(at.data(), at.data() + at.size(), size).ptr;
        experiment_key = std::string(space, at.data() + at.size());
        if (!experiment_key.empty()) experiment_key.erase(0, 1);
        messages_.emplace(folder() / "messages.json", size);
        std::ifstream former(folder() / "experiment.json");
        start_time_ = nlohmann::json::parse(former, nullptr, false).value("start_time", milliseconds(now()));
    }

    /// experiment.json. `outcome`: empty while the run goes on, which is what a killed run leaves.
    void write_facts(std::string_view outcome) const {
        using Json = nlohmann::ordered_json;
        const auto or_null = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
        Json facts;
        facts["project_name"] = or_null(project);
        facts["workspace"] = or_null(workspace);
        facts["offline_id"] = experiment_key;
        facts["start_time"] = start_time_;
        facts["stop_time"] = milliseconds(now());
        facts["tags"] = tags;
        facts["resume_strategy"] = is_begun() ? "get_or_create" : "create";
        facts["user_provided_experiment_key"] = key_was_given_;
        facts["customer_error_reported"] = outcome != "success";
        facts["customer_error_message"] = or_null(outcome == "success" ? "" : "the run " + words(outcome));
        std::error_code ignored;
        fs::remove(folder() / "experiment.json", ignored);
        AppendFile file(folder() / "experiment.json");
        file.waiting() = loggers::wire::dump(facts);
        file.write();
    }
    static std::string words(std::string_view outcome) {
        if (outcome.empty()) return "was killed";
        return outcome == "interrupted" ? "was interrupted" : std::string(outcome);
    }

    const std::string& json_name(std::string_view key) {
        const auto found = json_names_.find(std::string(key));
        if (found != json_names_.end()) return found->second;
        return json_names_.emplace(std::string(key), loggers::wire::quoted(key)).first->second;
    }

    void add(const std::string& line) {
        messages_->waiting() += line;
        messages_->added(now(), flush_secs);
    }
    /// A file that no other message has: its message stands at this place.
    fs::path asset_path() const { return folder() / ("asset_" + std::to_string(messages_->size())); }
    void add_content(std::string_view content, comet::message::File facts) {
        const fs::path path = asset_path();
        const std::string file_name = path.filename().string();
        std::error_code ignored;
        fs::remove(path, ignored);  // of a killed process
        AppendFile file(path);
        file.waiting() = content;
        file.write();
        facts.path = file_name;
        add(comet::message::file(facts, milliseconds(now())));
    }

    /// The key for Comet's server stays in the environment, which the child has too.
    void send(const fs::path& archive) const {
        const std::string command = "comet upload '" + archive.string() + "'";
        if (!upload) return info("to upload the experiment: " + command);
        constexpr double kBudget = 50.0;  // [s] of the 60 that a run gives its loggers
        const std::string problem = loggers::wire::run_child({"comet", "upload", archive.string()}, kBudget);
        if (problem.empty()) {
            info("uploaded " + archive.string());
        } else {
            warn("comet upload " + problem + "; nothing is lost. To upload the experiment: " + command);
        }
    }

    fs::path above_;
    bool key_was_given_ = false;
    std::int64_t start_time_ = 0;
    std::optional<AppendFile> messages_;
    loggers::Names names_;
    loggers::RowFilter filter_;
    std::unordered_map<std::string, std::string> json_names_;
};

}  // namespace
DV_COMPONENT(Comet, "dvhost.logger.comet", "Writes an offline experiment of Comet");
