#include "database.hpp"
#include "json_text.hpp"
#include "logger_options.hpp"
#include "output.hpp"

#include <dv/logger.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

namespace {

namespace fs = std::filesystem;

/// `numbers` grows at its end: with the name before n in the key, a row of 1000 numbers would touch 1000 pages, and cost ten times as
/// much. In it, NULL is NaN: SQLite has no other word for it.
constexpr const char* kSchema = R"(
CREATE TABLE IF NOT EXISTS runs(
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, "group" TEXT NOT NULL, tags TEXT NOT NULL, folder TEXT NOT NULL,
    started REAL NOT NULL, ended REAL, outcome TEXT);
CREATE TABLE IF NOT EXISTS params(
    run INTEGER NOT NULL REFERENCES runs(id), name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(run, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS names(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS numbers(
    run INTEGER NOT NULL, n INTEGER NOT NULL, name INTEGER NOT NULL, step INTEGER NOT NULL, epoch INTEGER NOT NULL,
    time REAL NOT NULL, value REAL, PRIMARY KEY(run, n)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notes(
    run INTEGER NOT NULL, n INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, step INTEGER, content BLOB NOT NULL,
    PRIMARY KEY(run, n)) WITHOUT ROWID;
CREATE VIEW IF NOT EXISTS metrics AS
    SELECT numbers.run, names.name, numbers.n, step, nullif(epoch, -1) AS epoch, time, value
    FROM numbers JOIN names ON names.id = numbers.name ORDER BY numbers.run, numbers.n;
)";

double wall_time() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

struct HashText {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

/// Inserts in transactions of about a second, so that readers see a run as it goes, and a number costs little.
struct Sqlite final : dv::Logger, loggers::CommonOptions {
    std::string path, run_name;
    static constexpr auto params = loggers::label_schema(
        dv::p("path", &Sqlite::path, "dvhost.sqlite", "the database, seen from the run's folder; runs may share one"),
        dv::p("name", &Sqlite::run_name, "", "what the run is called in it; empty: the name of the run's folder"));

    void open() override {
        names_ = loggers::Names(prefix, "-");
        filter_ = loggers::RowFilter(log_every);
        output_ = loggers::find_output(*this, *this, path);
        database_.emplace(output_.file);
        database_->execute(kSchema);
        insert_.emplace(*database_, "INSERT INTO numbers VALUES(?, ?, ?, ?, ?, ?, ?)");
        insert_note_.emplace(*database_, "INSERT INTO notes VALUES(?, ?, ?, ?, ?, ?)");
        find_name_.emplace(*database_, "SELECT id FROM names WHERE name = ?");
        insert_name_.emplace(*database_, "INSERT INTO names(name) VALUES(?)");
        output_.resumed ? continue_run() : begin_run();
    }

    /// The run that open() has begun goes; the one that was begun in this folder before keeps what counts.
    void resume(const dv_resume& from) override {
        const std::int64_t former = former_run();
        if (former == 0) return;
        begin();
        sqlite::Statement(*database_, "DELETE FROM runs WHERE id = ?").run(run_);
        run_ = former;
        n_ = last_kept(from);
        forget_what_follows();
        sqlite::Statement(*database_, "DELETE FROM params WHERE run = ?").run(run_);
        sqlite::Statement(*database_, "UPDATE runs SET ended = NULL, outcome = NULL WHERE id = ?").run(run_);
        commit();
    }

    void metrics(const dv::Row& row) override {
        if (row.metrics.empty() || !filter_.due(row)) return;
        begin();
        const double time = times_.of(row);
        for (const dv_metric& m : row.metrics) {
            insert_->run(run_, ++n_, name_id(names_.of(m.name)), row.step, row.epoch, time, m.value);
        }
        commit_if_due();
    }

    void hyperparameters(const dv_config& manifest) override {
        begin();
        sqlite::Statement insert(*database_, "INSERT OR REPLACE INTO params VALUES(?, ?, ?)");
        put_params(insert, manifest, manifest.root, "");
        commit();
    }
    void text(std::string_view name, std::string_view text, std::int64_t step) override { put_note("text", names_.of(name), step, text); }
    void image(std::string_view name, const dv_image& image, std::int64_t step) override {
        put_note("image", names_.of(name), step, sqlite::Bytes{dv::detail::view(image.png)});
    }
    void histogram(std::string_view name, const dv_histogram& h, std::int64_t step) override {
        std::string json = "{\"limits\":";
        loggers::json::append_numbers(json, {h.limits, h.n_buckets});
        json += ",\"counts\":";
        loggers::json::append_numbers(json, {h.counts, h.n_buckets});
        put_note("histogram", names_.of(name), step, json += '}');
    }
    void artifact(std::string_view name, std::string_view file) override { put_note("artifact", name, 0, file); }

    void flush() override { commit(); }
    void finalize(std::string_view outcome) override {
        commit();
        sqlite::Statement(*database_, "UPDATE runs SET ended = ?, outcome = ? WHERE id = ?").run(wall_time(), outcome, run_);
        database_->execute("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    std::string position() override { return output_.position(static_cast<std::uint64_t>(n_), static_cast<std::uint64_t>(run_)); }

private:
    void begin_run() {
        std::string words = "[";
        for (const std::string& tag : tags) {
            if (words.size() > 1) words += ',';
            loggers::json::append_string(words, tag);
        }
        const std::string folder = run_folder();
        sqlite::Statement(*database_, "INSERT INTO runs(name, \"group\", tags, folder, started) VALUES(?, ?, ?, ?, ?)")
            .run(run_name.empty() ? fs::path(folder).filename().string() : run_name, group, words += ']', folder, wall_time());
        run_ = database_->last_id();
    }
    std::string run_folder() const {
        const auto* paths = extension<dv_paths_1>(DV_EXT_PATHS);
        return std::string(paths != nullptr ? dv::detail::view(paths->run_dir(paths->self)) : std::string_view());
    }

    /// The run that was here before, 0: none. A database in the run's folder may have moved with it. When several loggers of one run
    /// share a name, each finds its own: as many have begun behind it now as had then.
    std::int64_t former_run() {
        return sqlite::Statement(*database_, R"(
            WITH mine AS (SELECT runs.id FROM runs JOIN runs AS begun ON begun.id = ?1 AND begun.name = runs.name
                          WHERE runs.folder = ?2 OR ?3)
            SELECT id FROM mine WHERE id < ?1 ORDER BY id DESC LIMIT 1 OFFSET (SELECT count(*) FROM mine WHERE id > ?1))")
            .number(0, run_, run_folder(), std::int64_t{fs::path(path).is_relative()});
    }

    /// Behind the last number that counts. A run that was thinned out does not have the rows that were counted, but it has their steps.
    std::int64_t last_kept(const dv_resume& from) {
        if (log_every > 1) {
            return sqlite::Statement(*database_, R"(
                SELECT max(n) FROM numbers WHERE run = ?1 AND n < ifnull((SELECT min(n) FROM numbers WHERE run = ?1 AND step >= ?2), n + 1))")
                .number(0, run_, from.step);
        }
        return sqlite::Statement(*database_, R"(
            SELECT max(n) FROM (
                SELECT n, sum(begins) OVER (ORDER BY n) AS row FROM (
                    SELECT n, (lag(time) OVER w, lag(step) OVER w, lag(epoch) OVER w) IS NOT (time, step, epoch) AS begins
                    FROM numbers WHERE run = ?1 WINDOW w AS (ORDER BY n)))
            WHERE row <= ?2)")
            .number(0, run_, from.rows);
    }

    /// What was committed behind the position comes again.
    void continue_run() {
        run_ = static_cast<std::int64_t>(output_.resumed_id);
        n_ = static_cast<std::int64_t>(*output_.resumed);
        begin();
        forget_what_follows();
        commit();
    }
    void forget_what_follows() {
        for (const char* statement : {"DELETE FROM numbers WHERE run = ? AND n > ?", "DELETE FROM notes WHERE run = ? AND n > ?"}) {
            sqlite::Statement(*database_, statement).run(run_, n_);
        }
    }

    void begin() {
        if (database_->in_transaction()) return;
        if (expects_transaction_) name_ids_.clear();  // a full disk took it back, and the names that were new in it
        database_->execute("BEGIN IMMEDIATE");
        expects_transaction_ = true;
        began_ = std::chrono::steady_clock::now();
    }
    void commit() {
        if (!database_->in_transaction()) return;
        database_->execute("COMMIT");
        expects_transaction_ = false;
    }
    void commit_if_due() {
        if (std::chrono::steady_clock::now() - began_ >= std::chrono::seconds(1)) commit();
    }

    template <class Content>
    void put_note(std::string_view kind, std::string_view name, std::int64_t step, const Content& content) {
        begin();
        insert_note_->run(run_, ++n_, kind, name, step, content);
        commit_if_due();
    }

    std::int64_t name_id(std::string_view name) {
        const auto known = name_ids_.find(name);
        if (known != name_ids_.end()) return known->second;
        std::int64_t id = find_name_->number(0, name);
        if (id == 0) {
            insert_name_->run(name);
            id = database_->last_id();
        }
        return name_ids_.emplace(name, id).first->second;
    }

    /// "model.layer.0.name" and its value as JSON.
    void put_params(sqlite::Statement& insert, const dv_config& manifest, const dv_node* node, const std::string& place) {
        const std::int32_t kind = manifest.kind(node);
        if (kind != DV_KIND_TABLE && kind != DV_KIND_LIST) {
            std::string value;
            loggers::json::append_node(value, manifest, node);
            return insert.run(run_, place, value);
        }
        for (std::uint64_t i = 0, n = manifest.count(node); i < n; ++i) {
            const std::string key = kind == DV_KIND_TABLE ? std::string(dv::detail::view(manifest.key(node, i))) : std::to_string(i);
            put_params(insert, manifest, manifest.item(node, i), place.empty() ? key : place + "." + key);
        }
    }

    loggers::Names names_;
    loggers::RowFilter filter_;
    loggers::DistinctTimes times_;
    loggers::Output output_;
    std::optional<sqlite::Database> database_;
    std::optional<sqlite::Statement> insert_, insert_note_, find_name_, insert_name_;
    std::unordered_map<std::string, std::int64_t, HashText, std::equal_to<>> name_ids_;
    bool expects_transaction_ = false;
    std::int64_t run_ = 0;
    std::int64_t n_ = 0;  // numbers and notes of this run so far
    std::chrono::steady_clock::time_point began_;
};

}  // namespace
DV_COMPONENT(Sqlite, "dvhost.logger.sqlite", "Keeps everything in an SQLite database");
