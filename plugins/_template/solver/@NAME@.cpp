// A solver takes one step of  tau dr/dt = -r + x  for activity r and drive x. dt and tau belong to the model and arrive
// with each call; so does all state. What a solver says of itself (affine, order, stability) lets the engine fuse it
// and warn early.
#include <dv/torch/solver.hpp>

#include <cmath>
#include <sstream>

namespace {

/// Exponential Euler, exact for a drive that is constant within the step (Hochbruck & Ostermann 2010, Acta Numerica
/// 19):
///
///     r(t+dt) = e r(t) + (1 - e) x,     e = exp(-dt/tau)
struct @CLASS_NAME@ final : dv::Solver {
    // Either input may be undefined, which stands for zeros and saves their memory; never both.
    at::Tensor step(const at::Tensor& rate, const at::Tensor& drive, const dv::TimeStep& by) const override {
        // A trained tau comes as a tensor: compute with it, so that it gets its gradient.
        if (by.tau_tensor.defined()) return mix(rate, drive, by.tau_tensor.reciprocal().mul(-by.dt).exp());
        return mix(rate, drive, std::exp(-by.ratio()));
    }

    int order() const override { return 1; }

    std::optional<dv::AffineStep> affine(const dv::TimeStep& by) const override {
        if (by.tau_tensor.defined()) return std::nullopt;
        const double e = std::exp(-by.ratio());
        return dv::AffineStep{e, 1.0 - e};
    }

    std::string equation(const dv::TimeStep& by) const override {
        const double e = std::exp(-by.ratio());
        std::ostringstream text;
        text << "r <- " << e << " r + " << 1.0 - e << " x";
        return text.str();
    }

private:
    /// `e` is a number or a tensor of no dimension.
    template <class Decay>
    static at::Tensor mix(const at::Tensor& rate, const at::Tensor& drive, const Decay& e) {
        if (!rate.defined()) return drive.sub(drive.mul(e));
        if (!drive.defined()) return rate.mul(e);
        return drive.add(rate.sub(drive).mul(e));
    }
};

}  // namespace

DV_COMPONENT(@CLASS_NAME@, "@ID@", "Exponential Euler step of tau dr/dt = -r + x");
