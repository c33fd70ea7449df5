#include "run_log.hpp"

#include "number_text.hpp"
#include "wire/utf8.hpp"

#include <dv/error.hpp>

#include <sys/utsname.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

namespace wandb {

namespace {

namespace fs = std::filesystem;
using loggers::wire::Message;

constexpr std::string_view kFolderFront = "offline-run-";  // `wandb sync` passes over folders of other names
constexpr double kSummaryEvery = 15.0;                     // [s]
constexpr std::size_t kShortSummary = 100;                 // names
constexpr std::size_t kLongestRow = (10u << 20) - (100u << 10);

std::string date_of(double seconds, const char* format) {
    const auto whole = static_cast<std::time_t>(seconds);
    std::tm parts{};
    ::gmtime_r(&whole, &parts);
    std::array<char, 64> text{};
    return {text.data(), std::strftime(text.data(), text.size(), format, &parts)};
}

/// Two runs may begin in the same second; then the second one's time is moved.
fs::path new_folder(const fs::path& above, const RunFacts& facts) {
    for (double time = facts.start_time;; time += 1) {
        fs::path folder = above / (std::string(kFolderFront) + date_of(time, "%Y%m%d_%H%M%S") + '-' + facts.id);
        std::error_code failed;
        fs::create_directories(above, failed);
        const bool made = !failed && fs::create_directory(folder, failed);
        if (failed) throw dv::IoError("cannot make the folder '" + folder.string() + "': " + failed.message());
        if (!made) continue;
        for (const char* part : {"files", "logs", "tmp"}) fs::create_directory(folder / part, failed);
        return folder;
    }
}

std::string id_of(const fs::path& folder) {
    const std::string name = folder.filename().string();
    const std::size_t dash = name.find('-', kFolderFront.size());
    return dash == std::string::npos ? std::string() : name.substr(dash + 1);
}

fs::path log_path(const fs::path& folder) { return folder / ("run-" + id_of(folder) + ".wandb"); }

/// Takes one word off the front of a position.
template <class T>
T take(std::string_view& position) {
    T value{};
    const auto read = std::from_chars(position.data(), position.data() + position.size(), value);
    const auto n = static_cast<std::size_t>(read.ptr - position.data());
    if (read.ec != std::errc{} || n >= position.size() || position[n] != ' ') {
        throw dv::Error("'" + std::string(position) + "' is no position in a run of W&B");
    }
    position.remove_prefix(n + 1);
    return value;
}

void put_environment(Message& out, double start_time) {
    utsname system{};
    ::uname(&system);
    out.bytes(1, std::string(system.sysname) + '-' + system.release + '-' + system.machine);
    out.nested(3, [&](Message& time) { time.integer(1, static_cast<std::int64_t>(start_time)); });
    out.bytes(6, "dvhost").bytes(12, system.nodename);
    out.integer(16, ::sysconf(_SC_NPROCESSORS_ONLN)).bytes(199, "dvhost");
}

}  // namespace

RunLog::RunLog(const fs::path& above, RunFacts facts, double patience)
    : folder_(new_folder(above, facts)),
      log_(log_path(folder_)),
      patience_(patience),
      start_time_(facts.start_time),
      last_summary_(facts.start_time) {
    begin(facts);
}

RunLog::RunLog(const fs::path& above, std::string_view position, double patience)
    : folder_(above / position.substr(position.rfind(' ') + 1)),
      log_(log_path(folder_), take<std::uint64_t>(position)),
      patience_(patience),
      start_time_(0),
      last_summary_(0) {
    number_ = take<std::int64_t>(position);
    n_rows_ = take<std::int64_t>(position);
    start_time_ = last_summary_ = take<double>(position);
}

void RunLog::begin(const RunFacts& facts) {
    n_rows_ = facts.starting_step;
    const double now = facts.start_time;
    add(Content::header, now,
        [](Message& out) { out.nested(1, [](Message& version) { version.bytes(1, "dvhost").bytes(2, "0.13.0"); }); });
    add(Content::run, now, [&](Message& out) { put_run(out, facts); });
    add(Content::environment, now, [&](Message& out) { put_environment(out, facts.start_time); });
    add(Content::metric, now,
        [](Message& out) { out.bytes(1, kStepMetric).nested(6, [](Message& options) { options.boolean(3, true); }); });
    add(Content::metric, now, [](Message& out) { put_metric_rule(out); });
    key_of(kStepMetric);
    log_.file().write();
}

void RunLog::config(std::string_view name, std::string_view value, double now) {
    add(Content::config, now,
        [&](Message& out) { out.nested(1, [&](Message& update) { update.bytes(1, name).bytes(16, value); }); });
}

RunLog::Key& RunLog::key_of(std::string_view name) {
    if (const auto found = keys_.find(name); found != keys_.end()) return found->second;
    const std::string text = loggers::wire::valid_utf8(name);
    if (!text.starts_with('_') && text != kStepMetric) {
        add(Content::metric, start_time_ + last_runtime_, [&](Message& out) { put_metric(out, text); });
    }
    Key key;
    key.name = text;
    key.head = item_head(text);
    return keys_.emplace(std::string(name), std::move(key)).first->second;
}

void RunLog::put(std::string_view name, std::string_view value) {
    Key& key = key_of(name);
    key.last = value;
    if (key.row != n_rows_) row_.push_back(&key);
    key.row = n_rows_;
    if (!key.changed) changed_.push_back(&key);
    key.changed = true;
}

void RunLog::put_number(std::string_view name, double value) {
    scratch_.clear();
    append_number(scratch_, value);
    put(name, scratch_);
}

double RunLog::runtime(double wall_time) { return last_runtime_ = std::max(last_runtime_, wall_time - start_time_); }

void RunLog::refuse_long_row() {
    std::size_t size = 0;
    for (const Key* key : row_) size += key->head.size() + key->last.size();
    if (size <= kLongestRow) return;
    const auto longest = std::ranges::max_element(row_, {}, [](const Key* key) { return key->last.size(); });
    const std::string text = "a row of " + std::to_string(size) + " bytes is left out: W&B's server takes " +
                             std::to_string(kLongestRow) + ", and '" + (*longest)->name + "' alone has " +
                             std::to_string((*longest)->last.size());
    for (Key* key : row_) {
        key->row = -1;
        key->changed = false;
        std::erase(changed_, key);
    }
    throw dv::Error(text);
}

void RunLog::end_row(std::int64_t step, double wall_time) {
    refuse_long_row();
    put_number(kStepMetric, static_cast<double>(step));
    put_number("_step", static_cast<double>(n_rows_));
    put_number("_runtime", runtime(wall_time));
    put_number("_timestamp", wall_time);
    scratch_.clear();
    for (const Key* key : row_) put_item_behind(scratch_, key->head, key->last);
    Message(scratch_).nested(2, [&](Message& number) { number.integer(1, n_rows_); });
    ++n_rows_;
    std::string record;
    Message(record).integer(1, ++number_).bytes(static_cast<std::uint32_t>(Content::history), scratch_);
    log_.add(record, wall_time, patience_);
    if (wall_time - last_summary_ >= kSummaryEvery) write_summary(wall_time);
}

void RunLog::file(std::string_view path, FileKind kind, double now) {
    constexpr int kEnd = 1;  // to be uploaded when the run is over
    add(Content::files, now, [&](Message& out) {
        out.nested(1, [&](Message& file) {
            file.bytes(1, loggers::wire::valid_utf8(path)).integer(2, kEnd).integer(3, static_cast<std::int64_t>(kind));
        });
    });
}

void RunLog::write_summary(double now) {
    last_summary_ = now;
    if (changed_.empty()) return;
    std::string items;
    for (Key* key : changed_) {
        put_item_behind(items, key->head, key->last);
        key->changed = false;
    }
    changed_.clear();
    std::string seconds;
    append_number(seconds, last_runtime_);
    Message(items).nested(1, [&](Message& item) { item.bytes(2, "_wandb").bytes(2, "runtime").bytes(16, seconds); });
    std::string record;
    Message(record).integer(1, ++number_).bytes(static_cast<std::uint32_t>(Content::summary), items);
    log_.add(record, now, patience_);
}

void RunLog::write_summary_when_due(double now) {
    if (changed_.size() <= kShortSummary || now - last_summary_ >= kSummaryEvery) write_summary(now);
}

void RunLog::exit(int code, double now) {
    runtime(now);
    write_summary(now);
    add(Content::exit, now,
        [&](Message& out) { out.integer(1, code).integer(2, static_cast<std::int64_t>(last_runtime_)); });
    add(Content::final, now, [](Message&) {});
    log_.file().sync();
}

std::string RunLog::position() const {
    std::string out =
        std::to_string(log_.file().size()) + ' ' + std::to_string(number_) + ' ' + std::to_string(n_rows_) + ' ';
    loggers::append_number(out, start_time_);
    return out + ' ' + folder_.filename().string();
}

std::optional<std::string> newest_id(const fs::path& above) {
    std::string newest;
    std::error_code unreadable;
    for (const auto& entry : fs::directory_iterator(above, unreadable)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with(kFolderFront)) newest = std::max(newest, name);
    }
    if (newest.empty()) return std::nullopt;
    return id_of(newest);
}

}  // namespace wandb
