#pragma once
/// The loops' state as keys of a checkpoint: Lightning's "loops" and dvhost's own "dvhost".

#include "checkpoint/pickle.hpp"
#include "loops/run_state.hpp"

namespace dvhost::checkpoint {

/// Lightning 2.6's tree of loop counters, so that its Trainer goes on from the file.
PickleValue lightning_loops(const loops::RunState& state, bool optimizes_itself);

/// Everything that decides the next step; joins `own`.
void put_run_state(PickleValue::Pairs& own, const loops::RunState& state);

/// From a file's keys; what dvhost has not written is worked out from Lightning's counters. Throws dv::Error that names a missing key;
/// `partial`: a file without loops begins at epoch 0. `warn` gets what is not known.
loops::RunState take_run_state(const PickleValue& file, bool partial, const std::function<void(const std::string&)>& warn);

}  // namespace dvhost::checkpoint
