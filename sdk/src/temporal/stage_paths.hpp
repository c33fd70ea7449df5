#pragma once
/// Delays in milliseconds, and which layers wait for each other, of a circuit that advances by stages.

#include <dv/temporal/circuit.hpp>

#include <cstddef>
#include <optional>
#include <vector>

namespace dv::temporal {

/// Some solver evaluates its drive several times in a step, or the circuit asks for an interpolation of its past.
bool advances_by_stages(const Circuit& circuit);

/// The one method of such a circuit's solvers; none when they only take whole steps (euler, exp_euler, frozen_rk4), which then
/// are its single stage.
std::optional<Tableau> method_of(const Circuit& circuit);

/// Throws Error when the circuit cannot advance by stages: sequential order, solvers of different methods, a rest operation, or a
/// step longer than the shortest non-zero delay of a cycle.
void check_stages(const Circuit& circuit);

/// Steps until an input has run through all feed-forward delays.
std::int64_t residual_of_stages(const Circuit& circuit);

/// Layers [begin, end) that read each other: they advance together. Layers before them are done with the step.
struct Component {
    std::size_t begin = 0, end = 0;
};

/// [ms]; a delay that is nothing but rounding is 0.
struct Delays {
    std::vector<double> forward;      ///< per layer, to the next one or the readout
    std::vector<double> recurrence;   ///< per layer; 0 where there is none
    std::vector<double> connections;  ///< per connection
    std::vector<double> longest;      ///< per layer: of all that read it
    double shortest_in_cycle = 0.0;   ///< of the non-zero ones; infinite when there is none
};

std::vector<Component> components_of(const Circuit& circuit);
Delays delays_of(const Circuit& circuit);

}  // namespace dv::temporal
