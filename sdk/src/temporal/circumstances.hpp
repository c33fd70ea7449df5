#pragma once
/// Circumstances in which a circuit computes that are not arguments: random generators and autocast.

#include <dv/temporal/circuit.hpp>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <functional>
#include <vector>

namespace dv::temporal {

/// Where the random draws of a circuit stand: LibTorch's generators of the CPU and of `device`, and the circuit's own.
class DrawsMark {
public:
    DrawsMark(const Circuit& circuit, c10::Device device);
    /// The next draws are those that came after the mark.
    void go_back() const;

private:
    struct Of {
        at::Generator generator;
        at::Tensor state;
    };
    std::vector<Of> generators_;
    std::function<void()> own_;
};

/// Autocast's settings for a device type.
struct Autocast {
    bool enabled = false, caches = false;
    at::ScalarType dtype = at::kFloat;

    static Autocast now(c10::DeviceType type);
    void set(c10::DeviceType type) const;
};

/// While it lives, autocast is as given.
class AutocastGuard {
public:
    AutocastGuard(const Autocast& as, c10::DeviceType type) : type_(type), former_(Autocast::now(type)) { as.set(type); }
    ~AutocastGuard() { former_.set(type_); }
    AutocastGuard(const AutocastGuard&) = delete;
    AutocastGuard& operator=(const AutocastGuard&) = delete;

private:
    c10::DeviceType type_;
    Autocast former_;
};

}  // namespace dv::temporal
