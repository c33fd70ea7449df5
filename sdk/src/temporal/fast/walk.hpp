#pragma once
/// One stretch of time through all layers.

#include "convolver.hpp"
#include "layer_plan.hpp"
#include "observers.hpp"
#include "readers.hpp"
#include "track.hpp"

#include <c10/core/MemoryFormat.h>

#include <optional>

namespace dv::temporal::fast {

/// From a state through n steps to the next state. Layers are run one after the other, each over as many steps as the paths back
/// to it allow.
class Walk {
public:
    /// All references are kept.
    Walk(const Circuit& circuit, const std::vector<LayerPlan>& plans, Convolvers& convolvers, const State& state,
         std::int64_t batch, c10::MemoryFormat layout, at::TensorOptions options);

    /// What the last layer passes on. `input` begins at step 0. `observers` null: nobody watches.
    Stretch run(const Stretch& input, Observers* observers);
    State state() const;

private:
    /// What a layer passes on. At the steps in `rests` it counts as absent and puts the next layer to rest.
    struct Passed {
        Stretch signal;
        std::vector<std::int64_t> rests = {};
    };
    /// Activity, and what was read of it on the way.
    struct Scanned {
        Stretch activity;
        std::optional<Stretch> pooled = {};  // what the operation behind the delay gives
        std::vector<at::Tensor> readings =
            {};  // for the connections that change the grid, in their order; empty: not read
    };

    Passed layer(std::size_t l, const Passed& in);
    Stretch put_to_rest(std::size_t l, const Stretch& x, std::int64_t timestep, std::int64_t end);
    std::vector<std::int64_t> silent_steps(const Stretch& x) const;
    Stretch steps(std::size_t l, const Stretch& in);
    Stretch after(std::size_t l, std::size_t operation, Stretch x);
    Stretch operated(std::size_t l, std::size_t operation, Stretch x);
    Scanned stored(std::size_t l, const Stretch& x);
    Scanned fused(std::size_t l, const Stretch& x, std::size_t from);
    bool changes_grid(const Connection& c) const;
    std::vector<Reader> readers(std::size_t l, bool behind_delay) const;
    void hand_to_connections(std::size_t l, const Stretch& stored, const std::vector<at::Tensor>& readings);
    Stretch block(std::size_t l, const Stretch& x);

    Stretch input_path(std::size_t l, Stretch x, bool with_recurrence) const;
    Stretch recurrent_drive(std::size_t l, const Stretch& x) const;
    Stretch connected(std::size_t l, Connection::Kind kind, Stretch x) const;
    Stretch through(const Connection& c, std::int64_t begin, std::int64_t end) const;
    at::Tensor image(const Map& map, const at::Tensor& x) const;
    Stretch mapped(std::size_t l, std::size_t operation, const Stretch& x) const;
    Stretch solved(std::size_t l, const Stretch& x);
    Stretch adapted(std::size_t l, const Stretch& x) const;
    void remember(std::size_t l, const Stretch& stored, const std::vector<at::Tensor>& readings = {});

    void see(std::size_t l, std::size_t operation, const Stretch& x) {
        if (observers_) observers_->see(l, operation, x);
    }

    const Circuit& circuit_;
    const std::vector<LayerPlan>& plans_;
    Convolvers& convolvers_;
    std::int64_t batch_;
    c10::MemoryFormat layout_;
    at::TensorOptions options_;
    std::vector<std::vector<Grid>> grids_;  // per layer and operation
    std::vector<Track> tracks_;
    std::vector<Track> read_;  // per connection: its source's activity on the target's grid
    std::vector<at::Tensor> membranes_, adaptations_;
    Observers* observers_ = nullptr;
};

}  // namespace dv::temporal::fast
