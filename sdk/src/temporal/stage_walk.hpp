#pragma once
/// A circuit that advances by stages, one step of dt at a time.
///
/// Within a step from t to t + h every layer with a solver has a value at each stage time t + c[i]·h; what others read of it then
/// is that value after the operations between the solver and the delay. A path without delay reads the current stage, a path with
/// delay d reads t + c[i]·h − d from knots. Layers without a solver follow their input at once.

#include "stage_history.hpp"
#include "stage_paths.hpp"

#include <dv/temporal/run.hpp>

#include <functional>
#include <optional>
#include <vector>

namespace dv::temporal {

class StageWalk {
public:
    /// Told what operations give at the end of a step: layer, operation, signal (undefined when absent).
    using Watch = std::function<void(std::size_t layer, std::size_t operation, const at::Tensor& signal)>;

    /// `circuit` outlives the walk; check_stages() has passed.
    StageWalk(const Circuit& circuit, State state);

    /// From now on every operation of the layer is evaluated at the end of each step, not only those that are needed.
    void look_at(std::size_t layer) { looked_at_[layer] = true; }

    /// Advances by dt while `frame` is shown; the signal for the readout at the end, undefined when absent. `unchanged`: the frame
    /// is that of the step before.
    at::Tensor step(const at::Tensor& frame, bool unchanged, const Watch& watch);

    /// Cuts what is remembered from the autograd graph.
    void cut();
    /// Knots that nobody reads any more are left out.
    State take_state();

private:
    enum class Known : char { no, asked, yes };
    /// One time within a step.
    struct Moment {
        double time = 0.0;
        Side side = Side::left;
        std::vector<at::Tensor> values;     // per layer with a solver: what is integrated
        std::vector<at::Tensor> responses;  // per layer
        std::vector<Known> known;           // which responses are there
    };

    // Time
    double advance(double h);
    void advance_adaptively();
    double next_step(double h, double error, double left) const;
    void begin_moments(double h);
    void take_stage(const Component& component, std::size_t i, double h);
    void finish(const Component& component, double h);
    void end_of_step();
    void forget_slopes();
    at::Tensor error_of(std::size_t l, double h) const;
    double error_of_step(double h) const;
    [[noreturn]] void refuse_step(double h) const;

    // Signals at moment m
    at::Tensor drive(std::size_t l, std::size_t m);
    at::Tensor slope(std::size_t l, std::size_t m);
    at::Tensor response(std::size_t l, std::size_t m);
    at::Tensor input_of(std::size_t l, std::size_t m);
    at::Tensor passed_on(std::size_t l, std::size_t m);
    at::Tensor activity(std::size_t source, double delay, std::size_t m);
    at::Tensor through(std::size_t l, std::size_t first, std::size_t last, at::Tensor x, std::size_t m);
    at::Tensor after(std::size_t l, std::size_t i, const at::Tensor& x, std::size_t m);
    at::Tensor drive_of_itself(std::size_t l, std::size_t m);
    at::Tensor connected(std::size_t l, Connection::Kind kind, at::Tensor x, std::size_t m);

    void begin_knots();
    Reading reading_of(std::size_t l) const;
    bool solved(std::size_t l) const { return circuit_.layers[l].solver != nullptr; }
    bool needs_slopes(std::size_t l) const;
    at::Tensor stage_value(std::size_t l, const std::array<double, Tableau::kMostStages>& weights, double h) const;

    const Circuit& circuit_;
    State state_;
    std::optional<Tableau> method_;
    Delays delays_;
    std::vector<Component> components_;
    std::vector<Reading> readings_;                 // per layer
    std::vector<std::vector<Grid>> along_;          // per layer, as grids() gives them
    std::vector<Grid> drive_grids_;                 // where each layer's recurrent drive joins
    std::vector<std::optional<LinearMap>> linear_;  // recurrences that are one convolution: asked once per run
    std::vector<std::size_t> step_at_, delay_at_;   // per layer: index of the operation, or how many there are
    std::vector<bool> looked_at_;
    bool slopes_carry_over_ =
        true;  // the slope at the end of a step is that at the start of the next, if the input stays

    // Of the step that is being taken
    at::Tensor shown_;  // the frame behind the circuit's front
    std::vector<Moment> moments_;
    std::size_t end_ = 0;                          // the moment t + h
    std::vector<std::vector<at::Tensor>> slopes_;  // [layer][stage]
    const Watch* watch_ = nullptr;
};

}  // namespace dv::temporal
