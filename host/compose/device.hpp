#pragma once
/// The device a run asks for.

#include "compose/roles.hpp"

#include <c10/core/Device.h>

#include <string>

namespace dvhost::compose {

/// Whether CUDA can be used: LibTorch's CUDA library is opened only when a driver is there.
struct CudaState {
    bool usable = false;
    std::string reason;  ///< why not
};
CudaState open_cuda();

/// Throws dv::Error when CUDA is asked for by name and cannot be used.
c10::Device choose_device(Accelerator accelerator);

}  // namespace dvhost::compose
