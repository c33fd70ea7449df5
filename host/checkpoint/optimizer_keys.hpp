#pragma once
/// An optimizer's state as torch.optim writes it, and back.

#include "checkpoint/pickle.hpp"

#include <dv/torch/optimizer.hpp>

namespace dvhost::checkpoint {

/// {"state": {index: {key: tensor}}, "param_groups": [{..., "params": [index, ...]}]}
PickleValue optimizer_state(const dv::Optimizer& optimizer);

/// Throws dv::Error when groups differ in number or size, or the optimizer refuses the state.
void load_optimizer_state(const PickleValue& value, dv::Optimizer& optimizer);

}  // namespace dvhost::checkpoint
