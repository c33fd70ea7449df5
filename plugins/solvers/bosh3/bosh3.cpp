#include "embedded_pairs.hpp"

#include <dv/torch/solver.hpp>

namespace {

/// Bogacki and Shampine's pair of orders 3 and 2; between the ends of a step a cubic Hermite polynomial is as good.
struct Bosh3 final : dv::StageSolver {
    double rtol = 1e-5;
    double atol = 1e-7;

    static constexpr auto params = dv::schema(
        dv::p("rtol", &Bosh3::rtol, 1e-5, "largest error of a step, relative to the rate", dv::at_least{0.0}),
        dv::p("atol", &Bosh3::atol, 1e-7, "largest error of a step where the rate is near 0", dv::above{0.0}));

    std::optional<dv::Tableau> tableau() const override { return embedded_pairs::bogacki_shampine(rtol, atol); }
};

}  // namespace

DV_COMPONENT(Bosh3, "dynvision.solver.bosh3", "Adaptive step of tau dr/dt = -r + x, order 3(2) (Bogacki and Shampine)");
