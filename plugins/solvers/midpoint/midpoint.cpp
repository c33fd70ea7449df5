#include <dv/torch/solver.hpp>

namespace {

/// The midpoint method: the slope in the middle of the step.
struct Midpoint final : dv::StageSolver {
    std::optional<dv::Tableau> tableau() const override {
        dv::Tableau t;
        t.stages = 2;
        t.order = 2;
        t.c = {0.0, 0.5};
        t.a[1] = {0.5};
        t.b = {0.0, 1.0};
        return t;
    }
};

}  // namespace

DV_COMPONENT(Midpoint, "dynvision.solver.midpoint",
             "Midpoint step of tau dr/dt = -r + x, order 2: drive in the middle of the step");
