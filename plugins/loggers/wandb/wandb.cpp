#include "wire/child.hpp"
#include "wire/config_json.hpp"
#include "logger_options.hpp"
#include "media.hpp"
#include "run_log.hpp"
#include "wire/keep_file.hpp"
#include "wire/utf8.hpp"
#include "wire/wall_clock.hpp"

#include <dv/logger.hpp>

#include <unistd.h>
#include <algorithm>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <unordered_set>

namespace {

/// The offline folder of a run, as `wandb sync` uploads it.
struct Wandb final : dv::Logger, loggers::CommonOptions {
    std::string project, entity, id, job_type, notes, run_name;
    bool offline = true, log_files = true;
    double flush_secs = 0;
    static constexpr auto params = std::tuple_cat(
        dv::schema(
            dv::p("project", &Wandb::project, "", "project; empty: the variable WANDB_PROJECT, or dvhost"),
            dv::p("entity", &Wandb::entity, "", "user or team; empty: the variable WANDB_ENTITY, or the account's own"),
            dv::p("name", &Wandb::run_name, "", "what the run is called; empty: W&B makes something up"),
            dv::p("id", &Wandb::id, "",
                  "the run's id, of at most 64 letters, digits, '-' and '_'; empty: a random one"),
            dv::p("job_type", &Wandb::job_type, "", "what runs of one group do: train, eval"),
            dv::p("notes", &Wandb::notes, "", "a description"),
            dv::p("offline", &Wandb::offline, true, "false: the program wandb uploads the folder at the end"),
            dv::p("log_files", &Wandb::log_files, true, "checkpoints and other files go into the folder"),
            dv::p("flush_secs", &Wandb::flush_secs, 1.0, "records wait no longer than this for others", dv::unit{"s"},
                  dv::at_least{0}),
            dv::p("save_dir", &Wandb::save_dir, "", "the folder wandb/ is made in it; empty: in the run's folder")),
        loggers::detail::kLabels, loggers::detail::kRow);

    void open() override {
        above_ = (save_dir.empty() ? loggers::output_folder(*this, {}) : save_dir) / "wandb";
        names_ = loggers::Names(prefix, "-");
        filter_ = loggers::RowFilter(log_every);
        if (const auto at = resume_position(); at && !at->empty()) {
            run_.emplace(above_, *at, flush_secs);
        } else {
            run_.emplace(above_, facts(), flush_secs);
        }
    }

    void resume(const dv_resume& from) override {
        const std::filesystem::path begun = run_->folder();
        run_.reset();
        std::error_code ignored;
        std::filesystem::remove_all(begun, ignored);
        wandb::RunFacts run = facts();
        if (const auto former = wandb::newest_id(above_)) run.id = *former;
        run.starting_step = from.rows;
        run.resumed = true;
        run_.emplace(above_, run, flush_secs);
    }

    void metrics(const dv::Row& row) override {
        if (row.metrics.empty() || !filter_.due(row)) return;
        run_->begin_row();
        if (row.epoch >= 0) put("epoch", static_cast<double>(row.epoch));
        for (const dv_metric& m : row.metrics) put(dv::detail::view(m.name), m.value);
        run_->end_row(row.step, row.wall_time);
    }

    void hyperparameters(const dv_config& manifest) override {
        for (std::uint64_t i = 0, n = manifest.count(manifest.root); i < n; ++i) {
            const std::string key = loggers::wire::valid_utf8(dv::detail::view(manifest.key(manifest.root, i)));
            const auto value = loggers::wire::json_of(manifest, manifest.item(manifest.root, i));
            run_->config(key, loggers::wire::dump(value), now());
        }
    }

    void text(std::string_view key, std::string_view text, std::int64_t step) override {
        put_alone(key, loggers::wire::quoted(text), step);
    }
    void image(std::string_view key, const dv_image& image, std::int64_t step) override {
        const wandb::MediaFile file = wandb::write_image(run_->folder() / "files", names_.of(key), image, step);
        run_->file(file.path, wandb::FileKind::media, now());
        put_alone(key, file.value, step);
    }
    void histogram(std::string_view key, const dv_histogram& histogram, std::int64_t step) override {
        put_alone(key, wandb::histogram_value(histogram), step);
    }

    /// files/<name>/<file>: the newest of its name.
    void artifact(std::string_view key, std::string_view path) override {
        if (!log_files) return;
        const std::filesystem::path from{path};
        const std::string name_there = wandb::file_name(key) + '/' + from.filename().string();
        loggers::wire::keep_file(from, run_->folder() / "files" / name_there);
        if (files_.insert(name_there).second) run_->file(name_there, wandb::FileKind::other, now());
    }

    void flush() override {
        run_->write_summary_when_due(now());
        run_->sync();
    }
    void finalize(std::string_view outcome) override {
        run_->exit(outcome == "success" ? 0 : outcome == "interrupted" ? 255 : 1, now());  // 255: as wandb has it
        upload();
    }
    std::string position() override { return run_->position(); }

private:
    double now() const { return loggers::wire::wall_clock(*this); }

    static std::string environment(const char* variable, const char* otherwise) {
        const char* value = std::getenv(variable);
        return value != nullptr && *value != '\0' ? value : otherwise;
    }
    static std::string random_id() {
        std::random_device random;
        std::string out;
        for (int i = 0; i < 8; ++i) out += "abcdefghijklmnopqrstuvwxyz0123456789"[random() % 36];
        return out;
    }
    wandb::RunFacts facts() const {
        const bool good =
            std::ranges::all_of(id, [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; });
        if (!good || id.size() > 64) {
            throw dv::ParameterError("id", "is '" + id + "'; expected at most 64 letters, digits, '-' and '_'");
        }
        char host_name[256] = "";
        ::gethostname(host_name, sizeof host_name - 1);
        return {.id = id.empty() ? random_id() : id,
                .entity = entity.empty() ? environment("WANDB_ENTITY", "") : entity,
                .project = project.empty() ? environment("WANDB_PROJECT", "dvhost") : project,
                .group = group,
                .job_type = job_type,
                .name = run_name,
                .notes = notes,
                .host = host_name,
                .tags = tags,
                .start_time = now()};
    }
    void put(std::string_view key, double value) {
        number_.clear();
        wandb::append_number(number_, value);
        run_->put(names_.of(key), number_);
    }
    void put_alone(std::string_view key, std::string_view value, std::int64_t step) {
        run_->begin_row();
        run_->put(names_.of(key), value);
        run_->end_row(step, now());
    }

    /// The key for W&B's server stays in the environment, which the child has too.
    void upload() const {
        const std::string folder = run_->folder().string();
        if (offline) return;
        constexpr double kBudget = 50.0;  // [s] of the 60 that a run gives its loggers
        const std::string problem = loggers::wire::run_child({"wandb", "sync", folder}, kBudget);
        if (problem.empty()) {
            info("uploaded " + folder);
        } else {
            warn("wandb sync " + problem + "; nothing is lost. To upload the run: wandb sync '" + folder + "'");
        }
    }

    std::filesystem::path above_;
    std::optional<wandb::RunLog> run_;
    loggers::Names names_;
    loggers::RowFilter filter_;
    std::unordered_set<std::string> files_;  // told already
    std::string number_;                     // kept for its memory
};

}  // namespace
DV_COMPONENT(Wandb, "dvhost.logger.wandb", "Writes the offline folder of a Weights & Biases run");
