#include "wire/flat_config.hpp"
#include "logger_options.hpp"
#include "operations_file.hpp"
#include "wire/keep_file.hpp"
#include "wire/proto.hpp"
#include "wire/sha256.hpp"
#include "wire/utf8.hpp"
#include "wire/wall_clock.hpp"

#include <dv/logger.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <random>
#include <string>

namespace {

namespace fs = std::filesystem;
using loggers::wire::Message;

constexpr std::size_t kLongestPath = 1024;                  // of an attribute, bytes
constexpr std::size_t kLongestText = std::size_t{1} << 20;  // of a point
constexpr std::size_t kLongestUpdate = 1500000;             // an operation may have 2 MB
constexpr std::uint32_t kMostBuckets = 512;

/// neptune-scale's offline file. The service that it was made for has ended.
struct Neptune final : dv::Logger, loggers::CommonOptions {
    std::string project, run_id, experiment_name;
    bool log_files = true;
    double flush_secs = 0;
    static constexpr auto params = std::tuple_cat(
        dv::schema(
            dv::p("project", &Neptune::project, "workspace/dvhost", "workspace/project"),
            dv::p("run_id", &Neptune::run_id, "", "the run's id, at most 730 bytes; empty: a random one"),
            dv::p("experiment_name", &Neptune::experiment_name, "", "runs of one name are one experiment"),
            dv::p("log_files", &Neptune::log_files, true, "checkpoints and other files are kept for the server too"),
            dv::p("flush_secs", &Neptune::flush_secs, 1.0, "operations wait no longer than this for others",
                  dv::unit{"s"}, dv::at_least{0}),
            dv::p("save_dir", &Neptune::save_dir, "", "the folder .neptune/ is made in it; empty: in the run's folder"),
            dv::p("group", &Neptune::group, "", "a name that several runs share"),
            dv::p("tags", &Neptune::tags, dv::empty, "words to find the run by"),
            dv::p("prefix", &Neptune::prefix, "training", "stands before every name")),
        dv::schema(
            dv::p("log_every", &Neptune::log_every, 1,
                  "rows of the same names that are closer than so many steps to the last one written are left out",
                  dv::at_least{1})));

    void open() override {
        check();
        above_ = (save_dir.empty() ? loggers::output_folder(*this, {}) : save_dir) / ".neptune";
        names_ = loggers::Names(prefix, "/");
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
        begin(row.wall_time, row.step);
        if (row.epoch >= 0)
            append(names_.of("epoch"), [&](Message& value) { value.number(1, static_cast<double>(row.epoch)); });
        for (const dv_metric& m : row.metrics) {
            if (!std::isfinite(m.value)) {
                ++n_left_out_;
                continue;
            }
            append(names_.of(m.name), [&](Message& value) { value.number(1, m.value); });
            if (update_.size() > kLongestUpdate) end(row.wall_time), begin(row.wall_time, row.step);
        }
        end(row.wall_time);
    }

    void hyperparameters(const dv_config& manifest) override {
        begin(now(), std::nullopt);
        for (const auto& value : loggers::wire::flatten(manifest)) {
            const std::string path(names_.of("hyperparameters/" + value.name));
            entry(4, path, [&](Message& out) { put_value(out, value); });
        }
        end(now());
    }

    void text(std::string_view key, std::string_view text, std::int64_t step) override {
        const std::string good = loggers::wire::valid_utf8(text);
        begin(now(), step);
        append(names_.of(key), [&](Message& value) { value.bytes(6, loggers::wire::cut_utf8(good, kLongestText)); });
        end(now());
    }

    void histogram(std::string_view key, const dv_histogram& h, std::int64_t step) override {
        if (h.n_buckets == 0) return;
        begin(now(), step);
        append(names_.of(key), [&](Message& value) { value.nested(14, [&](Message& out) { put_histogram(out, h); }); });
        end(now());
    }

