#pragma once
/// Kind dv.solver (torch): one step of  tau · dr/dt = −r + drive.

#include <dv/torch/kind.hpp>

#include <limits>
#include <optional>

namespace dv {

/// The step and the time constant it is taken with.
struct TimeStep {
    double dt = 1.0;   ///< [ms]
    double tau = 1.0;  ///< [ms]; when `tau_tensor` is defined, its value when the circuit was built
    at::Tensor tau_tensor;  ///< [ms] 0-dim, trained; undefined when tau is fixed

    double ratio() const { return dt / tau; }
};

/// A solver that is y = c0·h + c1·drive says so; an engine may then fuse it.
struct AffineStep {
    double c0 = 0.0, c1 = 0.0;
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
};
struct ISolver {
    virtual dv_status step(const at::Tensor& rate, const at::Tensor& drive, const TimeStep& by,
                           at::Tensor& out) noexcept = 0;
    virtual dv_status traits(const TimeStep& by, SolverTraits* out) noexcept = 0;
    virtual dv_status equation(const TimeStep& by, dv_str* out) noexcept = 0;

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
    /// and then counts as zero, not both. Const and stateless: the caller keeps the state. Differentiable in rate, drive and
    /// by.tau_tensor. [step]
    virtual at::Tensor step(const at::Tensor& rate, const at::Tensor& drive, const TimeStep& by) const = 0;

    /// Order of accuracy in dt for a drive that depends on time only.
    virtual int order() const = 0;
    /// Largest stable dt/tau of the leak; infinite if there is none.
    virtual double stability_limit() const { return std::numeric_limits<double>::infinity(); }
    /// The step as y = c0·rate + c1·drive for a fixed tau, if it is one.
    virtual std::optional<AffineStep> affine(const TimeStep& by) const {
        (void)by;
        return std::nullopt;
    }
    /// For `dvhost describe`: the update with numbers, r for the rate and x for the drive.
    virtual std::string equation(const TimeStep& by) const = 0;
};

namespace detail {
inline abi::v1::TimeStep borrow(const TimeStep& t) { return {t.dt, t.tau, t.tau_tensor}; }
inline TimeStep own(const abi::v1::TimeStep& t) { return {t.dt, t.tau, t.tau_tensor}; }
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
            *out = {solver_.stability_limit(), solver_.order(), affine ? 1 : 0, coefficients.c0, coefficients.c1};
        });
    }
    dv_status equation(const abi::v1::TimeStep& by, dv_str* out) noexcept override {
        return detail::torch_guard(solver_.host, "equation", [&] {
            equation_ = solver_.equation(detail::own(by));
            *out = detail::borrow(equation_);
        });
    }

private:
    const Solver& solver_;
    std::string equation_;
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
        return t.is_affine ? std::optional(AffineStep{t.c0, t.c1}) : std::nullopt;
    }
    std::string equation(const TimeStep& by) const override {
        dv_str text{};
        detail::check(host, door_.equation(detail::borrow(by), &text));
        return std::string(detail::view(text));
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
