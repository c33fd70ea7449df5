#include "fixtures.hpp"

#include <ATen/ops/conv2d.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>

namespace dv::temporal::fixtures {

at::Tensor EulerStep::step(const at::Tensor& rate, const at::Tensor& drive, const TimeStep& by) const {
    const at::Tensor a = by.tau_tensor.defined() ? by.tau_tensor.reciprocal().mul(by.dt)
                                                 : at::full({}, by.ratio(), (rate.defined() ? rate : drive).options());
    if (!rate.defined()) return drive.mul(a);
    if (!drive.defined()) return rate.sub(rate.mul(a));
    return rate.add(drive.sub(rate).mul(a));
}

std::string EulerStep::equation(const TimeStep& by) const {
    return "r <- r + " + std::to_string(by.ratio()) + " (x - r)";
}

at::Tensor Lateral::forward(const at::Tensor& rate) const {
    return at::conv2d(rate, map.weight, map.bias, 1, map.weight.size(2) / 2, 1, map.groups);
}

at::Tensor scalar_weight(double value) { return at::full({1, 1, 1, 1}, value, at::kDouble); }

namespace {

Layer unit_layer(const Unit& from) {
    using Kind = Operation::Kind;
    Layer layer;
    layer.name = from.name;
    layer.feedforward.first.weight = scalar_weight(from.weight);
    layer.feedforward_lag = from.feedforward_lag;
    layer.stored = layer.output = {1, 1, 1};
    if (from.recurrent_weight) {
        auto map = std::make_shared<Lateral>(LinearMap{scalar_weight(*from.recurrent_weight), {}, 1});
        layer.recurrence = RecurrentPath{.map = map, .lag = from.recurrent_lag};
    }
    for (const Kind kind : {Kind::layer, Kind::skip, Kind::feedback, Kind::step, Kind::record, Kind::delay}) {
        if (kind != Kind::step || from.dt_over_tau) layer.operations.push_back({kind, "", std::nullopt});
    }
    if (from.dt_over_tau) {
        layer.solver = std::make_shared<EulerStep>();
        layer.time = {*from.dt_over_tau, 1.0, {}};
    }
    return layer;
}

}  // namespace

Circuit units(std::initializer_list<Unit> layers, std::initializer_list<Path> paths) {
    Circuit circuit;
    circuit.input = {1, 1, 1};
    for (const Unit& unit : layers) circuit.layers.push_back(unit_layer(unit));
    for (const Path& p : paths) {
        Connection c{p.kind,   p.source, p.target, p.lag, p.integration, Convolution{scalar_weight(p.weight), {}},
                     {1, 1, 1}};
        circuit.connections.push_back(c);
    }
    circuit.readout = {[](const at::Tensor& x) { return x.flatten(1); }, 1, "the unit", 0, 0};
    validate(circuit);
    return circuit;
}

Sequence numbers(const std::vector<double>& values) {
    return Sequence::of(at::tensor(values, at::kDouble).view({1, -1, 1, 1, 1}));
}

std::vector<double> answers(const Circuit& circuit, const Sequence& sequence) {
    const at::Tensor out = run(circuit, sequence, initial_state(circuit)).outputs.detach().view({-1}).contiguous();
    return {out.const_data_ptr<double>(), out.const_data_ptr<double>() + out.numel()};
}

at::Tensor noise(at::IntArrayRef shape, Random& random, double scale) {
    std::int64_t n = 1;
    for (const std::int64_t size : shape) n *= size;
    std::vector<double> values;
    for (std::int64_t i = 0; i < n; ++i) values.push_back(scale * (2.0 * random.uniform() - 1.0));
    return at::tensor(values, at::kDouble).view(shape);
}

double difference(const at::Tensor& a, const at::Tensor& b) {
    const double scale = std::max(1.0, b.abs().max().item<double>());
    return a.sub(b).abs().max().item<double>() / scale;
}

}  // namespace dv::temporal::fixtures
