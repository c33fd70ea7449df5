#pragma once
/// How a layer's operations fall apart: those that need nothing of the layer's own past, those that do, and those behind its
/// delay. Decided once per run, from the circuit alone.

#include "scan.hpp"

#include <dv/temporal/run.hpp>

namespace dv::temporal::fast {

/// Operations [0, core) are applied to all steps at once, [core, delay) in blocks that the layer's own lag allows, those behind
/// the delay to all steps at once again.
struct LayerPlan {
    std::size_t core = 0, delay = 0;
    /// [core, scan) go block by block; from `scan` on the newest activity is needed, step by step. == delay: never.
    std::size_t scan = 0;
    bool scan_fused = false;  ///< [scan, delay) is one scan of scan.hpp
    bool all_fused = false;   ///< [core, delay) is one node of recurrent_scan.hpp: blocks are walked inside
    bool rectify_drive = false, rectify = false;
    const SupraLinear* power = nullptr;
};

/// Whether the fast plan has a way through this circuit; otherwise it is walked step by step.
bool has_fast_plan(const Circuit& circuit);

/// Precondition: has_fast_plan(). Signals in `probes` are wanted one by one, so that what makes them is not fused. `fuse`: whether
/// fused scans can be used at all (device and dtype).
std::vector<LayerPlan> layer_plans(const Circuit& circuit, const std::vector<Probe>& probes, bool fuse);

/// Layers that feedback ties together and the steps they may run ahead of each other.
struct Group {
    std::size_t begin = 0, end = 0;  ///< layers [begin, end)
    std::int64_t chunk = 0;          ///< steps; 0: any number (no feedback)
};
/// In order; together they hold every layer once.
std::vector<Group> groups(const Circuit& circuit);

}  // namespace dv::temporal::fast
