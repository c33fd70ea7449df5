#pragma once
/// Parts by themselves: what a case of kind "function" may call.

#include "verify/kinds.hpp"

namespace dvhost::verify {

struct Call {
    std::string_view name;
    Run (*read)(TableReader& args);
};

// A loss, a metric, and the measures of a training step, on given outputs and labels.
Run read_loss_call(TableReader& args);
Run read_metric_call(TableReader& args);
Run read_measures_call(TableReader& args);
// How a model shows still images over time, and which steps it scores.
Run read_presentation_call(TableReader& args);
// A solver on  tau dr/dt = -r + weight r + drive.
Run read_solver_call(TableReader& args);
Run read_convergence_call(TableReader& args);
// A solver and how it reads the past, on  x'(t) = -x(t - delay).
Run read_delay_equation_call(TableReader& args);
// A recurrence: its drive, and the spectral radius of its map.
Run read_recurrence_call(TableReader& args);
Run read_spectral_radius_call(TableReader& args);
// Parts of the temporal engine.
Run read_ring_buffer_call(TableReader& args);
Run read_supralinearity_call(TableReader& args);

}  // namespace dvhost::verify
