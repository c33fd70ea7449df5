#pragma once
/// A callback that a run can do without.

#include "loops/callback.hpp"

#include <functional>
#include <memory>

namespace dvhost::compose {

/// Swallows failures of `inner`, with a warning each time they begin, and stops asking it after `max_errors` in a row.
class TolerantCallback final : public loops::Callback {
public:
    using Warn = std::function<void(const std::string&)>;
    TolerantCallback(std::shared_ptr<loops::Callback> inner, std::int64_t max_errors, Warn warn);
    std::uint64_t phases() const override { return inner_->phases(); }
    bool monitors() const override { return inner_->monitors(); }
    void on_phase(std::uint32_t phase, const dv_run& run, const dv_answer& answer) override;
    bool has_failed() const { return has_failed_; }

private:
    std::shared_ptr<loops::Callback> inner_;
    std::int64_t max_errors_;
    std::int64_t errors_in_row_ = 0;
    bool has_failed_ = false;
    Warn warn_;
};

}  // namespace dvhost::compose
