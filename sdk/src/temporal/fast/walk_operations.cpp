// What the operations of a layer do to a stretch of time.

#include "../signals.hpp"
#include "walk.hpp"

#include <algorithm>

namespace dv::temporal::fast {

Stretch Walk::recurrent_drive(std::size_t l, const Stretch& x) const {
    const RecurrentPath& path = *circuit_.layers[l].recurrence;
    return tracks_[l]
        .between(x.begin - path.lag, x.end - path.lag)
        .delayed(path.lag)
        .mapped([&](const at::Tensor& rate) { return path.map->forward(rate); });
}

Stretch Walk::input_path(std::size_t l, Stretch x, bool with_recurrence) const {
    const Layer& layer = circuit_.layers[l];
    const bool recurrent = with_recurrence && layer.recurrence;
    const std::size_t operation =
        static_cast<std::size_t>(std::find_if(layer.operations.begin(), layer.operations.end(),
                                              [](const Operation& op) { return op.kind == Operation::Kind::layer; }) -
                                 layer.operations.begin());
    const PathGrids along = path_grids(layer.feedforward, grids_[l][operation]);
    const Stretch drive = recurrent ? recurrent_drive(l, x) : Stretch::absent(x.begin, x.end, batch_);
    const auto join_at = [&](RecurrenceTarget here) {
        if (!recurrent || layer.recurrence->target != here) return;
        x = joined(x, drive.mapped([&](const at::Tensor& d) { return resized(d, along.at(here)); }),
                   layer.recurrence->integration);
    };
    const auto through = [&](const Map& map) {
        x = x.mapped([&](const at::Tensor& values) { return image(map, values); });
    };
    join_at(RecurrenceTarget::input);
    through(layer.feedforward.first);
    for (const Map& map : layer.feedforward.middle) through(map);
    if (layer.feedforward.second) {
        through(Relu{});
        join_at(RecurrenceTarget::middle);
        through(*layer.feedforward.second);
    }
    join_at(RecurrenceTarget::output);
    return x;
}

Stretch Walk::through(const Connection& c, std::int64_t begin, std::int64_t end) const {
    const auto index = static_cast<std::size_t>(&c - circuit_.connections.data());
    return read_[index].between(begin - c.lag, end - c.lag).delayed(c.lag).mapped([&](const at::Tensor& there) {
        return c.transform ? image(*c.transform, there) : there;
    });
}

Stretch Walk::connected(std::size_t l, Connection::Kind kind, Stretch x) const {
    for (const Connection& c : circuit_.connections) {
        if (c.target == l && c.kind == kind) x = joined(x, through(c, x.begin, x.end), c.integration);
    }
    return x;
}

Stretch Walk::mapped(std::size_t l, std::size_t operation, const Stretch& x) const {
    const Layer& layer = circuit_.layers[l];
    const Operation& op = layer.operations[operation];
    if (std::holds_alternative<Bias>(*op.map) && x.first > x.begin) {
        // Where nothing has arrived the bias speaks alone, one row for all those steps.
        Stretch before{x.begin, x.first, x.begin,
                       batch_,  {},      std::vector<std::int64_t>(static_cast<std::size_t>(x.first - x.begin), 0)};
        before.values = alone(layer, op, grids_[l][operation]).expand({batch_, -1, -1, -1}).contiguous(layout_);
        if (!x.present()) return before;
        return concatenated({before, mapped(l, operation, x.slice(x.first, x.end))});
    }
    return x.mapped([&](const at::Tensor& values) { return image(*op.map, values); });
}

/// `map` applied to rows, by this plan's own convolutions where there are any.
at::Tensor Walk::image(const Map& map, const at::Tensor& x) const {
    const auto* convolution = std::get_if<Convolution>(&map);
    if (convolution && layout_ == c10::MemoryFormat::ChannelsLast) {
        const Grid in{x.size(1), x.size(2), x.size(3)};
        if (auto convolver = convolvers_.get(*convolution, in)) return convolved(x, *convolution, std::move(convolver));
    }
    return applied(map, x);
}

Stretch Walk::solved(std::size_t l, const Stretch& x) {
    const Layer& layer = circuit_.layers[l];
    const bool membrane = layer.leak == LeakState::membrane;
    const at::Tensor rate = membrane ? membranes_[l] : tracks_[l].between(x.begin - 1, x.begin).at(x.begin - 1);
    const at::Tensor drive = x.at(x.begin);
    if (!rate.defined() && !drive.defined()) return x;
    Stretch out{x.begin, x.end, x.begin, batch_, layer.solver->step(rate, drive, layer.time), {}};
    if (membrane) membranes_[l] = out.values;
    return out;
}

Stretch Walk::adapted(std::size_t l, const Stretch& x) const {
    return x.dense().mapped([&](const at::Tensor& values) {
        return temporal::adapted(*circuit_.layers[l].adaptation, adaptations_[l], values);
    });
}

}  // namespace dv::temporal::fast
