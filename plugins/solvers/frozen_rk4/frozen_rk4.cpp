#include <dv/torch/solver.hpp>

#include <sstream>

namespace {

/// a − a²/2 + a³/6 − a⁴/24: the first four terms of 1 − exp(−a). `a` is a number, or a 0-dim tensor when tau is trained.
double share_of_drive(double a) { return a * (1 - a / 2 * (1 - a / 3 * (1 - a / 4))); }
at::Tensor share_of_drive(const at::Tensor& a) {
    at::Tensor sum = a.div(-4).add(1);
    for (const double n : {3.0, 2.0}) sum = a.div(-n).mul(sum).add(1);
    return a.mul(sum);
}

template <class Ratio>
at::Tensor stepped(const at::Tensor& rate, const at::Tensor& drive, const Ratio& a) {
    if (!rate.defined()) return drive.mul(a);  // the original's first step
    const auto c1 = share_of_drive(a);
    if (!drive.defined()) return rate.sub(rate.mul(c1));
    return rate.add(drive.sub(rate).mul(c1));
}

/// Runge-Kutta 4 of the leak alone, the drive held over the step:  r(t+dt) = r(t) + c1 (x − r(t)).
struct FrozenRk4 final : dv::Solver {
    at::Tensor step(const at::Tensor& rate, const at::Tensor& drive, const dv::TimeStep& by) const override {
        if (!by.tau_tensor.defined()) return stepped(rate, drive, by.ratio());
        return stepped(rate, drive, by.tau_tensor.reciprocal().mul(by.dt));
    }
    int order() const override { return 4; }
    double stability_limit() const override { return 2.785293563405282; }
    std::optional<dv::AffineStep> affine(const dv::TimeStep& by) const override {
        const double c1 = share_of_drive(by.ratio());
        return dv::AffineStep{1.0 - c1, c1, by.ratio()};
    }
    std::string equation(const dv::TimeStep& by) const override {
        const double c1 = share_of_drive(by.ratio());
        std::ostringstream text;
        text << "r <- " << 1.0 - c1 << " r + " << c1 << " x";
        return text.str();
    }
};

}  // namespace

DV_COMPONENT(FrozenRk4, "dynvision.solver.frozen_rk4",
             "Runge-Kutta 4 step of tau dr/dt = -r + x with the drive held: DynVision's RungeKuttaStep");
