#include <dv/torch/solver.hpp>

namespace {

/// The classical Runge-Kutta method.
struct Rk4 final : dv::StageSolver {
    std::optional<dv::Tableau> tableau() const override {
        dv::Tableau t;
        t.stages = 4;
        t.order = 4;
        t.c = {0.0, 0.5, 0.5, 1.0};
        t.a[1] = {0.5};
        t.a[2] = {0.0, 0.5};
        t.a[3] = {0.0, 0.0, 1.0};
        t.b = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6};
        return t;
    }
};

}  // namespace

DV_COMPONENT(Rk4, "dynvision.solver.rk4", "Runge-Kutta step of tau dr/dt = -r + x, order 4");
