#include "builder.hpp"
#include "operations.hpp"

#include <ATen/ops/linear.h>

#include <algorithm>
#include <array>

namespace rcnn {

using dv::ParameterError;
using namespace dv::temporal;

namespace {

struct Linear {
    Weight weight;
    at::Tensor bias, value;  ///< value: the weight of this run
};

/// Features, hidden layers and classes. Its weights are made once per run.
struct Head {
    bool mean = true;
    std::vector<Linear> layers;
    std::shared_ptr<Dropout> dropout;  ///< before each hidden layer; without any, before the last
    std::size_t n_dropped = 0;         ///< how many of the layers that is

    at::Tensor operator()(const at::Tensor& x) const {
        at::Tensor y = mean ? x.mean({2, 3}) : x.flatten(1);
        for (std::size_t i = 0; i < layers.size(); ++i) {
            if (dropout && i < n_dropped) y = (*dropout)(y);
            y = at::linear(y, layers[i].value, layers[i].bias);
            if (i + 1 < layers.size()) y = y.relu();
        }
        return y;
    }
};

class ReadoutBuilder {
public:
    explicit ReadoutBuilder(const Building& building) : b_(building), s_(building.settings) {}

    void add() {
        if (b_.facts.n_classes < 1) {
            throw dv::Error("this model reads out classes, but the data has no labels to count them by");
        }
        const Grid& last = b_.circuit().layers.back().output;
        head_->mean = s_.readout == Features::average;
        std::int64_t width = head_->mean ? last.channels : last.units();
        equation_ = head_->mean ? "mean of each channel" : "all units";
        const auto& hidden = s_.classifier.hidden;
        for (const std::int64_t next : hidden) {
            add_linear(width, next, false, "relu ");
            width = next;
        }
        add_linear(width, b_.facts.n_classes, s_.classifier.weight_norm, "");
        if (s_.classifier.dropout > 0) {
            head_->dropout = b_.network.dropout = std::make_shared<Dropout>(s_.classifier.dropout);
            head_->n_dropped = std::max<std::size_t>(1, hidden.size());
            b_.circuit().bookmark_draws = [dropout = head_->dropout] {
                return [dropout, then = *dropout] { *dropout = then; };
            };
        }
        b_.network.refresh.push_back([head = head_](Circuit&) {
            for (Linear& layer : head->layers) layer.value = layer.weight.value();
        });
        Readout& readout = b_.circuit().readout;
        readout.apply = [head = head_](const at::Tensor& x) { return (*head)(x); };
        readout.n_classes = b_.facts.n_classes;
        readout.equation = equation_;
        for (const Linear& layer : head_->layers) {
            readout.n_parameters += layer.weight.n_parameters() + layer.bias.numel();
            readout.multiply_adds += layer.value.numel();
        }
    }

private:
    /// Places as in a torch.nn.Sequential: (sum), mean, flatten | flatten, dropout; then linear, relu, dropout, linear,
    /// ...
    std::string next_place() {
        const std::size_t first = 2 + (s_.classifier.also.empty() ? 0 : 1), i = head_->layers.size();
        const std::size_t without_last_dropout = i == 0 || i < s_.classifier.hidden.size() ? 3 * i : 3 * i - 1;
        return "classifier." + std::to_string(first + without_last_dropout);
    }

    void add_linear(std::int64_t in, std::int64_t out, bool weight_norm, const char* before) {
        const std::string name = next_place();
        const bool pytorch = s_.start == Start::pytorch;
        const dv::Initializer start = pytorch ? start_of_weight(s_.start, in) : dv::init::Normal{0.0, 0.004};
        Linear layer;
        layer.weight = add_weight(b_.weights, name, std::array{out, in}, start, weight_norm);
        layer.bias = b_.weights.add(name + ".bias", {out}, start_of_bias(s_.start, in));
        layer.value = layer.weight.value();
        head_->layers.push_back(std::move(layer));
        equation_ += ", linear " + std::to_string(in) + " -> " + std::to_string(out);
        if (*before) equation_ += ", relu";
    }

    const Building& b_;
    const Settings& s_;
    std::shared_ptr<Head> head_ = std::make_shared<Head>();
    std::string equation_;
};

}  // namespace

void add_readout(const Building& building) { ReadoutBuilder(building).add(); }

/// As a connection into the last layer, joined after everything else.
void add_layer_to_readout(const Building& building, const std::string& name) {
    Circuit& circuit = building.circuit();
    Connection c;
    c.kind = Connection::Kind::feedback;
    c.source = layer_named(circuit, name, "classifier.also");
    c.target = circuit.layers.size() - 1;
    Layer& last = circuit.layers.back();
    if (c.source == c.target)
        throw ParameterError("classifier.also", "is '" + name + "', the last layer, which is read already");
    const auto is_feedback = [](const Operation& op) { return op.kind == Operation::Kind::feedback; };
    if (std::any_of(last.operations.begin(), last.operations.end(), is_feedback)) {
        throw ParameterError("classifier.also",
                             "joins the last layer as feedback does, and " + last.name + " has feedback already");
    }
    const Grid& source = circuit.layers[c.source].stored;
    if (source.channels != last.output.channels) {
        throw ParameterError("classifier.also", "is '" + name + "' with " + std::to_string(source.channels) +
                                                    " channels, but " + last.name + " has " +
                                                    std::to_string(last.output.channels));
    }
    last.operations.push_back({Operation::Kind::feedback, "also", std::nullopt});
    c.lag = 0;
    c.resized = {source.channels, last.output.height, last.output.width};
    circuit.connections.push_back(std::move(c));
}

}  // namespace rcnn