    /// Kept beside the database, from where neptune-scale uploads it and then takes it away.
    void artifact(std::string_view key, std::string_view path) override {
        if (!log_files) return;
        const fs::path from{path};
        const std::string attribute(names_.of("files/" + std::string(key) + '/' + from.filename().string()));
        const fs::path kept = fs::absolute(path_.parent_path() / "files" / short_digest(attribute) / from.filename());
        loggers::wire::keep_file(from, kept);
        const auto size = static_cast<std::int64_t>(fs::file_size(kept));
        const std::string there = destination(attribute, from.filename().string());
        const std::string kind = neptune::media_type(from.extension().string());
        begin(now(), std::nullopt);
        file_->add_upload(kept.string(), there, kind, size);
        entry(4, attribute, [&](Message& value) {
            value.nested(13, [&](Message& file) { file.bytes(1, there).integer(2, size).bytes(3, kind); });
        });
        end(now());
    }

    void flush() override { file_->commit(); }

    void finalize(std::string_view outcome) override {
        begin(now(), std::nullopt);
        entry(4, "sys/dvhost/outcome", [&](Message& value) { value.bytes(6, outcome); });
        end(now());
        file_->commit();
        if (n_left_out_ > 0) {
            warn("Neptune knows no NaN and no infinity: " + std::to_string(n_left_out_) + " points are left out");
        }
        info("only a server of your own can take the file: neptune sync '" + path_.string() + "'");
    }

    std::string position() override {
        return std::to_string(file_->last()) + ' ' + path_.parent_path().filename().string();
    }

private:
    double now() const { return loggers::wire::wall_clock(*this); }

    void check() const {
        if (std::ranges::count(project, '/') != 1 || project.starts_with('/') || project.ends_with('/')) {
            throw dv::ParameterError("project", "is '" + project + "'; expected \"workspace/project\"");
        }
        if (run_id.size() > 730)
            throw dv::ParameterError("run_id", "has " + std::to_string(run_id.size()) + " bytes; expected at most 730");
    }

    /// Part of a folder's name: at most 64 plain characters.
    static std::string plain(std::string_view text) {
        std::string out(text.substr(0, 64));
        std::ranges::replace_if(
            out, [](unsigned char c) { return std::isalnum(c) == 0 && c != '-' && c != '.'; }, '_');
        return out;
    }

    static std::string short_digest(std::string_view text) { return loggers::wire::sha256(text).substr(0, 16); }
    /// A place in the server's store that no other file has: <run>/<attribute>/none/<file>, as neptune-scale makes them.
    std::string destination(std::string_view attribute, std::string_view file) const {
        return plain(run_) + '-' + short_digest(run_) + '/' + plain(attribute) + '-' + short_digest(attribute) + "/none/" +
               plain(file.substr(file.size() - std::min<std::size_t>(file.size(), 64)));
    }

    void start() {
        if (run_id.empty()) {
            std::random_device random;
            for (int i = 0; i < 16; ++i) run_id += "abcdefghijklmnopqrstuvwxyz0123456789"[random() % 36];
        }
        auto stamp = static_cast<std::int64_t>(now() * 1e9);
        do {
            path_ = above_ / (plain(project) + '_' + plain(run_id) + '_' + std::to_string(stamp++)) /
                    "run_operations.sqlite3";
        } while (fs::exists(path_));
        file_.emplace(path_, project, run_id);
        run_ = run_id;
        std::string run;
        Message message(run);
        message.bytes(1, run_id).nested(3, [&](Message& time) { put_time(time, now()); }).bytes(4, run_id);
        if (!experiment_name.empty()) message.bytes(5, experiment_name);
        file_->add(neptune::Operation::create, run, static_cast<std::int64_t>(now() * 1000));
        put_labels();
        file_->commit();
    }

    void put_labels() {
        begin(now(), std::nullopt);
        entry(4, "sys/dvhost/created_from", [](Message& value) { value.bytes(6, "dvhost"); });
        if (!group.empty())
            entry(4, "sys/dvhost/group", [&](Message& value) { value.bytes(6, loggers::wire::valid_utf8(group)); });
        if (!tags.empty()) {
            entry(5, "sys/tags", [&](Message& set) {
                set.nested(1, [&](Message& strings) {
                    for (const std::string& tag : tags) {
                        strings.nested(
                            1, [&](Message& add) { add.bytes(1, loggers::wire::valid_utf8(tag)).integer(2, 1); });
                    }
                });
            });
        }
        end(now());
    }

