#include <dv/torch/solver.hpp>

namespace {

/// Kutta's third-order method.
struct Rk3 final : dv::StageSolver {
    std::optional<dv::Tableau> tableau() const override {
        dv::Tableau t;
        t.stages = 3;
        t.order = 3;
        t.c = {0.0, 0.5, 1.0};
        t.a[1] = {0.5};
        t.a[2] = {-1.0, 2.0};
        t.b = {1.0 / 6, 2.0 / 3, 1.0 / 6};
        return t;
    }
};

}  // namespace

DV_COMPONENT(Rk3, "dynvision.solver.rk3", "Runge-Kutta step of tau dr/dt = -r + x, order 3");
