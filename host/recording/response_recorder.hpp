#pragma once
/// Keeps what layers do while a model runs: chosen layers, steps and samples, in memory that does not grow.

#include "recording/array_file.hpp"
#include "recording/sample_slots.hpp"

#include <dv/temporal/recorder.hpp>
#include <dv/torch/model.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace dvhost::recording {

/// What is kept of a response [channel, y, x].
enum class Reduce {
    none,          ///< all of it
    channel_mean,  ///< the mean over channels, [y, x]
    space_mean,    ///< the mean over space, [channel]
    layer          ///< DynVision's four measures: mean and deviation of |response|, variance over space and over channels
};

struct Settings {
    std::string name = "responses";
    std::vector<std::string> stages{"test"};
    std::vector<std::string> layers{"*"};  ///< patterns
    std::int64_t every = 1, from = 0;      ///< time steps from, from + every, ...
    std::int64_t to = -1;                  ///< ... below this one; −1: all
    Reduce reduce = Reduce::none;
    at::ScalarType dtype = at::kFloat;  ///< or at::kHalf
    Policy policy = Policy::fixed;
    std::int64_t n_samples = 192;  ///< presentations that are kept; −1: all
    bool hdf5 = false;             ///< beside the NPZ
    double most_memory = 256e6;    ///< [bytes] more than this is kept in files while the pass goes on
};

/// One pass over one split.
class ResponseRecorder final : public dv::temporal::Recorder {
public:
    using Say = std::function<void(const std::string&)>;

    /// `n_available`: presentations of the pass. `info` is told, before the first response is kept, how much there will be. `folder`:
    /// for what is more than memory should hold, one .npy file per array; empty: everything stays in memory.
    ResponseRecorder(const Settings& settings, std::vector<dv::LayerFacts> layers, std::int64_t n_available,
                     std::uint64_t seed, Say info, std::filesystem::path folder = {});

    /// A batch of n presentations comes. [step]
    void begin_batch(std::int64_t n);
    bool wants(std::size_t layer, std::int64_t timestep) const override;
    /// Copies, without waiting for a device. Throws dv::Error when what is asked for fits neither into memory nor onto the disk.
    void record(std::size_t layer, std::int64_t timestep, const at::Tensor& response) override;
    /// The batch is done: outputs [batch, time, class]; labels [batch, time] and index [batch] may be undefined. Waits for the device.
    void end_batch(const at::Tensor& outputs, const at::Tensor& labels, const at::Tensor& index);

    const Settings& settings() const { return settings_; }
    /// Nothing that comes will be kept.
    bool is_full() const { return slots_.is_closed(); }
    std::int64_t n_kept() const { return slots_.n_kept(); }
    std::int64_t n_seen() const { return slots_.n_seen(); }
    /// What was kept, presentations in the order in which they came; refers to this object's memory and files.
    ArrayFile content() const;
    /// Removes the files, once what they hold has been written elsewhere.
    void discard_files();

private:
    struct Part {
        std::string suffix;                   ///< "", "_mean", "_std"
        std::vector<std::int64_t> shape;      ///< of one presentation and step
        std::vector<std::string> dimensions;  ///< of that shape
        at::Tensor kept;                      ///< [place, time_bin, shape]
        std::vector<at::Tensor> staged;       ///< per time bin: [batch or 1, shape] of the batch in hand
    };
    struct Recorded {
        std::size_t layer;
        std::vector<Part> parts;
        at::Tensor present;  ///< bool [place, time_bin]
    };
    std::vector<Part> parts_of(const dv::LayerFacts& layer) const;
    std::vector<at::Tensor> reduced(const at::Tensor& response) const;
    std::optional<std::size_t> bin_of(std::int64_t timestep) const;
    void allocate();
    void choose_place(double n_bytes, const std::string& what);
    at::Tensor rows(const std::string& name, const std::vector<std::int64_t>& shape_of_one, at::ScalarType type) const;
    void settle_staged();
    void keep(std::size_t row, std::int64_t place);
    void keep_decisions(const at::Tensor& outputs, const at::Tensor& labels, const at::Tensor& index);

    Settings settings_;
    std::vector<dv::LayerFacts> layers_;
    std::int64_t capacity_;
    SampleSlots slots_, after_batch_;  // a batch that does not end leaves no trace
    Say info_;
    std::filesystem::path folder_;
    bool on_disk_ = false;
    std::vector<Recorded> recorded_;
    std::vector<std::ptrdiff_t> recorded_of_;          // per layer: index in recorded_, or −1
    mutable std::int64_t n_timesteps_ = 0;             // as far as wants() was asked
    std::vector<std::int64_t> steps_;                  // per time bin: its time step
    std::vector<std::optional<std::int64_t>> places_;  // of the batch in hand
    bool keeps_some_ = false;
    at::Tensor outputs_, labels_, guesses_, confidences_, first_labels_, first_label_confidences_,
        indices_;  // per place
};

/// Throws dv::Error when a model has no layers, or a pattern of `settings` fits none; `place` is the table in the manifest.
void expect_layers(const Settings& settings, const std::vector<dv::LayerFacts>& layers, const std::string& place);

}  // namespace dvhost::recording
