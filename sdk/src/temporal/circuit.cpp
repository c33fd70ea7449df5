#include <dv/temporal/circuit.hpp>

#include <dv/error.hpp>

#include "paths.hpp"

#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/max_pool2d.h>

#include <algorithm>

namespace dv::temporal {

namespace {

struct Apply {
    const at::Tensor& x;

    at::Tensor operator()(const Convolution& c) const {
        return at::conv2d(x, c.weight, c.bias, c.stride, c.padding, /*dilation=*/1, c.groups);
    }
    at::Tensor operator()(const Pool& p) const {
        return p.kind == Pool::Kind::max ? at::max_pool2d(x, p.kernel, p.stride, p.padding)
                                         : at::avg_pool2d(x, p.kernel, p.stride, p.padding);
    }
    at::Tensor operator()(const Relu&) const { return x.relu(); }
    at::Tensor operator()(const SupraLinear& s) const {
        return x.abs().clamp(1e-6, 1e6).pow(s.exponent).mul(x.sign()).mul(s.gain);
    }
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
    Grid operator()(const Custom& c) const { return c.grid ? c.grid(in) : in; }
};

/// Which signals are there, step by step, without computing any.
class Presence {
public:
    explicit Presence(const Circuit& circuit) : circuit_(circuit), stored_(circuit.layers.size()) {}

    /// One step with an input shown, skips and feedback left out: whether the readout gets a signal.
    bool step() {
        bool present = true;
        for (std::size_t l = 0; l < circuit_.layers.size(); ++l) present = through(l, present);
        return present;
    }

private:
    bool back(std::size_t l, std::int64_t k) const {
        const auto n = static_cast<std::int64_t>(stored_[l].size());
        return k <= n && stored_[l][static_cast<std::size_t>(n - k)];
    }
    bool through(std::size_t l, bool present) {
        const Layer& layer = circuit_.layers[l];
        for (const Operation& op : layer.operations) {
            if (op.kind == Operation::Kind::layer && layer.recurrence) present |= back(l, layer.recurrence->lag);
            if (op.kind == Operation::Kind::step) present |= back(l, 1);
            if (op.kind == Operation::Kind::delay) {
                const bool out = layer.feedforward_lag > 0 ? back(l, layer.feedforward_lag) : present;
                stored_[l].push_back(present);
                present = out;
            }
        }
        return present;
    }

    const Circuit& circuit_;
    std::vector<std::vector<bool>> stored_;  // per layer, oldest first
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
    constexpr std::int64_t kMost = 100;
    Presence presence(*this);
    for (std::int64_t t = 0; t <= kMost; ++t) {
        if (presence.step()) return t;
    }
    throw Error("an input takes more than " + std::to_string(kMost) +
                " steps to reach the readout; shorten the feed-forward delays or raise dt");
}

}  // namespace dv::temporal
