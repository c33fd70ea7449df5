#include "loops/memory_profiler.hpp"

#include <c10/core/Allocator.h>

#include <algorithm>
#include <atomic>
#include <fstream>

namespace dvhost::loops {

/// What LibTorch's allocators tell of.
class MemoryProfiler::Counter final : public c10::MemoryReportingInfoBase {
public:
    bool memoryProfilingEnabled() const override { return true; }
    void reportMemoryUsage(void*, std::int64_t n_bytes, std::size_t, std::size_t, c10::Device where) override {
        const Place place = where.is_cpu() ? host : device;
        const std::int64_t now = in_use_[place].fetch_add(n_bytes, std::memory_order_relaxed) + n_bytes;
        std::int64_t peak = peak_[place].load(std::memory_order_relaxed);
        while (now > peak && !peak_[place].compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
        }
        if (place == device) has_device_.store(true, std::memory_order_relaxed);
    }
    std::int64_t in_use(std::size_t place) const { return in_use_[place].load(std::memory_order_relaxed); }
    std::int64_t peak(std::size_t place) const { return peak_[place].load(std::memory_order_relaxed); }
    void set_peak(std::size_t place, std::int64_t value) { peak_[place].store(value, std::memory_order_relaxed); }
    bool has_device() const { return has_device_.load(std::memory_order_relaxed); }

private:
    std::array<std::atomic<std::int64_t>, n_places> in_use_{}, peak_{};
    std::atomic<bool> has_device_{false};
};

MemoryProfiler::MemoryProfiler(const ProfiledParts& parts)
    : Profiler(parts), counter_(std::make_shared<Counter>()), guard_(c10::DebugInfoKind::PROFILER_STATE, counter_) {}

MemoryProfiler::~MemoryProfiler() = default;

void MemoryProfiler::begin(Action action) {
    if (action >= totals_.size()) totals_.resize(n_actions());
    Open scope{action, {}, {}};
    for (std::size_t p = 0; p < n_places; ++p) {
        scope.at_start[p] = counter_->in_use(p);
        scope.outer_peak[p] = counter_->peak(p);
        counter_->set_peak(p, scope.at_start[p]);
    }
    open_.push_back(scope);
}

void MemoryProfiler::end() noexcept {
    const Open scope = open_.back();
    open_.pop_back();
    Total& total = totals_[scope.action];
    ++total.calls;
    for (std::size_t p = 0; p < n_places; ++p) {
        const std::int64_t peak = counter_->peak(p);
        Use& use = total.use[p];
        use.left += counter_->in_use(p) - scope.at_start[p];
        use.added = std::max(use.added, peak - scope.at_start[p]);
        use.peak = std::max(use.peak, peak);
        counter_->set_peak(p, std::max(scope.outer_peak[p], peak));
    }
}

std::vector<std::vector<std::string>> MemoryProfiler::rows_of(Place place) const {
    std::vector<Action> order;
    for (Action a = 0; a < totals_.size(); ++a) {
        if (totals_[a].calls > 0) order.push_back(a);
    }
    std::stable_sort(order.begin(), order.end(), [&](Action a, Action b) { return totals_[a].use[place].added > totals_[b].use[place].added; });
    std::vector<std::vector<std::string>> rows;
    for (const Action a : order) {
        const Use& use = totals_[a].use[place];
        rows.push_back({name(a), std::to_string(totals_[a].calls), std::to_string(use.left), std::to_string(use.added), std::to_string(use.peak)});
    }
    return rows;
}

std::string MemoryProfiler::report() const {
    const auto table = [&](const char* what, Place place) {
        return std::string(what) + ": " + std::to_string(counter_->in_use(place)) + " bytes in use at the end\n" +
               profile_table({"Action", "Num calls", "Left behind (bytes)", "Added at most (bytes)", "Peak (bytes)"}, rows_of(place));
    };
    std::string out = table("Tensors on the host", host);
    if (counter_->has_device()) out += "\n" + table("Tensors on devices", device);
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmHWM:")) out += "\nThe process at its largest: " + line.substr(line.find_first_not_of(" \t", 6)) + "\n";
    }
    return out;
}

}  // namespace dvhost::loops
