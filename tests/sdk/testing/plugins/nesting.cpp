// Components that own others, out of another plugin.
#include <dv/torch/recurrence.hpp>
#include <dv/torch/solver.hpp>

namespace {

/// Two steps of another solver.
struct Twice final : dv::Solver {
    dv::Factory<dv::Solver> inner;
    static constexpr auto params = dv::schema(dv::p("inner", &Twice::inner, "euler", "the solver that steps twice"));

    std::shared_ptr<dv::Solver> solver;
    void open() override { solver = inner.make("inner"); }
    at::Tensor step(const at::Tensor& rate, const at::Tensor& drive, const dv::TimeStep& by) const override {
        return solver->step(solver->step(rate, drive, by), drive, by);
    }
    int order() const override { return solver->order(); }
    std::string equation(const dv::TimeStep& by) const override { return solver->equation(by) + ", twice"; }
};
DV_COMPONENT(Twice, "test.solver.twice", "Another solver, twice");

/// The sum of two recurrences of the same type.
struct Pair final : dv::Recurrence {
    dv::Factory<dv::Recurrence> each;
    static constexpr auto params = dv::schema(dv::p("each", &Pair::each, "pointwise", "the recurrence that is summed"));

    std::shared_ptr<dv::Recurrence> first, second;
    void open() override {
        first = each.make("first");
        second = each.make("second");
    }
    void build(const dv::RecurrenceSite& site) override {
        first->build(site);
        second->build(site);
    }
    std::vector<dv::NamedTensor> parameters() const override {
        dv::Parameters all;
        all.adopt("first", first->parameters());
        all.adopt("second", second->parameters());
        return {all.all().begin(), all.all().end()};
    }
    at::Tensor forward(const at::Tensor& rate) const override {
        return first->forward(rate).add(second->forward(rate));
    }
    std::string equation() const override { return first->equation() + " + " + second->equation(); }
};
DV_COMPONENT(Pair, "test.recurrence.pair", "Two recurrences, summed");

}  // namespace
