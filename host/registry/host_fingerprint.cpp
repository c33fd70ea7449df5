#ifndef DV_NO_FINGERPRINT_NOTE
#define DV_NO_FINGERPRINT_NOTE  // the host is nobody's plugin
#endif
#include "registry/fingerprint.hpp"

#include <dv/torch/fingerprint_nn.hpp>

namespace dvhost::registry {

std::string host_fingerprint() {
    return std::string(dv::detail::fingerprint_text()) + std::string(dv::detail::nn_fingerprint_text());
}

std::string torch_series() { return std::to_string(TORCH_VERSION_MAJOR) + "." + std::to_string(TORCH_VERSION_MINOR); }

}  // namespace dvhost::registry
