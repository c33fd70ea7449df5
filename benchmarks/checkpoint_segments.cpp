/// What walking time in segments saves and costs: four recurrent layers of 32 channels on 32 x 32, batch 16, 24 steps of a still image,
/// forward and backward, each setting in a process of its own. One line of JSON each: peak of the memory of tensors
/// beyond what was there before the first step [MB], the fastest of three steps [ms].

#include <dv/temporal/run.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace dv::temporal;

struct Euler final : dv::Solver {
    at::Tensor step(const at::Tensor& rate, const at::Tensor& drive, const dv::TimeStep& by) const override {
        if (!rate.defined()) return drive.mul(by.ratio());
        return drive.defined() ? rate.add(drive.sub(rate), by.ratio()) : rate.mul(1.0 - by.ratio());
    }
    int order() const override { return 1; }
    std::optional<dv::AffineStep> affine(const dv::TimeStep& by) const override {
        return dv::AffineStep{1.0 - by.ratio(), by.ratio(), {}};
    }
    std::string equation(const dv::TimeStep&) const override { return "Euler"; }
};

struct Lateral final : dv::Recurrence {
    dv::LinearMap map;
    explicit Lateral(dv::LinearMap with) : map(std::move(with)) {}
    void build(const dv::RecurrenceSite&) override {}
    std::vector<dv::NamedTensor> parameters() const override { return {{"weight", map.weight, true}}; }
    at::Tensor forward(const at::Tensor&) const override { throw dv::Error("it is linear"); }
    std::optional<dv::LinearMap> linear() const override { return map; }
    std::string equation() const override { return "W * h"; }
};

at::Tensor weight(std::int64_t out, std::int64_t in) { return at::randn({out, in, 3, 3}).mul(0.05).requires_grad_(true); }

Circuit network() {
    constexpr std::int64_t kChannels = 32, kSide = 32;
    Circuit circuit;
    circuit.input = {3, kSide, kSide};
    for (std::int64_t l = 0; l < 4; ++l) {
        using Kind = Operation::Kind;
        Layer layer;
        layer.name = "L" + std::to_string(l);
        layer.feedforward.first.weight = weight(kChannels, l == 0 ? 3 : kChannels);
        layer.feedforward.first.padding = 1;
        layer.recurrence = RecurrentPath{std::make_shared<Lateral>(dv::LinearMap{weight(kChannels, kChannels), {}})};
        layer.solver = std::make_shared<Euler>();
        layer.time = {2.0, 5.0, {}};
        layer.stored = layer.output = {kChannels, kSide, kSide};
        for (const Kind kind : {Kind::layer, Kind::step, Kind::map, Kind::record, Kind::delay})
            layer.operations.push_back({kind, "op", kind == Kind::map ? std::optional<Map>(Relu{}) : std::nullopt});
        circuit.layers.push_back(std::move(layer));
    }
    circuit.readout = {[](const at::Tensor& x) { return x.mean({2, 3}); }, kChannels, "mean", 0, 0};
    validate(circuit);
    return circuit;
}

/// The most bytes of tensors on the CPU that were there at a time; what the allocator keeps beyond them is not counted.
struct Peak final : c10::MemoryReportingInfoBase {
    std::int64_t now = 0, most = 0;
    void reportMemoryUsage(void*, std::int64_t size, std::size_t, std::size_t, c10::Device) override {
        now += size;
        most = std::max(most, now);
    }
    bool memoryProfilingEnabled() const override { return true; }
};

void measure(Plan plan, std::int64_t segments) {
    const Circuit circuit = network();
    const dv::Sequence shown = dv::Sequence::of(at::randn({16, 1, 3, 32, 32})).shown_for(24);
    RunOptions options;
    options.plan = plan;
    options.checkpoint_segments = segments;
    const auto peak = std::make_shared<Peak>();
    const c10::DebugInfoGuard counting(c10::DebugInfoKind::PROFILER_STATE, peak);
    double fastest = 1e9;
    for (int i = 0; i < 3; ++i) {
        const auto start = std::chrono::steady_clock::now();
        const at::Tensor outputs = run(circuit, shown, initial_state(circuit), options).outputs;  // without the state
        outputs.pow(2).sum().backward();
        fastest = std::min(fastest, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    }
    std::printf("{\"plan\": \"%s\", \"segments\": %d, \"peak_mb\": %.0f, \"ms\": %.0f}\n", plan == Plan::fast ? "fast" : "reference",
                static_cast<int>(segments), static_cast<double>(peak->most) / 1e6, fastest);
}

}  // namespace

int main() {
    for (const Plan plan : {Plan::fast, Plan::reference}) {
        for (const std::int64_t segments : {0, 2, 3, 4, 6, 8}) {
            std::fflush(stdout);
            const pid_t child = fork();  // before any thread is there
            if (child == 0) {
                measure(plan, segments);
                std::fflush(stdout);
                _exit(0);
            }
            int status = 0;
            if (waitpid(child, &status, 0) != child || status != 0) return 1;
        }
    }
}
