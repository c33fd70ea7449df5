#include <dv/temporal/circuit.hpp>

#include <dv/error.hpp>

#include "paths.hpp"
#include "stage_paths.hpp"

#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/max_pool2d.h>

#include <algorithm>

namespace dv::temporal {

namespace {

struct Apply {
    const at::Tensor& x;

    // Autocast may have computed in a lower type; states stay in that of the frames.
    at::Tensor operator()(const Convolution& c) const {
        return at::conv2d(x, c.weight, c.bias, c.stride, c.padding, /*dilation=*/1, c.groups).to(x.scalar_type());
    }
    at::Tensor operator()(const Pool& p) const {
        return p.kind == Pool::Kind::max ? at::max_pool2d(x, p.kernel, p.stride, p.padding)
                                         : at::avg_pool2d(x, p.kernel, p.stride, p.padding);
    }
    at::Tensor operator()(const Relu&) const { return x.relu(); }
    at::Tensor operator()(const SupraLinear& s) const {
        const at::Tensor size = x.abs().clamp(1e-6, 1e6);
        const at::Tensor grown = s.exponent_tensor.defined() ? size.pow(s.exponent_tensor) : size.pow(s.exponent);
        const at::Tensor with_sign = grown.mul(x.sign());
        return s.gain_tensor.defined() ? with_sign.mul(s.gain_tensor) : with_sign.mul(s.gain);
    }
    at::Tensor operator()(const Bias& b) const { return x.add(b.value); }
    at::Tensor operator()(const Custom& c) const { return c.apply(x); }
};

std::int64_t positions(std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t padding) {
    const std::int64_t room = size + 2 * padding - kernel;
    return room < 0 ? 0 : room / stride + 1;
}

struct Window {
    std::int64_t height, width, stride, padding;
};

Grid slide(const Window& w, const Grid& in, std::int64_t channels) {
    if (w.stride < 1 || w.padding < 0 || w.height < 1 || w.width < 1) {
        throw Error("a kernel and a stride are at least 1 and a padding at least 0; found kernel " +
                    std::to_string(w.height) + ", stride " + std::to_string(w.stride) + ", padding " +
                    std::to_string(w.padding));
    }
    const Grid out{channels, positions(in.height, w.height, w.stride, w.padding),
                   positions(in.width, w.width, w.stride, w.padding)};
    if (out.height < 1 || out.width < 1) {
        throw Error("kernel " + std::to_string(w.height) + " on " + std::to_string(in.height) + " x " +
                    std::to_string(in.width) + " with padding " + std::to_string(w.padding) + " leaves nothing");
    }
    return out;
}

struct GridAfter {
    const Grid& in;

    Grid operator()(const Convolution& c) const {
        if (!c.weight.defined() || c.weight.dim() != 4) {
            throw Error("a convolution needs a weight [out, in / groups, ky, kx]");
        }
        if (c.weight.size(1) * c.groups != in.channels) {
            throw Error("a convolution made for " + std::to_string(c.weight.size(1) * c.groups) + " channels gets " +
                        std::to_string(in.channels));
        }
        return slide({c.weight.size(2), c.weight.size(3), c.stride, c.padding}, in, c.weight.size(0));
    }
    Grid operator()(const Pool& p) const {
        if (2 * p.padding > p.kernel) {
            throw Error("a pool's padding is at most half its kernel; found padding " + std::to_string(p.padding) +
                        " and kernel " + std::to_string(p.kernel));
        }
        return slide({p.kernel, p.kernel, p.stride, p.padding}, in, in.channels);
    }
    Grid operator()(const Relu&) const { return in; }
    Grid operator()(const SupraLinear&) const { return in; }
    Grid operator()(const Bias& b) const {
        const at::Tensor& v = b.value;
        const bool fits = v.defined() && (v.dim() == 0 || (v.dim() == 3 && v.size(0) == in.channels &&
                                                           (v.size(1) == 1 || v.size(1) == in.height) &&
                                                           (v.size(2) == 1 || v.size(2) == in.width)));
        if (!fits)
            throw Error("a bias is a scalar, one value per channel [channel, 1, 1] or one per unit of " + text(in));
        return in;
    }
    Grid operator()(const Custom& c) const { return c.grid ? c.grid(in) : in; }
};

/// Which signals are there, step by step, without computing any.
class Presence {
public:
    explicit Presence(const Circuit& circuit) : circuit_(circuit), stored_(circuit.layers.size()) {}

    /// One step with an input shown, skips and feedback left out: whether the readout gets a signal.
    bool step() {
        Is signal = Is::there;
        for (std::size_t l = 0; l < circuit_.layers.size(); ++l) signal = through(l, signal);
        return signal != Is::absent;
    }

private:
    enum class Is { absent, zero, there };

