#include "loops/precision.hpp"

#include <ATen/autocast_mode.h>

namespace dvhost::loops {

AutocastScope::AutocastScope(Precision precision, c10::Device device) : device_(device.type()) {
    if (precision != Precision::bf16_mixed && precision != Precision::half_mixed) return;
    former_ = Former{at::autocast::is_autocast_enabled(device_), at::autocast::get_autocast_dtype(device_)};
    at::autocast::set_autocast_enabled(device_, true);
    at::autocast::set_autocast_dtype(device_, precision == Precision::bf16_mixed ? at::kBFloat16 : at::kHalf);
    at::autocast::increment_nesting();
}

AutocastScope::~AutocastScope() {
    if (!former_) return;
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device_, former_->enabled);
    at::autocast::set_autocast_dtype(device_, former_->dtype);
}

}  // namespace dvhost::loops
