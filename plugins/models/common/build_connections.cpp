#include "builder.hpp"
#include "operations.hpp"
#include "text.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace rcnn {

using dv::ParameterError;
using namespace dv::temporal;

namespace {

class ConnectionBuilder {
public:
    ConnectionBuilder(const Building& building, std::size_t i)
        : b_(building), s_(building.settings), i_(i), from_(building.settings.connection[i]) {}

    void add() {
        c_.kind = from_.kind;
        c_.source = layer_named(b_.circuit(), from_.from, key("connection", i_, "from"));
        c_.target = layer_named(b_.circuit(), from_.to, key("connection", i_, "to"));
        if (c_.source == c_.target) {
            throw ParameterError(key("connection", i_, "to"), "is '" + from_.to +
                                                                  "', where it comes from: a layer reads its own "
                                                                  "past through its recurrence");
        }
        c_.integration = from_.mode;
        set_delay();
        if (never_made_by_dynvision()) return;
        set_transform();
        if (forgotten_by_dynvision()) return;
        if (refresh_) b_.network.refresh.push_back(std::move(refresh_));
        b_.circuit().connections.push_back(std::move(c_));
    }

private:
    bool is_skip() const { return c_.kind == Connection::Kind::skip; }
    std::string path() const { return (is_skip() ? "skip from " : "feedback from ") + from_.from + " to " + from_.to; }

    void set_delay() {
        const double t_feedback = s_.t_feedback.value_or(s_.t_feedforward);
        const double ms = from_.delay.value_or(is_skip() ? s_.t_skip.value_or(t_feedback) : t_feedback);
        const std::string parameter = from_.delay ? key("connection", i_, "delay")
                                      : is_skip() ? "t_skip"
                                                  : "t_feedback";
        const bool back = !is_skip() || c_.source > c_.target;
        const Delay delay =
            b_.delays.of(is_skip() ? Delays::Path::skip : Delays::Path::feedback, ms, back, path(), parameter);
        c_.lag = delay.lag;
        c_.delay = delay.ms;
    }

    Grid grid_of_target() const {
        const Layer& target = b_.circuit().layers[c_.target];
        const std::vector<Grid> along = grids(target, b_.circuit().input_of(c_.target));
        for (std::size_t i = 0; i < target.operations.size(); ++i) {
            if (target.operations[i].kind == (is_skip() ? Operation::Kind::skip : Operation::Kind::feedback))
                return along[i];
        }
        throw ParameterError("operations", std::string("lacks '") + operation_of(c_.kind) +
                                               "', which the connection to " + target.name + " needs");
    }

    void set_transform() {
        const Grid wanted = grid_of_target(), source = b_.circuit().layers[c_.source].stored;
        c_.resized = {source.channels, wanted.height, wanted.width};
        const bool plain = from_.kernel == 1 && from_.stride == 1;
        if (plain && source.channels == wanted.channels && !from_.force_conv) return;
        if (!plain) c_.resized = source;
        c_.transform = convolution(source.channels, wanted.channels);
        const Grid arriving = grid_after(*c_.transform, c_.resized);
        if (arriving == wanted) return;
        const auto side = [](const Grid& g) { return std::to_string(g.height) + " x " + std::to_string(g.width); };
        throw ParameterError(key("connection", i_, from_.stride > 1 ? "stride" : "kernel"),
                             "brings the " + path() + " to " + side(arriving) + ", where " + side(wanted) +
                                 " is needed; with kernel 1 and stride 1 it is resized");
    }

    Convolution convolution(std::int64_t in, std::int64_t out) {
        const std::string name = transform_name();
        const std::int64_t k = from_.kernel, fan_in = in * k * k;
        const double deviation = std::min(0.001, 1.0 / std::sqrt(static_cast<double>(in * out)));
        const bool pytorch = s_.start == Start::pytorch;
        const dv::Initializer start = pytorch ? start_of_weight(s_.start, fan_in) : dv::init::Normal{0.0, deviation};
        const std::array<std::int64_t, 4> shape{out, in, k, k};
        const Weight weight = add_weight(b_.weights, name, shape, start, from_.weight_norm);
        Convolution c;
        c.weight = weight.value();
        c.stride = from_.stride;
        c.padding = k / 2;
        if (from_.bias) c.bias = b_.weights.add(name + ".bias", {out}, start_of_bias(s_.start, fan_in));
        if (weight.is_made()) {
            c.scale = weight.scale;
            refresh_ = [weight, at = b_.circuit().connections.size()](Circuit& circuit) {
                circuit.connections[at].transform->weight = weight.value();
            };
        }
        return c;
    }

    /// addskip_V4.conv; addskip_V4_from_V1.conv when several of its kind end in the same layer.
    std::string transform_name() const {
        const auto n = std::count_if(s_.connection.begin(), s_.connection.end(), [&](const auto& other) {
            return other.kind == from_.kind && other.to == from_.to;
        });
        return std::string(operation_of(c_.kind)) + "_" + from_.to + (n > 1 ? "_from_" + from_.from : "") + ".conv";
    }

    bool never_made_by_dynvision() const {
        if (!s_.is_dynvision_0_1() || c_.lag < b_.n_timesteps()) return false;
        b_.owner.warn("dynvision-0.1: the " + path() + " reads " + std::to_string(c_.lag) +
                      " steps back, and a run has " + std::to_string(b_.n_timesteps()) +
                      ": it has no parameters and no effect");
        return true;
    }

    bool forgotten_by_dynvision() const {
        if (!s_.is_dynvision_0_1()) return false;
        const std::int64_t read = c_.source < c_.target ? c_.lag + 1 : c_.lag, kept = buffer_length(s_);
        if (read <= kept) return false;
        b_.owner.warn("dynvision-0.1: the " + path() + " reads " + std::to_string(read) + " entries back, and only " +
                      std::to_string(kept) + " are kept: it never arrives");
        return true;
    }

    const Building& b_;
    const Settings& s_;
    std::size_t i_;
    const ConnectionSettings& from_;
    Connection c_;
    Refresh refresh_;
};

}  // namespace

std::size_t layer_named(const Circuit& circuit, const std::string& name, const std::string& parameter) {
    std::string names;
    for (std::size_t l = 0; l < circuit.layers.size(); ++l) {
        if (circuit.layers[l].name == name) return l;
        names += (l == 0 ? "" : ", ") + circuit.layers[l].name;
    }
    throw ParameterError(parameter, "is '" + name + "', which is no layer; there are: " + names);
}

void add_connection(const Building& building, std::size_t i) { ConnectionBuilder(building, i).add(); }

}  // namespace rcnn
