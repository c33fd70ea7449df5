#pragma once
/// Losses and inputs that are not finite.

#include "loops/experiment.hpp"
#include "loops/progress.hpp"

#include <c10/core/Event.h>

#include <deque>
#include <optional>
#include <string>

namespace dvhost::loops {

/// Looks at the loss of each training batch. On the CPU at once. On a device a copy is sent on the side and looked at once it has
/// arrived, so nobody waits and a report comes a few batches late; only OnNan::skip has to know before it goes on, and waits.
class NanWatch {
public:
    /// `experiment` must outlive this object.
    explicit NanWatch(Experiment& experiment) : experiment_(experiment) {}

    /// False: this batch is to be left out. Throws dv::Error when the run is to stop: it names step, batch, criterion, and the
    /// first parameter or response that is not finite.
    bool accepts(const dv::StepOutput& step, const dv::Batch& batch, const Progress& progress);
    /// Waits for what is under way: at the end of an epoch. Throws as accepts() does.
    void settle();

private:
    struct Pending {
        at::Tensor value;                   ///< on the CPU
        std::optional<c10::Event> arrived;  ///< absent when the copy was not asynchronous
        std::vector<dv::NamedTensor> criteria;
        std::string place;
    };
    void look_at_first(const dv::Batch* batch);
    bool is_fine(const Pending& seen, const dv::Batch* batch);
    std::string what_is_wrong(const Pending& seen, const dv::Batch* batch) const;

    Experiment& experiment_;
    std::deque<Pending> pending_;
    bool has_warned_ = false;
};

/// Throws dv::Error (OnNan::stop) or warns when a frame of `batch`, which lies on the CPU, holds a value that is not finite; names
/// the batch and the sample.
void check_frames(const dv::Batch& batch, const Experiment& experiment);

}  // namespace dvhost::loops
