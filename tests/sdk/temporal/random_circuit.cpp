#include "fixtures.hpp"

#include <ATen/ops/linear.h>

#include <algorithm>
#include <cmath>

namespace dv::temporal::fixtures {

namespace {

using Kind = Operation::Kind;

class Maker {
public:
    explicit Maker(std::uint64_t seed) : random_(seed, 0, 0, Purpose::synthesize) {}

    RandomCircuit make() {
        out_.circuit.input = {between(1, 3), between(5, 9), between(5, 9)};
        out_.circuit.dt = 2.0;
        if (chance(0.2)) out_.circuit.input_adaptation = {0.9 * (random_.uniform() - 0.5), chance(0.3)};
        if (chance(0.2)) out_.circuit.front = {convolution(out_.circuit.input.channels, between(1, 3)), Relu{}};
        const std::int64_t n = between(1, 4);
        for (std::int64_t l = 0; l < n; ++l) add_layer(l);
        for (std::int64_t i = between(0, 2 * n); n > 1 && i > 0; --i) add_connection();
        add_readout();
        validate(out_.circuit);
        return std::move(out_);
    }

private:
    std::int64_t between(std::int64_t low, std::int64_t high) {
        return low + random_.below(static_cast<std::uint32_t>(high - low + 1));
    }
    bool chance(double p) { return random_.uniform() < p; }

    at::Tensor parameter(at::IntArrayRef shape, double scale) {
        out_.parameters.push_back(noise(shape, random_, scale).requires_grad_(true));
        return out_.parameters.back();
    }

    Convolution convolution(std::int64_t in, std::int64_t out) {
        Convolution c;
        const std::int64_t k = chance(0.7) ? 3 : 1;
        c.weight = parameter({out, in, k, k}, 1.2 / std::sqrt(static_cast<double>(in * k * k)));
        if (chance(0.7)) c.bias = parameter({out}, 0.3);
        c.stride = chance(0.3) ? 2 : 1;
        c.padding = k / 2;
        return c;
    }

    void add_layer(std::int64_t l) {
        Layer layer;
        layer.name = "L" + std::to_string(l);
        const Grid in = out_.circuit.input_of(static_cast<std::size_t>(l));
        const std::int64_t channels = between(1, 4), between_channels = between(1, 4);
        const bool two = chance(0.4);
        layer.feedforward.first = convolution(in.channels, two ? between_channels : channels);
        if (two) layer.feedforward.second = convolution(between_channels, channels);
        if (two && chance(0.3)) layer.feedforward.middle.emplace_back(SupraLinear{0.7, 1.3});
        layer.feedforward_lag = chance(0.3) ? between(1, 2) : 0;
        layer.operations = operations(channels);
        const std::vector<Grid> along = grids(layer, in);
        layer.output = along.back();
        for (std::size_t i = 0; i < layer.operations.size(); ++i) {
            if (layer.operations[i].kind == Kind::delay) layer.stored = along[i];
        }
        const auto adapts = [](const Operation& op) { return op.kind == Kind::adapt; };
        if (std::any_of(layer.operations.begin(), layer.operations.end(), adapts)) {
            layer.adaptation =
                Adaptation{parameter({}, 0.9), parameter({layer.stored.channels, 1, 1}, 0.5), chance(0.5)};
            if (layer.adaptation->divisive)
                layer.adaptation->beta = at::Tensor(layer.adaptation->beta.abs().detach()).requires_grad_(true);
            out_.parameters.back() = layer.adaptation->beta;
        }
        if (chance(0.25)) layer.leak = LeakState::membrane;
        if (chance(0.7)) add_recurrence(layer, two, in.channels, between_channels, channels);
        const auto steps = [](const Operation& op) { return op.kind == Kind::step; };
        if (std::any_of(layer.operations.begin(), layer.operations.end(), steps)) {
            auto solver = std::make_shared<EulerStep>();
            solver->says_affine = chance(0.7);
            layer.solver = std::move(solver);
            layer.time = {2.0, 3.0 + static_cast<double>(between(0, 9)), {}};
            if (chance(0.4))
                layer.time.tau_tensor = parameter({}, 0.0).detach().add_(layer.time.tau).requires_grad_(true);
            if (layer.time.tau_tensor.defined()) out_.parameters.back() = layer.time.tau_tensor;
        }
        out_.circuit.layers.push_back(std::move(layer));
    }

    void add_recurrence(Layer& layer, bool two, std::int64_t in, std::int64_t middle, std::int64_t out) {
        RecurrentPath path;
        path.target = two ? std::array{RecurrenceTarget::output, RecurrenceTarget::middle, RecurrenceTarget::input}.at(
                                static_cast<std::size_t>(between(0, 2)))
                          : (chance(0.7) ? RecurrenceTarget::output : RecurrenceTarget::input);
        path.integration = chance(0.75) ? Integration::additive : Integration::multiplicative;
        path.lag = between(1, 3);
        const std::int64_t to = path.target == RecurrenceTarget::output   ? out
                                : path.target == RecurrenceTarget::middle ? middle
                                                                          : in;
        LinearMap map;
        const std::int64_t k = chance(0.7) ? 3 : 1;
        map.weight = parameter({to, layer.stored.channels, k, k},
                               0.8 / std::sqrt(static_cast<double>(layer.stored.channels * k * k)));
        if (chance(0.5)) map.bias = parameter({to}, 0.2);
        path.map = std::make_shared<Lateral>(std::move(map));
        layer.recurrence = std::move(path);
    }

