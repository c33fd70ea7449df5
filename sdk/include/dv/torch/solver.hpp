#pragma once
/// Kind dv.solver (torch): one step of  tau · dr/dt = −r + drive.

#include <dv/torch/kind.hpp>
#include <dv/torch/tableau.hpp>

#include <cmath>
#include <limits>
#include <optional>
#include <vector>

namespace dv {

/// The step and the time constant it is taken with.
struct TimeStep {
    double dt = 1.0;        ///< [ms]
    double tau = 1.0;       ///< [ms]; when `tau_tensor` is defined, its value when the circuit was built
    at::Tensor tau_tensor;  ///< [ms] 0-dim, trained; undefined when tau is fixed

    double ratio() const { return dt / tau; }
};

/// A solver that is y = c0·h + c1·drive says so; an engine may then fuse it.
struct AffineStep {
    double c0 = 0.0, c1 = 0.0;
    /// Instead of c1 where there is no rate yet; unset: c1, as for a rate of zero.
    std::optional<double> first_c1 = {};
};

namespace abi::v1 {
struct TimeStep {
    double dt, tau;
    at::Tensor tau_tensor;
};
struct SolverTraits {
    double stability_limit;
    std::int32_t order;
    std::int32_t is_affine;
    double c0, c1;
    double first_c1; /* NaN: c1 */
};
struct ISolver {
    virtual dv_status step(const at::Tensor& rate, const at::Tensor& drive, const TimeStep& by,
                           at::Tensor& out) noexcept = 0;
    virtual dv_status traits(const TimeStep& by, SolverTraits* out) noexcept = 0;
    virtual dv_status equation(const TimeStep& by, dv_str* out) noexcept = 0;
    virtual dv_status tableau(Tableau* out, std::int32_t* has_one) noexcept = 0;

protected:
    ~ISolver() = default;
};
}  // namespace abi::v1

class SolverDoor;
class SolverProxy;

struct Solver : TorchKind<Solver, abi::v1::ISolver, SolverDoor, SolverProxy> {
    static constexpr const char* dv_iface = "dv.solver";
    static constexpr std::uint32_t dv_iface_version = 1;

    /// The rate after one step. `rate` and `drive` share shape, dtype and device; so does the result. Either may be undefined
    /// and then counts as zero (a rate: unless affine() has a first_c1), not both. Const and stateless: the caller keeps the state. Differentiable in rate, drive and
    /// by.tau_tensor. [step]
    virtual at::Tensor step(const at::Tensor& rate, const at::Tensor& drive, const TimeStep& by) const = 0;

    /// Order of accuracy in dt while the drive is constant; 1 when that is solved exactly.
    virtual int order() const = 0;
    /// Largest stable dt/tau of the leak; infinite if there is none.
    virtual double stability_limit() const { return std::numeric_limits<double>::infinity(); }
    /// The step as y = c0·rate + c1·drive at tau = by.tau, if it is one; the gradient by a trained tau is step()'s. None for a
    /// solver with a tableau.
    virtual std::optional<AffineStep> affine(const TimeStep& by) const {
        (void)by;
        return std::nullopt;
    }
    /// For `dvhost describe`: the update with numbers, r for the rate and x for the drive.
    virtual std::string equation(const TimeStep& by) const = 0;