    void go_on(const std::string& at) {
        std::int64_t last = 0;
        const char* space = std::from_chars(at.data(), at.data() + at.size(), last).ptr;
        std::string folder(space, at.data() + at.size());
        if (!folder.empty()) folder.erase(0, 1);
        path_ = above_ / folder / "run_operations.sqlite3";
        file_.emplace(path_, last);
        run_ = file_->run_id();
    }

    static void put_time(Message& out, double seconds) {
        const double whole = std::floor(seconds);
        out.integer(1, static_cast<std::int64_t>(whole)).integer(2, static_cast<std::int64_t>((seconds - whole) * 1e9));
    }
    static void put_value(Message& out, const loggers::wire::FlatValue& value) {
        if (const auto* on = std::get_if<bool>(&value.value)) {
            out.boolean(5, *on);
        } else if (const auto* whole = std::get_if<std::int64_t>(&value.value)) {
            out.integer(3, *whole);
        } else if (const auto* number = std::get_if<double>(&value.value);
                   number != nullptr && std::isfinite(*number)) {
            out.number(1, *number);
        } else {
            out.bytes(6, loggers::wire::cut_utf8(text_of(value), kLongestText));
        }
    }
    static void put_histogram(Message& out, const dv_histogram& h) {
        const std::uint32_t together = (h.n_buckets + kMostBuckets - 1) / kMostBuckets;
        std::vector<double> edges{std::min(h.min, h.limits[0])};
        std::string counts;
        for (std::uint32_t i = 0; i < h.n_buckets; i += together) {
            const std::uint32_t stop = std::min(i + together, h.n_buckets);
            double count = 0;
            for (std::uint32_t k = i; k < stop; ++k) count += h.counts[k];
            const double edge = h.limits[stop - 1];
            edges.push_back(std::isfinite(edge) ? edge : std::max(h.max, edges.back()));
            loggers::wire::append_varint(counts, static_cast<std::uint64_t>(count));
        }
        out.packed<double>(1, edges).nested(4, [&](Message& values) { values.bytes(1, counts); });
    }

    void begin(double wall_time, std::optional<std::int64_t> step) {
        update_.clear();
        Message message(update_);
        if (step)
            message.nested(1, [&](Message& out) { out.integer(1, std::max<std::int64_t>(0, *step)).integer(2, 0); });
        message.nested(2, [&](Message& time) { put_time(time, wall_time); });
        n_entries_ = 0;
    }
    /// One entry of a map of the update: field, path, value.
    template <class Write>
    void entry(std::uint32_t field, std::string_view path, Write&& write) {
        const std::string good = loggers::wire::valid_utf8(path);
        Message(update_).nested(
            field, [&](Message& out) { out.bytes(1, loggers::wire::cut_utf8(good, kLongestPath)).nested(2, write); });
        ++n_entries_;
    }
    template <class Write>
    void append(std::string_view path, Write&& write) {
        entry(8, path, write);
    }
    void end(double wall_time) {
        if (n_entries_ == 0) return;
        file_->add(neptune::Operation::update, update_, static_cast<std::int64_t>(wall_time * 1000));
        const bool due =
            !(std::abs(wall_time - last_commit_) < flush_secs);  // a clock set back must not stop the writing
        if (!due) return;
        last_commit_ = wall_time;
        file_->commit();
    }

    fs::path above_, path_;
    std::string run_;  // its id
    std::optional<neptune::OperationsFile> file_;
    loggers::Names names_;
    loggers::RowFilter filter_;
    std::string update_;  // kept for its memory
    std::size_t n_entries_ = 0;
    std::uint64_t n_left_out_ = 0;
    double last_commit_ = 0;
};

}  // namespace
DV_COMPONENT(Neptune, "dvhost.logger.neptune", "Writes the offline file of neptune-scale");