    /// Behind the input path, of `channels`.
    Operation bias(std::int64_t channels) {
        const bool scalar = chance(0.5);
        return {Kind::map, "bias", Bias{scalar ? parameter({}, 0.4) : parameter({channels, 1, 1}, 0.4)}};
    }

    /// One of four orders, with or without bias, adaptation, solver and pool.
    std::vector<Operation> operations(std::int64_t channels) {
        const auto plain = [](Kind kind) { return Operation{kind, "plain", std::nullopt}; };
        const auto map = [](Map with) { return Operation{Kind::map, "map", std::move(with)}; };
        const Operation nonlinearity = map(chance(0.7) ? Map(Relu{}) : Map(SupraLinear{0.8, 1.5}));
        const Pool::Kind pool_kind = chance(0.5) ? Pool::Kind::max : Pool::Kind::average;
        const std::optional<Operation> pool = chance(0.4) ? std::optional(map(Pool{pool_kind, 3, 2, 1})) : std::nullopt;
        const std::optional<Operation> step = chance(0.8) ? std::optional(plain(Kind::step)) : std::nullopt;
        const std::optional<Operation> add = chance(0.3) ? std::optional(bias(channels)) : std::nullopt;
        const std::optional<Operation> adapt = chance(0.25) ? std::optional(plain(Kind::adapt)) : std::nullopt;
        const Operation layer = plain(Kind::layer), skip = plain(Kind::skip), feedback = plain(Kind::feedback),
                        record = plain(Kind::record), delay = plain(Kind::delay);
        using List = std::vector<std::optional<Operation>>;
        const std::array<List, 4> orders{
            List{layer, add, skip, feedback, step, adapt, nonlinearity, record, delay, pool},
            List{skip, layer, add, pool, nonlinearity, feedback, step, adapt, record, delay},
            List{layer, add, nonlinearity, feedback, skip, adapt, step, delay, record, pool},
            List{feedback, layer, add, step, skip, adapt, nonlinearity, record, delay, pool},
        };
        std::vector<Operation> chosen;
        for (const auto& op : orders.at(static_cast<std::size_t>(between(0, 3)))) {
            if (op) chosen.push_back(*op);
        }
        return chosen;
    }

    void add_connection() {
        const auto n = static_cast<std::int64_t>(out_.circuit.layers.size());
        Connection c;
        c.source = static_cast<std::size_t>(between(0, n - 1));
        c.target = static_cast<std::size_t>(between(0, n - 1));
        if (c.source == c.target) return;
        c.kind = chance(0.5) ? Connection::Kind::skip : Connection::Kind::feedback;
        c.lag = between(c.source < c.target ? 0 : 1, 4);
        c.integration = chance(0.7) ? Integration::additive : Integration::multiplicative;
        const Layer& target = out_.circuit.layers[c.target];
        const Grid source = out_.circuit.layers[c.source].stored;
        const std::vector<Grid> along = grids(target, out_.circuit.input_of(c.target));
        const Kind kind = c.kind == Connection::Kind::skip ? Kind::skip : Kind::feedback;
        for (std::size_t i = 0; i < target.operations.size(); ++i) {
            if (target.operations[i].kind != kind) continue;
            c.resized = {source.channels, along[i].height, along[i].width};
            if (source.channels != along[i].channels || chance(0.5)) {
                Convolution t;
                t.weight = parameter({along[i].channels, source.channels, 1, 1}, 0.6);
                if (chance(0.7)) t.bias = parameter({along[i].channels}, 0.2);
                c.transform = std::move(t);
            }
        }
        out_.circuit.connections.push_back(std::move(c));
    }

    void add_readout() {
        const std::int64_t features = out_.circuit.layers.back().output.channels;
        const at::Tensor weight = parameter({3, features}, 1.0), bias = parameter({3}, 0.5);
        out_.circuit.readout = {[weight, bias](const at::Tensor& x) {
                                    return at::linear(x.mean({2, 3}), weight, bias);
                                },
                                3, "mean, linear", 0, 0};
    }

    Random random_;
    RandomCircuit out_;
};

}  // namespace

RandomCircuit random_circuit(std::uint64_t seed) { return Maker(seed).make(); }

Sequence random_sequence(const Circuit& circuit, std::int64_t batch, std::int64_t n_frames, std::uint64_t seed) {
    Random random(seed, 1, 0, Purpose::synthesize);
    const Grid& in = circuit.input;
    return Sequence::of(noise({batch, n_frames, in.channels, in.height, in.width}, random));
}

}  // namespace dv::temporal::fixtures
