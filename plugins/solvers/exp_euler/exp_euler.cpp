#include <dv/torch/solver.hpp>

#include <cmath>
#include <sstream>

namespace {

/// drive + e (rate − drive), where either may be absent. `e` is a number, or a 0-dim tensor when tau is trained.
template <class Decay>
at::Tensor relaxed(const at::Tensor& rate, const at::Tensor& drive, const Decay& e) {
    if (!rate.defined()) return drive.sub(drive.mul(e));
    if (!drive.defined()) return rate.mul(e);
    return drive.add(rate.sub(drive).mul(e));
}

/// Exponential Euler, exact for a drive that is constant over the step:  r(t+dt) = x + exp(−dt/tau) · (r(t) − x).
struct ExpEuler final : dv::Solver {
    at::Tensor step(const at::Tensor& rate, const at::Tensor& drive, const dv::TimeStep& by) const override {
        if (!by.tau_tensor.defined()) return relaxed(rate, drive, std::exp(-by.ratio()));
        return relaxed(rate, drive, by.tau_tensor.reciprocal().mul(-by.dt).exp());
    }
    int order() const override { return 1; }
    std::optional<dv::AffineStep> affine(const dv::TimeStep& by) const override {
        return dv::AffineStep{std::exp(-by.ratio()), -std::expm1(-by.ratio()), {}};
    }
    std::string equation(const dv::TimeStep& by) const override {
        std::ostringstream text;
        text << "r <- " << std::exp(-by.ratio()) << " r + " << -std::expm1(-by.ratio()) << " x";
        return text.str();
    }
};

}  // namespace

DV_COMPONENT(ExpEuler, "dynvision.solver.exp_euler", "Exponential Euler step of tau dr/dt = -r + x: exact in the leak");
