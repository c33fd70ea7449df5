#pragma once
/// Everything by which the loops decide what comes next; with the parts' own state it makes a resumed run equal to one that was never
/// interrupted.

#include "loops/epoch_values.hpp"
#include "loops/grad_scaler.hpp"
#include "loops/optimization.hpp"
#include "loops/progress.hpp"
#include "loops/schedule_set.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dvhost::loops {

struct RunState {
    Progress progress;
    double elapsed = 0.0;                     ///< of the fit [s]
    std::optional<std::string> stop_request;  ///< why somebody asked to stop
    std::int64_t n_batches = 0;               ///< of an epoch; so that a change of the data is noticed
    std::int64_t rows = 0;                    ///< logged
    std::vector<std::pair<std::string, double>> known;    ///< newest metrics
    std::vector<std::pair<std::string, double>> pending;  ///< logged, and not yet in a row
    std::vector<EpochValues::Entry> epoch_values;
    double loss_sum = 0.0;                    ///< of the epoch, weighted by samples
    std::int64_t epoch_samples = 0;
    std::vector<dv::NamedTensor> train_metrics;  ///< "<i>.<name>"
    Optimization::Window window;
    GradScaler::State scaler;
    std::vector<ScheduleSet::State> schedules;
    bool ask_schedules = false;  ///< their factors are not known, only their counts
    std::map<std::string, double, std::less<>> lr_scales;
    bool log_due = false;         ///< the row of the batch in hand has not been sent
    bool accumulating = false;    ///< an accumulation window is open
    bool validation_due = false;  ///< one waits for the window to close
    std::vector<dv::NamedTensor> generators;  ///< uint8 state by device ("cpu", "cuda:0")
};

/// The states of all default generators in use, and back.
std::vector<dv::NamedTensor> generator_states();
/// Devices that are not there are left out.
void restore_generators(const std::vector<dv::NamedTensor>& states);

/// Keeps what happens in a scope from moving the generators.
class GeneratorScope {
public:
    GeneratorScope() : former_(generator_states()) {}
    ~GeneratorScope() { restore_generators(former_); }
    GeneratorScope(const GeneratorScope&) = delete;
    GeneratorScope& operator=(const GeneratorScope&) = delete;

private:
    std::vector<dv::NamedTensor> former_;
};

}  // namespace dvhost::loops
