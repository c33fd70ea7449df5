#pragma once
/// Makes components one at a time, as a run would, without a run.

#include "compose/assembler.hpp"
#include "compose/services.hpp"
#include "logging/host_log.hpp"

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>
#include <dv/torch/model.hpp>

#include <deque>
#include <memory>

namespace dvhost::verify {

/// How cases are computed.
struct Setting {
    at::ScalarType dtype = at::kDouble;
    c10::Device device = c10::Device(c10::kCPU);
    dv::EnginePlan plan = dv::EnginePlan::fast;
    /// A double tensor from the CPU, as cases are computed.
    at::Tensor place(const at::Tensor& tensor) const { return tensor.to(device, dtype); }
};

class Workshop {
public:
    /// Errors that components report go to `log`.
    Workshop(registry::Registry& plugins, logging::Console& console, logging::HostLog& log);
    Workshop(const Workshop&) = delete;
    Workshop& operator=(const Workshop&) = delete;

    /// A component of `Kind` from a checked table (compose::check_component). Throws compose::CreateError, registry::Refusal.
    template <class Kind>
    std::shared_ptr<Kind> make(const manifest::Node& table, const std::string& place) {
        return assembler_.make<Kind>(tables_.emplace_back(table), place);
    }
    /// A dv_host for the host's own losses.
    const dv_host& own_host() { return boundary_.host_for({"dvhost", "dvhost.loss.weighted", "loss"}); }

private:
    std::deque<manifest::Node> tables_;  // components look into them
    compose::Services services_;
    registry::Boundary boundary_;
    compose::Assembler assembler_;
};

}  // namespace dvhost::verify
