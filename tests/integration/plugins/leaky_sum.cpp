// A model whose outputs a test can compute: y(t) = 1/2 y(t-1) + the sum of the frame's values.

#include <dv/torch/model.hpp>

#include <ATen/ops/stack.h>

namespace {

struct LeakySum final : dv::Model {
    std::int64_t n_timesteps = 1;
    static constexpr auto params =
        dv::schema(dv::p("n_timesteps", &LeakySum::n_timesteps, 1, "steps", dv::at_least{1}));

    dv::Presentation present(const dv::Batch& batch) const override {
        return {batch.frames.shown_for(n_timesteps), batch.labels};
    }
    void set_plan(dv::EnginePlan plan) override { plan_ = plan; }
    std::string describe() const override {
        return plan_ == dv::EnginePlan::fast ? "the plan is fast\n" : "the plan is reference\n";
    }
    at::Tensor forward(const at::Tensor& frames) override {
        const at::Tensor drive = frames.sum({2, 3, 4});
        std::vector<at::Tensor> outputs;
        for (std::int64_t t = 0; t < drive.size(1); ++t) {
            const at::Tensor now = drive.select(1, t);
            outputs.push_back(t == 0 ? now : outputs.back().mul(0.5).add(now));
        }
        return at::stack(outputs, 1).unsqueeze(-1);
    }

private:
    dv::EnginePlan plan_{};
};

}  // namespace

DV_COMPONENT(LeakySum, "example.model.leaky_sum", "A sum that leaks: the test computes it too");
