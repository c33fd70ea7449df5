#pragma once
/// An average of a model's weights, beside the model.

#include <dv/torch/parameters.hpp>

#include <c10/core/Device.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace callbacks {

/// Of parameters and, if asked for, buffers; what is no floating number (a count of batches) is copied.
/// Gradients are not followed. Not thread-safe.
class AveragedWeights {
public:
    struct Options {
        std::optional<c10::Device> device;  ///< absent: where the weights are
        bool use_buffers = true;
    };
    explicit AveragedWeights(Options options) : options_(options) {}
    AveragedWeights() = default;

    bool empty() const { return averages_.empty(); }
    std::int64_t n_averaged() const { return n_averaged_; }
    void set_n_averaged(std::int64_t n) { n_averaged_ = n; }

    /// average += share · (weights − average); the first time a copy. `weights` are a model's, with buffers.
    void update(std::span<const dv::NamedTensor> weights, double share);
    /// The same with the share that makes it the mean of all updates.
    void update_mean(std::span<const dv::NamedTensor> weights) {
        update(weights, 1.0 / static_cast<double>(n_averaged_ + 1));
    }

    /// Copies the average into a model. Throws dv::Error when a tensor has another shape there, or is not there.
    void copy_into(std::span<const dv::NamedTensor> weights) const;

    /// Puts the average into the model and keeps what was there, and the other way round. They nest: only the outermost pair
    /// does anything. Nothing happens while there is no average.
    void swap_in(std::span<const dv::NamedTensor> weights);
    void swap_out(std::span<const dv::NamedTensor> weights);

    /// For a checkpoint: the averages as `average.<name>` and, while they are in the model, what was there as `current.<name>`
    /// (which the host then writes as Lightning's WeightAveraging does, and reads of its files).
    std::vector<dv::NamedTensor> tensors() const;
    /// Takes what tensors() gave.
    void load(std::span<const dv::NamedTensor> tensors);
    /// Puts what was in the model before the average into it again, if load() brought it.
    void restore_current(std::span<const dv::NamedTensor> weights);

private:
    using Named = std::vector<dv::NamedTensor>;
    static at::Tensor find(const Named& in, std::string_view name);
    bool takes(const dv::NamedTensor& t) const { return t.trainable || options_.use_buffers; }

    Options options_;
    Named averages_;
    Named current_;  // what the model had, while the average is in it
    int depth_ = 0;  // of swap_in()
    std::int64_t n_averaged_ = 0;
};

/// "cpu", "cuda:0"; absent: nothing. Throws dv::ParameterError naming `device`.
std::optional<c10::Device> device_of(const std::optional<std::string>& text);

}  // namespace callbacks
