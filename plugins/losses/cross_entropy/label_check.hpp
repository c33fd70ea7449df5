#pragma once
/// Finds labels that no class has, without making the training thread wait for a device.

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include <cstdint>
#include <deque>
#include <optional>

namespace dv::losses {

/// Valid labels are those below `n_classes`, the negative ones, and `ignored`. Not for several threads.
class LabelCheck {
public:
    LabelCheck(std::int64_t n_classes, std::int64_t ignored) : n_classes_(n_classes), ignored_(ignored) {}
    std::int64_t n_classes() const { return n_classes_; }

    /// `labels` int64 [batch, time]. On the CPU they are looked at on the spot; on a device as look_later() says. Throws
    /// dv::Error with index and value.
    void check(const at::Tensor& labels);

    /// The largest label is found on the device and copied to the host on the side; it is looked at in a later call, once it
    /// has arrived. So a bad label is reported a few batches late, and nobody waits.
    void look_later(const at::Tensor& labels);

private:
    struct Pending {
        at::Tensor largest;                 ///< int64 [2] on the CPU: position among batch × time, label
        std::optional<c10::Event> arrived;  ///< absent when the copy was not asynchronous
        std::int64_t n_timesteps;
    };
    bool is_class_or_void(std::int64_t label) const { return label < n_classes_ || label == ignored_; }
    void look_now(const at::Tensor& labels) const;
    void look_at_arrived();
    [[noreturn]] void refuse(std::int64_t label, std::int64_t position, std::int64_t n_timesteps,
                             const char* whose) const;

    std::int64_t n_classes_, ignored_;
    std::deque<Pending> pending_;
};

}  // namespace dv::losses
