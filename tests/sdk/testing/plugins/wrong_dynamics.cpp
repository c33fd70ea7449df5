// Solvers and recurrences that break one promise each; the suites must notice. `Euler` and `Pointwise` break none.
#include <dv/torch/recurrence.hpp>
#include <dv/torch/solver.hpp>

#include <ATen/ops/conv2d.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>

namespace {

struct Euler : dv::Solver {
    at::Tensor step(const at::Tensor& rate, const at::Tensor& drive, const dv::TimeStep& by) const override {
        const at::Tensor& known = rate.defined() ? rate : drive;
        const at::Tensor r = rate.defined() ? rate : known.new_zeros(known.sizes());
        const at::Tensor x = drive.defined() ? drive : known.new_zeros(known.sizes());
        return r.add(x.sub(r).mul(ratio(by, known)));
    }
    virtual at::Tensor ratio(const dv::TimeStep& by, const at::Tensor& like) const {
        if (by.tau_tensor.defined()) return by.tau_tensor.reciprocal().mul(by.dt);
        return at::full({}, by.ratio(), like.options());
    }
    int order() const override { return 1; }
    double stability_limit() const override { return 2.0; }
    std::optional<dv::AffineStep> affine(const dv::TimeStep& by) const override {
        return dv::AffineStep{1.0 - by.ratio(), by.ratio()};
    }
    std::string equation(const dv::TimeStep&) const override { return "r <- r + a (x - r)"; }
};
DV_COMPONENT(Euler, "test.solver.euler", "Breaks no promise");

struct WrongAffine final : Euler {
    std::optional<dv::AffineStep> affine(const dv::TimeStep& by) const override {
        return dv::AffineStep{1.0 - 0.5 * by.ratio(), by.ratio()};
    }
};
DV_COMPONENT(WrongAffine, "test.solver.wrong_affine", "Describes another step than it takes");

struct LyingTableau final : dv::StageSolver {
    std::optional<dv::Tableau> tableau() const override {  // Heun's, with the order of another
        dv::Tableau t;
        t.stages = 2;
        t.order = 3;
        t.c = {0.0, 1.0};
        t.a[1] = {1.0};
        t.b = {0.5, 0.5};
        return t;
    }
};
DV_COMPONENT(LyingTableau, "test.solver.lying_tableau", "Claims a better order than its tableau has");

struct LooseTableau final : dv::StageSolver {
    std::optional<dv::Tableau> tableau() const override {
        dv::Tableau t;
        t.stages = 2;
        t.order = 2;
        t.c = {0.0, 0.5};
        t.a[1] = {1.0};  // not c[1]
        t.b = {0.5, 0.5};
        return t;
    }
};
DV_COMPONENT(LooseTableau, "test.solver.loose_tableau", "Has stages at other times than it says");

struct WrongOrder final : Euler {
    int order() const override { return 2; }
};
DV_COMPONENT(WrongOrder, "test.solver.wrong_order", "Claims a better order than it has");

struct LowLimit final : Euler {
    double stability_limit() const override { return 1.0; }
};
DV_COMPONENT(LowLimit, "test.solver.low_limit", "Is stable beyond its limit");

struct HighLimit final : Euler {
    double stability_limit() const override { return 3.0; }
};
DV_COMPONENT(HighLimit, "test.solver.high_limit", "Is unstable within its limit");

struct SinglePrecision final : Euler {
    at::Tensor step(const at::Tensor& rate, const at::Tensor& drive, const dv::TimeStep& by) const override {
        return Euler::step(rate, drive, by).to(at::kFloat);
    }
};
DV_COMPONENT(SinglePrecision, "test.solver.single_precision", "Changes the dtype");

struct AbsentIsOne final : Euler {
    at::Tensor step(const at::Tensor& rate, const at::Tensor& drive, const dv::TimeStep& by) const override {
        return Euler::step(rate, drive.defined() ? drive : rate.new_ones(rate.sizes()), by);
    }
};
DV_COMPONENT(AbsentIsOne, "test.solver.absent_is_one", "Takes an absent drive for ones");

struct Drifts final : Euler {
    at::Tensor step(const at::Tensor& rate, const at::Tensor& drive, const dv::TimeStep& by) const override {
        return Euler::step(rate, drive, by).mul(1.01);
    }
};
DV_COMPONENT(Drifts, "test.solver.drifts", "Does not rest where drive and rate are equal");

struct Detached final : Euler {
    at::Tensor step(const at::Tensor& rate, const at::Tensor& drive, const dv::TimeStep& by) const override {
        return Euler::step(rate.detach(), drive, by);
    }
};
DV_COMPONENT(Detached, "test.solver.detached", "Cuts the gradient in the rate");

struct FixedTau final : Euler {
    at::Tensor ratio(const dv::TimeStep& by, const at::Tensor& like) const override {
        return at::full({}, by.ratio(), like.options());
    }
};
DV_COMPONENT(FixedTau, "test.solver.fixed_tau", "Does not see what tau was trained to");

struct DetachedTau final : Euler {
    at::Tensor ratio(const dv::TimeStep& by, const at::Tensor& like) const override {
        return Euler::ratio(by, like).detach();
    }
};
DV_COMPONENT(DetachedTau, "test.solver.detached_tau", "Has no gradient in tau");

struct OtherTau final : Euler {
    at::Tensor ratio(const dv::TimeStep& by, const at::Tensor& like) const override {
        return Euler::ratio(by, like).mul(by.tau_tensor.defined() ? 0.5 : 1.0);
    }
};
DV_COMPONENT(OtherTau, "test.solver.other_tau", "Steps differently when tau is trained");

struct Remembers final : Euler {
    mutable double calls = 0;
    at::Tensor step(const at::Tensor& rate, const at::Tensor& drive, const dv::TimeStep& by) const override {
        return Euler::step(rate, drive, by).add(++calls);
    }
};
DV_COMPONENT(Remembers, "test.solver.remembers", "Depends on how often it was called");

struct InPlace final : Euler {
    at::Tensor step(const at::Tensor& rate, const at::Tensor& drive, const dv::TimeStep& by) const override {
        const at::Tensor next = Euler::step(rate, drive, by);
        if (rate.defined() && !rate.requires_grad()) rate.copy_(next);
        return next;
    }
};
DV_COMPONENT(InPlace, "test.solver.in_place", "Writes into its input");

struct NoEquation final : Euler {
    std::string equation(const dv::TimeStep&) const override { return ""; }
};
DV_COMPONENT(NoEquation, "test.solver.no_equation", "Has no equation");

// ---- Recurrence
// --------------------------------------------------------------------------------------------------------

/// A 1×1 convolution.
struct Pointwise : dv::Recurrence {
    dv::Parameters tensors;
    at::Tensor weight, bias;
    void build(const dv::RecurrenceSite& site) override {
        tensors = dv::Parameters(key());
        weight = tensors.add("weight", {site.target_channels, site.source_channels, 1, 1},
                             dv::init::Uniform{site.max_weight_init});
        if (site.bias) bias = tensors.add("bias", {site.target_channels}, dv::init::Uniform{site.max_weight_init});
    }
    virtual std::uint64_t key() const { return dv::initial_value_key(host); }
    std::vector<dv::NamedTensor> parameters() const override { return {tensors.all().begin(), tensors.all().end()}; }
    at::Tensor forward(const at::Tensor& rate) const override {
        return at::conv2d(rate, weight, bias.defined() ? std::optional(bias) : std::nullopt);
    }
    std::optional<dv::LinearMap> linear() const override { return dv::LinearMap{weight, bias, 1}; }
    std::string equation() const override { return "W h"; }
};
DV_COMPONENT(Pointwise, "test.recurrence.pointwise", "Breaks no promise");

struct WrongLinear final : Pointwise {
    std::optional<dv::LinearMap> linear() const override { return dv::LinearMap{weight.mul(2.0), bias, 1}; }
};
DV_COMPONENT(WrongLinear, "test.recurrence.wrong_linear", "Describes another map than it applies");

struct Transposed final : Pointwise {
    at::Tensor forward(const at::Tensor& rate) const override { return Pointwise::forward(rate).transpose(2, 3); }
};
DV_COMPONENT(Transposed, "test.recurrence.transposed", "Swaps the axes of space");

struct Centred final : Pointwise {
    at::Tensor forward(const at::Tensor& rate) const override {
        const at::Tensor drive = Pointwise::forward(rate);
        return drive.sub(drive.mean(0, true));
    }
};
DV_COMPONENT(Centred, "test.recurrence.centred", "Mixes the samples of a batch");

struct TwiceNamed final : Pointwise {
    std::vector<dv::NamedTensor> parameters() const override {
        return {{"weight", weight, true}, {"weight", bias, true}};
    }
};
DV_COMPONENT(TwiceNamed, "test.recurrence.twice_named", "Gives two tensors one name");

struct Unused final : Pointwise {
    void build(const dv::RecurrenceSite& site) override {
        Pointwise::build(site);
        tensors.add("unused", {3}, dv::init::Constant{1.0});
    }
};
DV_COMPONENT(Unused, "test.recurrence.unused", "Has a parameter that nothing depends on");

struct HalfDetached final : Pointwise {
    at::Tensor forward(const at::Tensor& rate) const override {
        return Pointwise::forward(rate).add(Pointwise::forward(rate).detach());
    }
};
DV_COMPONENT(HalfDetached, "test.recurrence.half_detached", "Has half the gradient");

struct SameEverywhere final : Pointwise {
    std::uint64_t key() const override { return 7; }
};
DV_COMPONENT(SameEverywhere, "test.recurrence.same_everywhere", "Starts with the same values at every place");

struct NoisyStart final : Pointwise {
    void build(const dv::RecurrenceSite& site) override {
        Pointwise::build(site);
        weight.set_data(at::rand(weight.sizes()));
    }
};
DV_COMPONENT(NoisyStart, "test.recurrence.noisy_start", "Starts with other values every time");

struct Fatigue final : Pointwise {
    mutable double calls = 1;
    at::Tensor forward(const at::Tensor& rate) const override { return Pointwise::forward(rate).div(calls++); }
};
DV_COMPONENT(Fatigue, "test.recurrence.fatigue", "Depends on how often it was called");

struct AlwaysBiased final : Pointwise {
    at::Tensor forward(const at::Tensor& rate) const override { return Pointwise::forward(rate).add(0.1); }
};
DV_COMPONENT(AlwaysBiased, "test.recurrence.always_biased", "Has a bias where none is wanted");

struct Denies final : Pointwise {
    bool contributes() const override { return false; }
};
DV_COMPONENT(Denies, "test.recurrence.denies", "Says that it contributes nothing, and does");

struct NoFormula final : Pointwise {
    std::string equation() const override { return ""; }
};
DV_COMPONENT(NoFormula, "test.recurrence.no_formula", "Has no equation");

}  // namespace