    Is back(std::size_t l, std::int64_t k) const {
        const auto n = static_cast<std::int64_t>(stored_[l].size());
        return k <= n ? stored_[l][static_cast<std::size_t>(n - k)] : Is::absent;
    }
    static bool stands_alone(const Map& map) {
        const auto* bias = std::get_if<Bias>(&map);
        return bias && !bias->needs_signal;
    }
    static Is joined(Is a, Is b) { return a == Is::absent && b == Is::absent ? Is::absent : Is::there; }

    Is through(std::size_t l, Is signal) {
        const Layer& layer = circuit_.layers[l];
        for (const Operation& op : layer.operations) signal = after(op, l, signal);
        return signal;
    }
    Is after(const Operation& op, std::size_t l, Is signal) {
        const Layer& layer = circuit_.layers[l];
        if (op.skipped_on_absent_input && signal == Is::absent) return signal;
        switch (op.kind) {
            case Operation::Kind::layer:
                return layer.recurrence ? joined(signal, back(l, layer.recurrence->lag)) : joined(signal, signal);
            case Operation::Kind::step: return joined(signal, back(l, 1));
            case Operation::Kind::map: return stands_alone(*op.map) ? Is::there : joined(signal, signal);
            case Operation::Kind::delay: return delayed(l, signal);
            case Operation::Kind::rest: return rested(l, signal);
            default: return signal;
        }
    }
    Is delayed(std::size_t l, Is signal) {
        const std::int64_t lag = circuit_.layers[l].feedforward_lag;
        const Is out = lag > 0 ? back(l, lag) : signal;
        stored_[l].push_back(signal);
        return out;
    }
    /// Zeros that a rest put there are put on; any other signal is taken as not all zeros.
    Is rested(std::size_t l, Is signal) {
        if (signal == Is::there) return signal;
        const std::int64_t slots = circuit_.history_length(l + 1);
        stored_[l + 1].insert(stored_[l + 1].end(), static_cast<std::size_t>(slots), Is::zero);
        return Is::absent;
    }

    const Circuit& circuit_;
    std::vector<std::vector<Is>> stored_;  // per layer, oldest first
};

}  // namespace

at::Tensor applied(const Map& map, const at::Tensor& x) { return std::visit(Apply{x}, map); }

Grid grid_after(const Map& map, const Grid& in) { return std::visit(GridAfter{in}, map); }

std::int64_t multiply_adds(const Map& map, const Grid& in) {
    const auto* convolution = std::get_if<Convolution>(&map);
    if (!convolution) return 0;
    const at::Tensor& w = convolution->weight;
    return grid_after(map, in).units() * w.size(1) * w.size(2) * w.size(3);
}

PathGrids path_grids(const FeedForward& path, const Grid& in) {
    PathGrids grids{in, grid_after(path.first, in), {}};
    for (const Map& map : path.middle) grids.middle = grid_after(map, grids.middle);
    grids.output = path.second ? grid_after(*path.second, grids.middle) : grids.middle;
    return grids;
}

std::vector<Grid> grids(const Layer& layer, const Grid& in) {
    std::vector<Grid> along{in};
    for (const Operation& op : layer.operations) {
        Grid next = along.back();
        if (op.kind == Operation::Kind::layer) next = path_grids(layer.feedforward, next).output;
        if (op.kind == Operation::Kind::map && op.map) next = grid_after(*op.map, next);
        along.push_back(next);
    }
    return along;
}

Grid Circuit::input_of(std::size_t l) const {
    if (l > 0) return layers[l - 1].output;
    Grid grid = input;
    for (const Map& map : front) grid = grid_after(map, grid);
    return grid;
}

std::int64_t Circuit::history_length(std::size_t l) const {
    const Layer& layer = layers.at(l);
    std::int64_t n = std::max<std::int64_t>(layer.feedforward_lag, layer.solver ? 1 : 0);
    if (layer.recurrence) n = std::max(n, layer.recurrence->lag);
    for (const Connection& c : connections) {
        if (c.source == l) n = std::max(n, entry_read(c));
    }
    return n;
}

std::int64_t Circuit::residual_timesteps() const {
    if (advances_by_stages(*this)) return residual_of_stages(*this);
    constexpr std::int64_t kMost = 100;
    Presence presence(*this);
    for (std::int64_t t = 0; t <= kMost; ++t) {
        if (presence.step()) return t;
    }
    throw Error("an input takes more than " + std::to_string(kMost) +
                " steps to reach the readout; shorten the feed-forward delays or raise dt");
}

}  // namespace dv::temporal
