#include <dv/torch/solver.hpp>

namespace {

/// Tsitouras' pair of orders 5 and 4, with its polynomial of order 4 between the ends of a step.
struct Tsit5 final : dv::StageSolver {
    double rtol = 1e-5;
    double atol = 1e-7;

    static constexpr auto params = dv::schema(
        dv::p("rtol", &Tsit5::rtol, 1e-5, "largest error of a step, relative to the rate", dv::at_least{0.0}),
        dv::p("atol", &Tsit5::atol, 1e-7, "largest error of a step where the rate is near 0", dv::above{0.0}));

    std::optional<dv::Tableau> tableau() const override {
        dv::Tableau t;
        t.stages = 7;
        t.order = 5;
        t.embedded_order = 4;
        t.dense_degree = 4;
        t.rtol = rtol;
        t.atol = atol;
        t.c = {0.0, 0.161, 0.327, 0.9, 0.9800255409045097, 1.0, 1.0};
        t.a[1] = {0.161};
        t.a[2] = {-0.008480655492356989, 0.335480655492357};
        t.a[3] = {2.8971530571054935, -6.359448489975075, 4.3622954328695815};
        t.a[4] = {5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525};
        t.a[5] = {5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383};
        t.a[6] = {0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081,
                  2.324710524099774};
        t.b = t.a[6];
        t.error = {-0.00178001105222577714, -0.0008164344596567469, 0.007880878010261995, -0.1447110071732629,
                   0.5823571654525552,      -0.45808210592918697,   0.015151515151515152};
        t.dense[0] = {1.0, -2.763706197274826, 2.9132554618219126, -1.0530884977290216};
        t.dense[1] = {0.0, 0.13169999999999998, -0.2234, 0.1017};
        t.dense[2] = {0.0, 3.9302962368947516, -5.941033872131505, 2.490627285651253};
        t.dense[3] = {0.0, -12.411077166933676, 30.33818863028232, -16.548102889244902};
        t.dense[4] = {0.0, 37.50931341651104, -88.1789048947664, 47.37952196281928};
        t.dense[5] = {0.0, -27.896526289197286, 65.09189467479366, -34.87065786149661};
        t.dense[6] = {0.0, 1.5, -4.0, 2.5};
        return t;
    }
};

}  // namespace

DV_COMPONENT(Tsit5, "dynvision.solver.tsit5", "Adaptive step of tau dr/dt = -r + x, order 5(4) (Tsitouras)");
