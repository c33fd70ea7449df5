#pragma once
/// A component's own state between the door and a checkpoint.

#include "checkpoint/pickle.hpp"

#include <dv/abi.h>

#include <functional>

namespace dvhost::checkpoint {

/// What `save` puts, as a Dict.
PickleValue written_state(const std::function<void(const dv_state_out&)>& save);

/// A dict as a component reads it; tensors in it are not seen. `value` must outlive what is returned.
dv_config state_view(const PickleValue& value);

}  // namespace dvhost::checkpoint
