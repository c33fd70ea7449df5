#include "embedded_pairs.hpp"

#include <dv/torch/solver.hpp>

namespace {

/// Dormand and Prince's pair of orders 5 and 4, with Shampine's polynomial of order 4 between the ends of a step.
struct Dopri5 final : dv::StageSolver {
    double rtol = 1e-5;
    double atol = 1e-7;

    static constexpr auto params = dv::schema(
        dv::p("rtol", &Dopri5::rtol, 1e-5, "largest error of a step, relative to the rate", dv::at_least{0.0}),
        dv::p("atol", &Dopri5::atol, 1e-7, "largest error of a step where the rate is near 0", dv::above{0.0}));

    std::optional<dv::Tableau> tableau() const override { return embedded_pairs::dormand_prince(rtol, atol); }
};

}  // namespace

DV_COMPONENT(Dopri5, "dynvision.solver.dopri5", "Adaptive step of tau dr/dt = -r + x, order 5(4) (Dormand and Prince)");
