#include <dv/torch/solver.hpp>

namespace {

/// Bogacki and Shampine's pair of orders 3 and 2; between the ends of a step a cubic Hermite polynomial is as good.
struct Bosh3 final : dv::StageSolver {
    double rtol = 1e-5;
    double atol = 1e-7;

    static constexpr auto params = dv::schema(
        dv::p("rtol", &Bosh3::rtol, 1e-5, "largest error of a step, relative to the rate", dv::at_least{0.0}),
        dv::p("atol", &Bosh3::atol, 1e-7, "largest error of a step where the rate is near 0", dv::above{0.0}));

    std::optional<dv::Tableau> tableau() const override {
        dv::Tableau t;
        t.stages = 4;
        t.order = 3;
        t.embedded_order = 2;
        t.rtol = rtol;
        t.atol = atol;
        t.c = {0.0, 0.5, 0.75, 1.0};
        t.a[1] = {0.5};
        t.a[2] = {0.0, 0.75};
        t.a[3] = {2.0 / 9, 1.0 / 3, 4.0 / 9};
        t.b = {2.0 / 9, 1.0 / 3, 4.0 / 9, 0.0};
        t.error = {-5.0 / 72, 1.0 / 12, 1.0 / 9, -1.0 / 8};
        return t;
    }
};

}  // namespace

DV_COMPONENT(Bosh3, "dynvision.solver.bosh3", "Adaptive step of tau dr/dt = -r + x, order 3(2) (Bogacki and Shampine)");
