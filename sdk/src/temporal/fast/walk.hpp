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
    Stretch layer(std::size_t l, const Stretch& in);
    Stretch after(std::size_t l, std::size_t operation, Stretch x);
    Stretch stored(std::size_t l, const Stretch& x);
    Stretch fused(std::size_t l, const Stretch& x, std::size_t from);
    bool changes_grid(const Connection& c) const;
    std::vector<Reader> readers(std::size_t l, bool behind_delay) const;
    void hand_to_connections(std::size_t l, const Stretch& stored, const std::vector<at::Tensor>& readings);
    Stretch block(std::size_t l, const Stretch& x);

    Stretch input_path(std::size_t l, Stretch x, bool with_recurrence) const;
    Stretch recurrent_drive(std::size_t l, const Stretch& x) const;
    Stretch connected(std::size_t l, Connection::Kind kind, Stretch x) const;
    Stretch through(const Connection& c, std::int64_t begin, std::int64_t end) const;
    at::Tensor image(const Map& map, const at::Tensor& x) const;
    Stretch mapped(const Map& map, const Grid& grid, Stretch x) const;
    Stretch solved(std::size_t l, const Stretch& x);
    Stretch adapted(std::size_t l, const Stretch& x) const;
    void remember(std::size_t l, const Stretch& stored);

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
    std::vector<Track> read_;        // per connection: its source's activity on the target's grid
    std::optional<Stretch> pooled_;  // what the operation behind the delay gives, where the scan has made it already
    bool handed_ = false;            // whether the scan has fed the connections already
    std::vector<at::Tensor> membranes_, adaptations_;
    Observers* observers_ = nullptr;
};

}  // namespace dv::temporal::fast
