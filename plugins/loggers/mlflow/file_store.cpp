#include "file_store.hpp"

#include "number_text.hpp"
#include "wire/config_json.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <system_error>

namespace mlflow {

namespace {

namespace fs = std::filesystem;

void make_folders(const fs::path& folder) {
    std::error_code failed;
    fs::create_directories(folder, failed);
    if (failed) throw dv::IoError("cannot make the folder '" + folder.string() + "': " + failed.message());
}

enum class How { replace, append };

void write(const fs::path& path, std::string_view text, How how) {
    make_folders(path.parent_path());
    std::ofstream out(path, std::ios::binary | (how == How::append ? std::ios::app : std::ios::trunc));
    out << text << std::flush;
    if (!out) throw dv::IoError("cannot write '" + path.string() + "'");
}

/// A JSON string is a YAML one.
std::string yaml_text(std::string_view text) { return loggers::wire::quoted(text); }

/// The value of `name:` in a meta.yaml of flat text, without quotes; empty when it is not there.
std::string meta_value(const fs::path& meta, const std::string& name) {
    std::ifstream in(meta);
    for (std::string line; std::getline(in, line);) {
        if (!line.starts_with(name + ": ")) continue;
        std::string value = line.substr(name.size() + 2);
        if (value.starts_with('"')) {
            const auto text = nlohmann::json::parse(value, nullptr, false);
            return text.is_string() ? text.get<std::string>() : std::string();
        }
        if (value.size() >= 2 && value.starts_with('\'')) value = value.substr(1, value.size() - 2);
        return value;
    }
    return {};
}

bool is_number(const std::string& text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

FileStore::FileStore(fs::path root, std::string experiment, std::string run_id)
    : root_(std::move(root)), experiment_(std::move(experiment)), run_id_(std::move(run_id)) {}

/// Ids are numbers of 18 digits, as MLflow's file store makes them.
void FileStore::find_experiment(std::int64_t now) {
    std::error_code unreadable;
    for (const auto& entry : fs::directory_iterator(root_, unreadable)) {
        const std::string id = entry.path().filename().string();
        if (is_number(id) && meta_value(entry.path() / "meta.yaml", "name") == experiment_) {
            experiment_id_ = id;
            return;
        }
    }
    std::uint64_t id = 100000000000000000u + static_cast<std::uint64_t>(now);
    while (fs::exists(root_ / std::to_string(id))) ++id;
    experiment_id_ = std::to_string(id);
    const fs::path folder = root_ / experiment_id_;
    const std::string time = std::to_string(now);
    write(folder / "meta.yaml",
          "artifact_location: " + yaml_text(folder.string()) + "\ncreation_time: " + time + "\nexperiment_id: '" +
              experiment_id_ + "'\nlast_update_time: " + time +
              "\nlifecycle_stage: active\nname: " + yaml_text(experiment_) + "\n",
          How::replace);
}

std::string FileStore::begin(const std::string& name, std::int64_t start_time, const Pairs& tags) {
    root_ = fs::absolute(root_);
    find_experiment(start_time);
    run_ = root_ / experiment_id_ / run_id_;
    std::error_code ignored;
    fs::remove_all(run_, ignored);
    name_ = name;
    start_time_ = start_time;
    for (const char* part : {"metrics", "params", "tags", "artifacts"}) make_folders(run_ / part);
    Batch first;
    first.tags = tags;
    if (!name.empty()) first.tags.emplace_back("mlflow.runName", name);
    log(first);
    write_meta(Status::running, 0);
    return run_id_;
}

void FileStore::write_meta(Status status, std::int64_t end_time) const {
    write(run_ / "meta.yaml",
          "artifact_uri: " + yaml_text((run_ / "artifacts").string()) + "\nend_time: " +
              (end_time == 0 ? "null" : std::to_string(end_time)) + "\nentry_point_name: ''\nexperiment_id: '" +
              experiment_id_ + "'\nlifecycle_stage: active\nrun_id: " + run_id_ + "\nrun_name: " + yaml_text(name_) +
              "\nrun_uuid: " + run_id_ +
              "\nsource_name: ''\nsource_type: 4\nsource_version: ''\nstart_time: " + std::to_string(start_time_) +
              "\nstatus: " + std::to_string(static_cast<int>(status)) + "\ntags: []\nuser_id: dvhost\n",
          How::replace);
}

void FileStore::log(const Batch& batch) {
    std::map<std::string_view, std::string> lines;
    for (const Metric& m : batch.metrics) {
        std::string& out = lines[m.key];
        out += std::to_string(m.timestamp) + ' ';
        loggers::append_number(out, m.value);
        out += ' ' + std::to_string(m.step) + '\n';
    }
    for (const auto& [key, text] : lines) write(file_of("metrics", key), text, How::append);
    for (const auto& [key, value] : batch.params) write(file_of("params", key), value, How::replace);
    for (const auto& [key, value] : batch.tags) write(file_of("tags", key), value, How::replace);
}

const fs::path& FileStore::file_of(const char* kind, std::string_view key) {
    const auto [found, is_new] = files_.try_emplace(std::string(kind) + '/' + std::string(key));
    if (!is_new) return found->second;
    fs::path path = run_ / kind;
    for (const fs::path& part : fs::path(key)) {
        if (fs::is_regular_file(path)) {
            path += "." + part.string();
        } else {
            path /= part;
        }
    }
    if (fs::is_directory(path)) path += ".value";
    return found->second = path;
}

void FileStore::upload(const std::string& name, const std::string& path) {
    const fs::path target = run_ / "artifacts" / name;
    make_folders(target.parent_path());
    std::error_code failed;
    fs::copy_file(path, target, fs::copy_options::overwrite_existing, failed);
    if (failed) throw Refused("cannot copy '" + path + "' to '" + target.string() + "': " + failed.message());
}

void FileStore::end(Status status, std::int64_t end_time) { write_meta(status, end_time); }

}  // namespace mlflow
