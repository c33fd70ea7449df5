#pragma once
/// A run's state as one value, and back. When it is saved is the checkpoint callback's business; how it reaches the disk, saver.hpp's.
///
/// The value has Lightning 2.6's keys: torch.load(weights_only=True) opens the file, Lightning goes on from it, and files that Lightning
/// wrote are read. What dvhost needs besides is under "dvhost" (docs/checkpoints.md).

#include "checkpoint/pickle.hpp"
#include "loops/experiment.hpp"
#include "loops/run_state.hpp"

#include <filesystem>
#include <string>

namespace dvhost::checkpoint {

/// The version of what is under "dvhost". Files of older versions are read as long as this page says how: 1 had counters only.
inline constexpr std::int64_t kFormat = 2;

/// What a checkpoint holds besides the tensors.
struct Context {
    PickleValue hyper_parameters;       ///< the model's resolved parameters, a Dict
    PickleValue data_hyper_parameters;  ///< the datamodule's
    std::string manifest;               ///< the resolved manifest, as text
    std::uint64_t seed = 0;
};

enum class Content { everything, weights_only };

/// Everything as one value: the keys of the file. Tensors are the run's own, not copies.
PickleValue gather(const loops::Experiment& experiment, const loops::RunState& state, const Context& context, Content content);

/// Throws dv::Error that lists the keys which resuming needs and `file` does not have; `partial`: none of that.
void check_complete(const PickleValue& file, const loops::Experiment& experiment, bool partial);

/// Writes optimizers', schedules' and callbacks' states into the experiment, whose optimizers are built; the model's weights are not
/// its business (weights.hpp). What the loops go on from. Throws dv::Error.
loops::RunState restore(const PickleValue& file, loops::Experiment& experiment, bool partial);

/// The datamodule's and the callbacks' states alone, for evaluation.
void restore_parts(const PickleValue& file, loops::Experiment& experiment);

}  // namespace dvhost::checkpoint
