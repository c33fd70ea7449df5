#pragma once
/// Writes checkpoints beside the training.
///
/// Weights change only in optimizer steps. So a request costs the training thread next to nothing: tensors that only a step changes are
/// copied by the writing thread while the next forward pass runs, and wait_copied() holds the next step until that is done.

#include "checkpoint/pickle.hpp"

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace dvhost::checkpoint {

/// Writes `value` to `file` by way of a temporary file in the same folder, synced and renamed: whatever happens, `file` is the
/// former one or the whole new one. Makes the folder. Throws dv::IoError with path and reason.
void write_file(const std::filesystem::path& file, const PickleValue& value);

class Saver {
public:
    /// `before_rename` is called on the writing thread when a file is written and not yet under its name; may wait.
    explicit Saver(std::function<void()> before_rename = [] {});
    /// Waits for everything.
    ~Saver();
    Saver(const Saver&) = delete;
    Saver& operator=(const Saver&) = delete;

    /// `value` to `file`. `steady` are the tensors that do not change before the next wait_copied(); all others are copied here.
    /// Waits while an earlier request is still being written. [step]
    void write(std::filesystem::path file, PickleValue value, const std::vector<at::Tensor>& steady);
    /// Removes a file once everything asked before is on disk; not if that failed.
    void remove(std::filesystem::path file);
    /// `text` to `file`, as a whole, once everything asked before is on disk; not if that failed.
    void write_text(std::filesystem::path file, std::string text);
    /// Returns when no tensor of the run is being read any more. [step]
    void wait_copied();
    /// Returns when nothing is under way. [step]
    void drain();
    /// What has gone wrong since the last call.
    std::vector<std::string> take_failures();

private:
    struct Job {
        std::filesystem::path file;
        std::optional<PickleValue> value = {};
        std::set<const void*> lent = {};  ///< where the values of tensors lie that are still the run's own
        std::optional<std::string> text = {};  ///< neither: remove the file
    };
    void add(Job job);
    void work();
    void run(Job& job);

    std::function<void()> before_rename_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Job> jobs_;
    bool copying_ = false;  // a job's tensors are still the run's own
    bool busy_ = false;
    bool closing_ = false;
    bool failed_ = false;   // the newest write
    std::vector<std::string> failures_;
    std::thread thread_;  // begun with the first request
};

}  // namespace dvhost::checkpoint