    /// A solver whose drive has to be evaluated at several times within a step gives its method; the engine then evaluates it
    /// (StageSolver below). Such circuits advance in synchronous order. Does not change after open().
    virtual std::optional<Tableau> tableau() const { return std::nullopt; }
};

/// How much of the distance to a held drive is left after one step of length `by.dt`: rate' = drive + left·(rate − drive).
double left_of_held_step(const Tableau& method, double dt_over_tau);
/// The largest dt/tau up to which that stays within ±1.
double stability_limit(const Tableau& method);

/// Base of the solvers that are their tableau: an author overrides tableau() and nothing else.
struct StageSolver : Solver {
    /// The method with the drive held over the whole step (and, of an embedded pair, with this one step length). Only the leak
    /// has the method's order then: engines that advance a drive which depends on the rate use tableau().
    at::Tensor step(const at::Tensor& rate, const at::Tensor& drive, const TimeStep& by) const override;
    int order() const override { return tableau()->order; }
    double stability_limit() const override { return dv::stability_limit(*tableau()); }
    std::string equation(const TimeStep& by) const override;
};

namespace detail {
inline abi::v1::TimeStep borrow(const TimeStep& t) { return {t.dt, t.tau, t.tau_tensor}; }
inline TimeStep own(const abi::v1::TimeStep& t) { return {t.dt, t.tau, t.tau_tensor}; }

/// A tableau's numbers in the form that crosses the door.
struct LentTableau {
    abi::v1::Tableau view{};
    std::vector<double> numbers;
};
LentTableau lend(const Tableau& tableau);
/// Throws Error when it is not a tableau (more stages or a higher degree than there can be).
Tableau own(const abi::v1::Tableau& lent);
}  // namespace detail

class SolverDoor final : public abi::v1::ISolver {
public:
    explicit SolverDoor(const Solver& solver) : solver_(solver) {}
    dv_status step(const at::Tensor& rate, const at::Tensor& drive, const abi::v1::TimeStep& by,
                   at::Tensor& out) noexcept override {
        return detail::torch_guard(solver_.host, "step", [&] { out = solver_.step(rate, drive, detail::own(by)); });
    }
    dv_status traits(const abi::v1::TimeStep& by, abi::v1::SolverTraits* out) noexcept override {
        return detail::torch_guard(solver_.host, "traits", [&] {
            const auto affine = solver_.affine(detail::own(by));
            const AffineStep coefficients = affine.value_or(AffineStep{});
            *out = {solver_.stability_limit(),
                    solver_.order(),
                    affine ? 1 : 0,
                    coefficients.c0,
                    coefficients.c1,
                    coefficients.first_c1.value_or(std::numeric_limits<double>::quiet_NaN())};
        });
    }
    dv_status equation(const abi::v1::TimeStep& by, dv_str* out) noexcept override {
        return detail::torch_guard(solver_.host, "equation", [&] {
            equation_ = solver_.equation(detail::own(by));
            *out = detail::borrow(equation_);
        });
    }
    dv_status tableau(abi::v1::Tableau* out, std::int32_t* has_one) noexcept override {
        return detail::torch_guard(solver_.host, "tableau", [&] {
            const std::optional<Tableau> tableau = solver_.tableau();
            *has_one = tableau ? 1 : 0;
            if (tableau && tableau_.numbers.empty()) tableau_ = detail::lend(*tableau);
            *out = tableau_.view;
        });
    }

private:
    const Solver& solver_;
    std::string equation_;
    detail::LentTableau tableau_;  // filled by the first call
};

class SolverProxy final : public Solver {
public:
    SolverProxy(const dv_child& child, detail::Imported::Release release)
        : imported_(child, std::move(release)),
          door_(imported_.interface<abi::v1::ISolver>(dv_iface, dv_iface_version)) {
        host = child.host;
    }
    at::Tensor step(const at::Tensor& rate, const at::Tensor& drive, const TimeStep& by) const override {
        at::Tensor out;
        detail::check(host, door_.step(rate, drive, detail::borrow(by), out));
        return out;
    }
    int order() const override { return traits({}).order; }
    double stability_limit() const override { return traits({}).stability_limit; }
    std::optional<AffineStep> affine(const TimeStep& by) const override {
        const abi::v1::SolverTraits t = traits(by);
        if (!t.is_affine) return std::nullopt;
        return AffineStep{t.c0, t.c1, std::isnan(t.first_c1) ? std::nullopt : std::optional(t.first_c1)};
    }
    std::string equation(const TimeStep& by) const override {
        dv_str text{};
        detail::check(host, door_.equation(detail::borrow(by), &text));
        return std::string(detail::view(text));
    }
    std::optional<Tableau> tableau() const override {
        abi::v1::Tableau lent{};
        std::int32_t has_one = 0;
        detail::check(host, door_.tableau(&lent, &has_one));
        return has_one ? std::optional(detail::own(lent)) : std::nullopt;
    }

private:
    abi::v1::SolverTraits traits(const TimeStep& by) const {
        abi::v1::SolverTraits out{};
        detail::check(host, door_.traits(detail::borrow(by), &out));
        return out;
    }
    detail::Imported imported_;
    abi::v1::ISolver& door_;
};

}  // namespace dv
