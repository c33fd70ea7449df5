#include <dv/torch/solver.hpp>

#include <sstream>

namespace {

/// `a` is dt/tau: a number, or a 0-dim tensor when tau is trained.
template <class Ratio>
at::Tensor stepped(const at::Tensor& rate, const at::Tensor& drive, const Ratio& a) {
    if (!rate.defined()) return drive.mul(a);
    if (!drive.defined()) return rate.sub(rate.mul(a));
    return rate.lerp(drive, a);
}

/// Forward Euler:  r(t+dt) = r(t) + dt/tau · (x − r(t)).
struct Euler final : dv::Solver {
    at::Tensor step(const at::Tensor& rate, const at::Tensor& drive, const dv::TimeStep& by) const override {
        if (!by.tau_tensor.defined()) return stepped(rate, drive, by.ratio());
        return stepped(rate, drive, by.tau_tensor.reciprocal().mul(by.dt));
    }
    int order() const override { return 1; }
    double stability_limit() const override { return 2.0; }
    std::optional<dv::AffineStep> affine(const dv::TimeStep& by) const override {
        return dv::AffineStep{1.0 - by.ratio(), by.ratio(), {}};
    }
    std::string equation(const dv::TimeStep& by) const override {
        std::ostringstream text;
        text << "r <- " << 1.0 - by.ratio() << " r + " << by.ratio() << " x";
        return text.str();
    }
};

}  // namespace

DV_COMPONENT(Euler, "dynvision.solver.euler", "Forward Euler step of tau dr/dt = -r + x");
