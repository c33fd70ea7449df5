#pragma once
/// In which number types a run computes.

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <optional>

namespace dvhost::loops {

enum class Precision { single, full, bf16_true, half_true, bf16_mixed, half_mixed };

/// Of parameters and frames.
constexpr c10::ScalarType dtype_of(Precision precision) {
    switch (precision) {
        case Precision::full: return c10::kDouble;
        case Precision::bf16_true: return c10::kBFloat16;
        case Precision::half_true: return c10::kHalf;
        default: return c10::kFloat;
    }
}

/// While it lives, operators that bear it compute in the lower type of a mixed precision (LibTorch's autocast).
class AutocastScope {
public:
    AutocastScope(Precision precision, c10::Device device);
    ~AutocastScope();
    AutocastScope(const AutocastScope&) = delete;
    AutocastScope& operator=(const AutocastScope&) = delete;

private:
    struct Former {
        bool enabled;
        c10::ScalarType dtype;
    };
    c10::DeviceType device_;
    std::optional<Former> former_;
};

}  // namespace dvhost::loops
