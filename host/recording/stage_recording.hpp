#pragma once
/// All recorders of a stage, from the first batch to their files.

#include "recording/response_recorder.hpp"

#include <dv/torch/batch.hpp>

#include <map>
#include <memory>

namespace dvhost::recording {

/// What a run records, and where to.
struct Plan {
    std::vector<Settings> recorders;
    std::filesystem::path folder;       ///< files are <folder>/<name>_<stage>.npz and .h5
    std::filesystem::path hdf5_module;  ///< write_hdf5()
    std::function<std::map<std::string, std::string>()> attributes = [] {
        return std::map<std::string, std::string>();
    };
    std::function<void(const std::string&)> info = [](const std::string&) {}, warn = [](const std::string&) {};
    std::uint64_t seed = 0;

    bool any(const std::string& stage) const;
};

/// One pass, or one epoch of training. At its end, or when a pass ends early, what was kept is written.
class StageRecording {
public:
    /// Plan and model must outlive this object. `more`: attributes of this pass beside the plan's.
    StageRecording(const Plan& plan, const std::string& stage, dv::Model& model, std::int64_t n_samples,
                   std::map<std::string, std::string> more = {});
    ~StageRecording();
    StageRecording(const StageRecording&) = delete;
    StageRecording& operator=(const StageRecording&) = delete;

    /// Around each step of the model, which records in between only: others may listen to it at other times. labels may be
    /// undefined. Throws dv::Error without outputs.
    void begin_batch(const dv::Batch& batch);
    void end_batch(const dv::Batch& batch, const at::Tensor& outputs, const at::Tensor& labels);
    /// Every recorder has what it keeps of this pass.
    bool is_full() const;
    /// Writes the files. Throws dv::IoError. A destruction without it writes too, as an incomplete pass, and throws nothing.
    void finish();

private:
    /// Hands what the model shows to each recorder that wants it.
    struct Fan final : dv::temporal::Recorder {
        std::vector<std::unique_ptr<ResponseRecorder>> recorders;
        bool wants(std::size_t layer, std::int64_t timestep) const override;
        void record(std::size_t layer, std::int64_t timestep, const at::Tensor& response) override;
    };
    void write(bool is_complete) const;
    std::map<std::string, std::string> attributes_of(const ResponseRecorder& recorder, bool is_complete) const;

    const Plan& plan_;
    std::string stage_;
    dv::Model& model_;
    std::map<std::string, std::string> more_;
    std::vector<dv::LayerFacts> layers_;
    Fan fan_;
    bool is_finished_ = false;
};

}  // namespace dvhost::recording
