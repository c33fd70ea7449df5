#pragma once
/// Compares an optimizer with what PyTorch's of the same parameters does (goldens/make_goldens.py).

#include "tests/optimizer_fixture.hpp"

#include <gtest/gtest.h>

#include <ATen/ops/from_blob.h>

#include <cmath>
#include <string>
#include <vector>

namespace dv::optimizers::testing {

struct GoldenState {
    std::int64_t parameter;
    const char* key;
    std::vector<std::int64_t> shape;
    std::vector<double> values;

    at::Tensor tensor() const {
        return at::from_blob(const_cast<double*>(values.data()), shape, at::TensorOptions(at::kDouble)).clone();
    }
};
struct Golden {
    const char* parameters;                    ///< TOML
    bool changes_momentum;                     ///< a schedule changes it before step kChangeAt
    std::vector<std::vector<double>> weights;  ///< after each step, of both parameters
    std::vector<GoldenState> state;            ///< after step kStateAt
};
constexpr int kStateAt = 3, kChangeAt = 2;
constexpr double kNewLr = 0.02, kNewMomentum = 0.7;
constexpr double kTolerated = 1e-12;

/// The script's two parameters.
inline std::vector<NamedTensor> golden_parameters() {
    const auto made = [](const char* name, std::vector<std::int64_t> shape, int first) {
        at::Tensor values = at::empty(shape, at::TensorOptions(at::kDouble));
        for (int i = 0; i < values.numel(); ++i) values.mutable_data_ptr<double>()[i] = std::sin(1.0 + first + i);
        return NamedTensor{name, values.set_requires_grad(true)};
    };
    return {made("a", {2, 3}, 0), made("b", {3}, 6)};
}
inline std::vector<double> all_numbers(const std::vector<NamedTensor>& parameters) {
    std::vector<double> out;
    for (const NamedTensor& p : parameters) {
        const std::vector<double> part = numbers(p.tensor);
        out.insert(out.end(), part.begin(), part.end());
    }
    return out;
}

class GoldenRun {
public:
    explicit GoldenRun(const Golden& golden)
        : optimizer(make(dv::testing::Config::parse(golden.parameters))), golden_(golden) {
        optimizer->build(parameters);
    }
    void step(int i) {
        if (i == kChangeAt) change();
        int first = 0;
        for (const NamedTensor& p : parameters) {
            at::Tensor gradient = at::empty_like(p.tensor.detach());
            for (int k = 0; k < gradient.numel(); ++k) {
                gradient.mutable_data_ptr<double>()[k] = std::cos(0.7 * i + 1.3 * (first + k));
            }
            first += static_cast<int>(gradient.numel());
            set_gradient(p.tensor, gradient);
        }
        optimizer->step();
    }
    void change() {
        optimizer->set_lr(0, kNewLr);
        if (golden_.changes_momentum) optimizer->set_momentum(0, kNewMomentum);
    }
    void expect_weights_of_step(int i) const {
        EXPECT_LT(largest_distance(all_numbers(parameters), golden_.weights.at(static_cast<std::size_t>(i))),
                  kTolerated)
            << "after step " << i;
    }

    std::vector<NamedTensor> parameters = golden_parameters();
    std::shared_ptr<Optimizer> optimizer;

private:
    const Golden& golden_;
};

/// Name for name and number for number, as PyTorch's own state after as many steps: what it would load from us.
inline void expect_golden_state(const Optimizer& optimizer, const Golden& golden) {
    const std::vector<OptimizerState> state = optimizer.state();
    std::vector<std::string> expected;
    for (const GoldenState& s : golden.state) expected.push_back(std::to_string(s.parameter) + "." + s.key);
    ASSERT_EQ(state_keys(optimizer), expected);
    for (std::size_t i = 0; i < state.size(); ++i) {
        const at::Tensor tensor = golden.state[i].tensor();
        EXPECT_EQ(state[i].tensor.sizes(), tensor.sizes()) << expected[i];
        EXPECT_LT(largest_distance(numbers(state[i].tensor), numbers(tensor)), kTolerated) << expected[i];
    }
}

inline void expect_follows(const Golden& golden) {
    SCOPED_TRACE(golden.parameters);
    const int n_steps = static_cast<int>(golden.weights.size());
    GoldenRun run(golden);
    for (int i = 0; i < n_steps; ++i) {
        run.step(i);
        run.expect_weights_of_step(i);
        if (i + 1 == kStateAt) expect_golden_state(*run.optimizer, golden);
    }

    // From PyTorch's state on.
    GoldenRun resumed(golden);
    std::size_t next = 0;
    for (const NamedTensor& p : resumed.parameters) {
        for (int k = 0; k < p.tensor.numel(); ++k) {
            p.tensor.detach().mutable_data_ptr<double>()[k] = golden.weights[kStateAt - 1][next++];
        }
    }
    std::vector<OptimizerState> states;
    for (const GoldenState& s : golden.state) states.push_back({s.parameter, s.key, s.tensor()});
    resumed.optimizer->load_state(states);
    resumed.change();
    for (int i = kStateAt; i < n_steps; ++i) {
        resumed.step(i);
        resumed.expect_weights_of_step(i);
    }
}

}  // namespace dv::optimizers::testing
