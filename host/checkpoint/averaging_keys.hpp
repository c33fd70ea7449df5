#pragma once
/// An average of the weights, where Lightning 2.6 keeps it.

#include "checkpoint/pickle.hpp"

#include <dv/torch/parameters.hpp>

#include <vector>

namespace dvhost::checkpoint {

/// A callback that has put its average into the model names its tensors `average.<weight>`, and what was there `current.<weight>`. In a
/// file of Lightning's the average is the `state_dict`, the others are `current_model_state`, and `averaging_state` has the number of
/// updates. Rearranges `keys`, those of a file, unless several callbacks do that at a time.
void put_average(PickleValue::Pairs& keys);

/// The other way round, for a callback whose state in the file is `state`: its tensors, and its state with what was
/// elsewhere. `tensors` stays empty where the file has no average for it.
struct Average {
    PickleValue state;
    std::vector<dv::NamedTensor> tensors;
};
Average take_average(const PickleValue& file, const PickleValue& state);

}  // namespace dvhost::checkpoint
