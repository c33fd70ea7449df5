#include <dv/torch/solver.hpp>

#include <dv/error.hpp>

#include <ATen/ops/ones_like.h>

#include <cmath>
#include <sstream>

namespace dv {

namespace {

/// With a held drive x, stage i is x + left[i]·(rate − x): left[i] = 1 − a·Σ_j a[i][j]·left[j], a = dt/tau. `Number` is a
/// double, or a 0-dim tensor when tau is trained.
template <class Number>
Number left_after(const std::array<double, Tableau::kMostStages>& row, const std::vector<Number>& left,
                  const Number& minus_a, const Number& one) {
    Number sum = one;
    for (std::size_t j = 0; j < left.size(); ++j) {
        if (row[j] != 0.0) sum = sum + left[j] * minus_a * row[j];
    }
    return sum;
}

template <class Number>
Number left_of(const Tableau& method, const Number& minus_a, const Number& one) {
    std::vector<Number> left;
    for (std::int32_t i = 0; i < method.stages; ++i)
        left.push_back(left_after(method.a[static_cast<std::size_t>(i)], left, minus_a, one));
    return left_after(method.b, left, minus_a, one);
}

/// drive + left·(rate − drive), where either may be absent.
template <class Left>
at::Tensor towards(const at::Tensor& rate, const at::Tensor& drive, const Left& left) {
    if (!drive.defined()) return rate.mul(left);
    if (!rate.defined()) return drive.sub(drive.mul(left));
    return drive.add(rate.sub(drive).mul(left));
}

/// What the arithmetic above needs of a tensor.
struct Factor {
    at::Tensor value;
    Factor operator*(const Factor& other) const { return {value.mul(other.value)}; }
    Factor operator*(double other) const { return {value.mul(other)}; }
    Factor operator+(const Factor& other) const { return {value.add(other.value)}; }
};

}  // namespace

double left_of_held_step(const Tableau& method, double dt_over_tau) { return left_of(method, -dt_over_tau, 1.0); }

double stability_limit(const Tableau& method) {
    constexpr double kCoarse = 1.0 / 64, kFarthest = 100.0;
    const auto stable = [&](double a) { return std::abs(left_of_held_step(method, a)) <= 1.0; };
    double inside = kCoarse;
    while (inside < kFarthest && stable(inside + kCoarse)) inside += kCoarse;
    double outside = inside + kCoarse;
    for (int i = 0; i < 60; ++i) {
        const double middle = 0.5 * (inside + outside);
        (stable(middle) ? inside : outside) = middle;
    }
    return inside;
}

at::Tensor StageSolver::step(const at::Tensor& rate, const at::Tensor& drive, const TimeStep& by) const {
    const Tableau method = *tableau();
    if (!by.tau_tensor.defined()) return towards(rate, drive, left_of_held_step(method, by.ratio()));
    const Factor minus_a{by.tau_tensor.reciprocal().mul(-by.dt)};
    return towards(rate, drive, left_of(method, minus_a, Factor{at::ones_like(minus_a.value)}).value);
}

std::string StageSolver::equation(const TimeStep& by) const {
    const Tableau method = *tableau();
    std::ostringstream text;
    text << "tau dr/dt = -r + x by " << method.stages << (method.stages == 1 ? " stage" : " stages") << " of order "
         << method.order;
    if (method.adaptive()) {
        text << ", steps of at most dt with errors below " << method.atol << " + " << method.rtol << " |r|";
    } else {
        const double left = left_of_held_step(method, by.ratio());
        text << "; for a constant x: r <- " << left << " r + " << 1.0 - left << " x";
    }
    return text.str();
}

namespace detail {

namespace {

void check_size(std::int32_t stages, std::int32_t degree) {
    if (stages >= 1 && stages <= Tableau::kMostStages && degree >= 0 && degree <= Tableau::kMostDegree) return;
    throw Error("a tableau has 1 to " + std::to_string(Tableau::kMostStages) + " stages and a polynomial of degree " +
                std::to_string(Tableau::kMostDegree) + " at most; found " + std::to_string(stages) +
                " stages and degree " + std::to_string(degree));
}

}  // namespace

LentTableau lend(const Tableau& t) {
    check_size(t.stages, t.dense_degree);
    const auto stages = static_cast<std::size_t>(t.stages);
    LentTableau lent;
    std::vector<double>& n = lent.numbers;
    n.insert(n.end(), t.c.begin(), t.c.begin() + t.stages);
    for (std::size_t i = 0; i < stages; ++i) n.insert(n.end(), t.a[i].begin(), t.a[i].begin() + t.stages);
    n.insert(n.end(), t.b.begin(), t.b.begin() + t.stages);
    n.insert(n.end(), t.error.begin(), t.error.begin() + t.stages);
    for (std::size_t i = 0; i < stages; ++i) n.insert(n.end(), t.dense[i].begin(), t.dense[i].begin() + t.dense_degree);
    const double* p = n.data();
    lent.view = {t.stages, t.order, t.embedded_order, t.dense_degree, t.rtol, t.atol,
                 p,        nullptr, nullptr,          nullptr,        nullptr};
    lent.view.a = p + stages;
    lent.view.b = lent.view.a + stages * stages;
    lent.view.error = lent.view.b + stages;
    lent.view.dense = lent.view.error + stages;
    return lent;
}

Tableau own(const abi::v1::Tableau& lent) {
    check_size(lent.stages, lent.dense_degree);
    Tableau t;
    t.stages = lent.stages;
    t.order = lent.order;
    t.embedded_order = lent.embedded_order;
    t.dense_degree = lent.dense_degree;
    t.rtol = lent.rtol;
    t.atol = lent.atol;
    const auto stages = static_cast<std::size_t>(lent.stages), degree = static_cast<std::size_t>(lent.dense_degree);
    for (std::size_t i = 0; i < stages; ++i) {
        t.c[i] = lent.c[i];
        t.b[i] = lent.b[i];
        t.error[i] = lent.error[i];
        for (std::size_t j = 0; j < stages; ++j) t.a[i][j] = lent.a[i * stages + j];
        for (std::size_t m = 0; m < degree; ++m) t.dense[i][m] = lent.dense[i * degree + m];
    }
    return t;
}

}  // namespace detail

}  // namespace dv
