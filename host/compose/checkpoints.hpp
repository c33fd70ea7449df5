#pragma once
/// What is behind dv.checkpoint: takes the run's state when all callbacks have seen a phase, and hands it to the saver.

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/saver.hpp"
#include "loops/trainer.hpp"
#include "manifest/node.hpp"

#include <filesystem>
#include <functional>
#include <string>
#include <variant>
#include <vector>

namespace dvhost::compose {

class Checkpoints {
public:
    /// `on_disk` is called on the saver's thread before a file gets its name: what was logged by then should be readable.
    Checkpoints(loops::Experiment& experiment, checkpoint::Context context, bool stop_on_error, std::function<void()> on_disk);

    /// From here on there is something to save. Sets the experiment's hooks.
    void attach(loops::Trainer& trainer);
    void set_resumed_from(const std::filesystem::path& file) { resumed_from_ = file.string(); }
    /// Where `best` and `last` are written down; empty: nowhere.
    void set_index(std::filesystem::path file) { index_ = std::move(file); }

    // The services of dv.checkpoint. [step]
    void save(const std::filesystem::path& file, bool weights_only);
    void request(std::filesystem::path file, bool weights_only) { asked_.push_back({Save{std::move(file), weights_only}}); }
    void remove(std::filesystem::path file) { asked_.push_back({Remove{std::move(file)}}); }
    void announce(std::string best, std::string last) { asked_.push_back({Announce{std::move(best), std::move(last)}}); }
    const std::string& resumed_from() const { return resumed_from_; }

    /// Waits for the disk. What could not be written; each is told once more at the end of the run.
    const std::vector<std::string>& finish();

private:
    struct Save {
        std::filesystem::path file;
        bool weights_only;
    };
    struct Remove {
        std::filesystem::path file;
    };
    struct Announce {
        std::string best, last;
    };
    using Wish = std::variant<Save, Remove, Announce>;

    void after_phase();
    void taken(bool weights_only, const std::function<void(checkpoint::PickleValue)>& use);
    std::vector<at::Tensor> steady() const;
    void report();

    loops::Experiment& experiment_;
    checkpoint::Context context_;
    bool stop_on_error_;
    loops::Trainer* trainer_ = nullptr;
    std::vector<Wish> asked_;
    std::string resumed_from_;
    std::filesystem::path index_;
    bool taking_ = false;
    std::vector<std::string> failures_;
    checkpoint::Saver saver_;  // last: its thread ends first
};

/// What a checkpoint says of the run: parameters of model and data, the resolved manifest, the seed.
checkpoint::Context checkpoint_context(const manifest::Node& manifest, std::uint64_t seed);

/// What a run folder says of its checkpoints.
struct CheckpointIndex {
    std::string best, last;  ///< paths; empty: none
};
CheckpointIndex read_index(const std::filesystem::path& file);

}  // namespace dvhost::compose
