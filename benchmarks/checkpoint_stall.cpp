/// How long a checkpoint holds up the training: 50 MB of weights with Adam's state (150 MB), written beside it.
///
/// Per save, in ms, medians: request (taking the state and handing it over), wait (the next optimizer step, after a forward and backward
/// pass of `pass` ms), whole (what a write in place would take). One line of JSON.

#include "boring.hpp"
#include "checkpoint/checkpoint.hpp"
#include "checkpoint/saver.hpp"

#include <ATen/ops/rand.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

namespace {

using namespace dvhost;
using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

double median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
    return values[values.size() / 2];
}

/// Weights, and two tensors of state each, as Adam has.
struct Big final : dv::Model {
    std::vector<dv::NamedTensor> tensors;
    Big() {
        for (int i = 0; i < 12; ++i) tensors.push_back({"w" + std::to_string(i), at::rand({1024, 1017}).requires_grad_(), true});
    }
    std::vector<dv::NamedTensor> parameters() const override { return tensors; }
};
struct WithState final : dv::Optimizer {
    std::vector<dv::OptimizerState> kept;
    void build(std::span<const dv::NamedTensor> all) override {
        dv::Optimizer::build(all);
        for (std::int64_t i = 0; i < static_cast<std::int64_t>(all.size()); ++i) {
            for (const char* key : {"exp_avg", "exp_avg_sq"}) kept.push_back({i, key, at::rand({1024, 1017})});
        }
    }
    std::vector<dv::OptimizerState> state() const override { return kept; }
    void load_state(std::span<const dv::OptimizerState>) override {}
    std::vector<dv::GroupOption> options(std::size_t) const override { return {}; }

protected:
    void step_group(dv::ParameterGroup&) override {}
};

}  // namespace

int main(int n_arguments, char** arguments) {
    const int n = n_arguments > 1 ? std::atoi(arguments[1]) : 15;
    const auto pass = std::chrono::milliseconds(n_arguments > 2 ? std::atoi(arguments[2]) : 200);
    const std::filesystem::path folder = std::filesystem::temp_directory_path() / "dvhost-stall";
    testing::CollectingSink sink;
    loops::Experiment e = testing::boring_experiment(sink);
    const auto model = std::make_shared<Big>();
    e.model = model;
    const auto optimizer = std::make_shared<WithState>();
    e.optimizers = {optimizer};
    optimizer->build(model->tensors);
    std::vector<at::Tensor> steady;
    for (const auto& t : model->tensors) steady.push_back(t.tensor);
    for (const auto& s : optimizer->kept) steady.push_back(s.tensor);

    checkpoint::Saver saver;
    std::vector<double> request, wait, whole;
    for (int i = 0; i < n; ++i) {
        auto start = Clock::now();
        saver.write(folder / "a.ckpt", checkpoint::gather(e, {}, {}, checkpoint::Content::everything), steady);
        request.push_back(ms_since(start));
        std::this_thread::sleep_for(pass);
        start = Clock::now();
        saver.wait_copied();
        wait.push_back(ms_since(start));
        saver.drain();
        start = Clock::now();
        checkpoint::write_file(folder / "b.ckpt", checkpoint::gather(e, {}, {}, checkpoint::Content::everything));
        whole.push_back(ms_since(start));
    }
    std::filesystem::remove_all(folder);
    std::printf("{\"saves\": %d, \"pass_ms\": %d, \"request_ms\": %.3f, \"wait_ms\": %.3f, \"in_place_ms\": %.1f}\n", n,
                static_cast<int>(pass.count()), median(request), median(wait), median(whole));
}
