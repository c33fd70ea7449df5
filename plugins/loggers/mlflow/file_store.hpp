#pragma once
/// MLflow's file store: <root>/<experiment>/<run>/{meta.yaml,metrics,params,tags,artifacts}.

#include "store.hpp"

#include <filesystem>
#include <string>
#include <unordered_map>

namespace mlflow {

/// Everything is written anew from the beginning: a run folder that is there already is replaced.
class FileStore final : public Store {
public:
    /// `run_id`: 32 hexadecimal digits.
    FileStore(std::filesystem::path root, std::string experiment, std::string run_id);

    std::string begin(const std::string& name, std::int64_t start_time, const Pairs& tags) override;
    void log(const Batch& batch) override;
    void upload(const std::string& name, const std::string& path) override;
    void end(Status status, std::int64_t end_time) override;
    std::string place() const override { return run_.string(); }

private:
    void find_experiment(std::int64_t now);
    void write_meta(Status status, std::int64_t end_time) const;
    /// The file of a key below `kind`. A file cannot be a folder, too: where "loss" is a file, "loss/a" becomes
    /// "loss.a", and where it is a folder, "loss" becomes "loss.value".
    const std::filesystem::path& file_of(const char* kind, std::string_view key);

    std::filesystem::path root_;
    std::string experiment_, experiment_id_, run_id_, name_;
    std::filesystem::path run_;
    std::int64_t start_time_ = 0;
    std::unordered_map<std::string, std::filesystem::path> files_;  // by kind and key
};

}  // namespace mlflow
