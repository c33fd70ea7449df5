#pragma once
/// Pairs of Runge-Kutta methods that tell their own error.

#include <dv/torch/tableau.hpp>

namespace embedded_pairs {

/// Orders 3 and 2. Source: Bogacki & Shampine (1989), doi:10.1016/0893-9659(89)90079-7.
inline dv::Tableau bogacki_shampine(double rtol, double atol) {
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
    t.b = t.a[3];
    t.error = {-5.0 / 72, 1.0 / 12, 1.0 / 9, -1.0 / 8};
    return t;
}

/// Orders 5 and 4, with a polynomial of order 4 between the ends. Sources: Dormand & Prince (1980),
/// doi:10.1016/0771-050X(80)90013-3; Shampine (1986), Mathematics of Computation 46.
inline dv::Tableau dormand_prince(double rtol, double atol) {
    dv::Tableau t;
    t.stages = 7;
    t.order = 5;
    t.embedded_order = 4;
    t.dense_degree = 4;
    t.rtol = rtol;
    t.atol = atol;
    t.c = {0.0, 1.0 / 5, 3.0 / 10, 4.0 / 5, 8.0 / 9, 1.0, 1.0};
    t.a[1] = {1.0 / 5};
    t.a[2] = {3.0 / 40, 9.0 / 40};
    t.a[3] = {44.0 / 45, -56.0 / 15, 32.0 / 9};
    t.a[4] = {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729};
    t.a[5] = {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656};
    t.a[6] = {35.0 / 384, 0.0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84};
    t.b = t.a[6];
    t.error = {71.0 / 57600, 0.0, -71.0 / 16695, 71.0 / 1920, -17253.0 / 339200, 22.0 / 525, -1.0 / 40};
    t.dense[0] = {1.0, -8048581381.0 / 2820520608, 8663915743.0 / 2820520608, -12715105075.0 / 11282082432};
    t.dense[2] = {0.0, 131558114200.0 / 32700410799, -68118460800.0 / 10900136933, 87487479700.0 / 32700410799};
    t.dense[3] = {0.0, -1754552775.0 / 470086768, 14199869525.0 / 1410260304, -10690763975.0 / 1880347072};
    t.dense[4] = {0.0, 127303824393.0 / 49829197408, -318862633887.0 / 49829197408, 701980252875.0 / 199316789632};
    t.dense[5] = {0.0, -282668133.0 / 205662961, 2019193451.0 / 616988883, -1453857185.0 / 822651844};
    t.dense[6] = {0.0, 40617522.0 / 29380423, -110615467.0 / 29380423, 69997945.0 / 29380423};
    return t;
}

}  // namespace embedded_pairs
