#include "compose/device.hpp"

#include <dv/error.hpp>

#include <ATen/Context.h>

#include <dlfcn.h>

namespace dvhost::compose {

CudaState open_cuda() {
    if (dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL) == nullptr) return {false, "no NVIDIA driver (libcuda.so.1)"};
    // Global, so that what it registers is there for everybody; it is never closed.
    if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) {
        return {false, std::string("LibTorch's CUDA library cannot be opened: ") + dlerror()};
    }
    if (!at::globalContext().hasCUDA()) return {false, "the driver is there, but no device"};
    return {true, {}};
}

c10::Device choose_device(Accelerator accelerator) {
    if (accelerator == Accelerator::cpu) return c10::Device(c10::kCPU);
    const CudaState cuda = open_cuda();
    if (cuda.usable) return c10::Device(c10::kCUDA, 0);
    if (accelerator == Accelerator::cuda) {
        throw dv::Error("trainer.accelerator is \"cuda\", but " + cuda.reason + ": use \"auto\" or \"cpu\", or see `dvhost doctor`");
    }
    return c10::Device(c10::kCPU);
}

}  // namespace dvhost::compose
