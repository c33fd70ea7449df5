#include <dv/torch/solver.hpp>

namespace {

/// Heun's method: the slopes at both ends, averaged.
struct Heun final : dv::StageSolver {
    std::optional<dv::Tableau> tableau() const override {
        dv::Tableau t;
        t.stages = 2;
        t.order = 2;
        t.c = {0.0, 1.0};
        t.a[1] = {1.0};
        t.b = {0.5, 0.5};
        return t;
    }
};

}  // namespace

DV_COMPONENT(Heun, "dynvision.solver.heun", "Heun step of tau dr/dt = -r + x, order 2: drive at both ends of the step");
