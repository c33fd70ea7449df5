#pragma once
/// Small circuits in double precision, built without plugins.

#include <dv/random.hpp>
#include <dv/temporal/run.hpp>

#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

namespace dv::temporal::fixtures {

/// r + a (x − r), with a trained tau when there is one.
struct EulerStep final : Solver {
    bool says_affine = true;
    at::Tensor step(const at::Tensor& rate, const at::Tensor& drive, const TimeStep& by) const override;
    int order() const override { return 1; }
    std::optional<AffineStep> affine(const TimeStep& by) const override {
        return says_affine ? std::optional(AffineStep{1.0 - by.ratio(), by.ratio(), {}}) : std::nullopt;
    }
    std::string equation(const TimeStep& by) const override;
};

/// One convolution with padding kernel / 2.
struct Lateral final : Recurrence {
    LinearMap map;
    explicit Lateral(LinearMap with) : map(std::move(with)) {}
    void build(const RecurrenceSite&) override {}
    std::vector<NamedTensor> parameters() const override { return {{"weight", map.weight, true}}; }
    at::Tensor forward(const at::Tensor& rate) const override;
    std::optional<LinearMap> linear() const override { return map; }
    std::string equation() const override { return "W * h"; }
};

// ---- Circuits of single units: every signal is one number ---------------------------------------------------------------

/// A double tensor [1, 1, 1, 1]: the weight of a 1x1 convolution of one channel.
at::Tensor scalar_weight(double value);

/// A layer of one unit: conv (weight), skip, feedback, step (when there is a solver), record, delay.
struct Unit {
    std::string name;
    double weight = 1.0;
    std::optional<double> recurrent_weight = {};
    std::int64_t recurrent_lag = 1;
    std::int64_t feedforward_lag = 0;
    std::optional<double> dt_over_tau = {};
};
struct Path {
    Connection::Kind kind;
    std::size_t source, target;
    std::int64_t lag;
    double weight = 1.0;
    Integration integration = Integration::additive;
};
Circuit units(std::initializer_list<Unit> layers, std::initializer_list<Path> paths = {});

/// One frame per step, each a single number.
Sequence numbers(const std::vector<double>& values);
/// What a circuit of single units answers, step by step.
std::vector<double> answers(const Circuit& circuit, const Sequence& sequence);

// ---- Random circuits -----------------------------------------------------------------------------------------------------

struct RandomCircuit {
    Circuit circuit;
    std::vector<at::Tensor> parameters;  ///< all of them, requiring gradients
};
/// Up to four layers with every kind of part that a circuit can have. Equal seeds, equal circuits.
RandomCircuit random_circuit(std::uint64_t seed);
/// `n_frames` frames of noise for it, each shown once.
Sequence random_sequence(const Circuit& circuit, std::int64_t batch, std::int64_t n_frames, std::uint64_t seed);

at::Tensor noise(at::IntArrayRef shape, Random& random, double scale = 1.0);

/// max |a − b| / max(1, max |b|).
double difference(const at::Tensor& a, const at::Tensor& b);

/// Keeps everything, by layer and step.
struct KeepAll final : Recorder {
    std::vector<std::vector<at::Tensor>> responses;
    KeepAll(std::size_t layers, std::int64_t steps)
        : responses(layers, std::vector<at::Tensor>(static_cast<std::size_t>(steps))) {}
    bool wants(std::size_t, std::int64_t) const override { return true; }
    void record(std::size_t layer, std::int64_t t, const at::Tensor& response) override {
        responses.at(layer).at(static_cast<std::size_t>(t)) = response;
    }
};

}  // namespace dv::temporal::fixtures
