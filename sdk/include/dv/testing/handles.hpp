#pragma once
/// Portable components under test, called as the host calls them: through their C tables. A status other than 0 becomes
/// a dv::ComponentError with the text that the component reported.

#include <dv/abi.h>
#include <dv/binding.hpp>
#include <dv/callback.hpp>
#include <dv/schedule.hpp>
#include <dv/testing/config.hpp>
#include <dv/testing/host.hpp>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dv::testing {

/// One object of a component; destroyed with its last owner. Not copied, not moved: the component keeps views of it.
class Made {
public:
    /// Creates it. Throws dv::ComponentError with what the component reported; no object exists then.
    Made(std::shared_ptr<Host> host, std::string plugin, const dv_component& component, Value table, std::string place);
    ~Made();
    Made(const Made&) = delete;
    Made& operator=(const Made&) = delete;

    void* object() const { return object_; }
    const dv_component& component() const { return component_; }
    const dv_host& host() const { return *seat_; }
    Host& owner() const { return *host_; }
    template <class Table>
    const Table& vtable() const {
        return *static_cast<const Table*>(component_.vtable);
    }

private:
    std::shared_ptr<Host> host_;
    const dv_component& component_;
    const Value table_;
    const dv_config config_;
    const dv_host* seat_ = nullptr;
    void* object_ = nullptr;
};

/// Names and values of one row, in order.
using Metrics = std::vector<std::pair<std::string, double>>;

class LoggerHandle {
public:
    explicit LoggerHandle(std::shared_ptr<Made> made) : made_(std::move(made)) {}
    void metrics(const Metrics& values, std::int64_t step, std::int64_t epoch = -1, double wall_time = 0.0);
    void hyperparameters(const Value& manifest);
    void text(std::string_view name, std::string_view text, std::int64_t step = 0);
    void image(std::string_view name, const dv_image& image, std::int64_t step = 0);
    void histogram(std::string_view name, const dv_histogram& histogram, std::int64_t step = 0);
    void artifact(std::string_view name, std::string_view path);
    void flush();
    /// "" when the logger cannot be resumed.
    std::string position();
    void resume(std::int64_t rows, std::int64_t step);
    void finalize(std::string_view outcome = "success");
    const Made& made() const { return *made_; }

private:
    std::shared_ptr<Made> made_;
};

/// The state of a run, to show to a callback.
class RunBuilder {
public:
    RunBuilder() { run_.epoch = 0, run_.n_batches = run_.max_epochs = run_.max_steps = -1; }
    RunBuilder& stage(dv_stage stage) { return run_.stage = stage, *this; }
    RunBuilder& epoch(std::int64_t n) { return run_.epoch = n, *this; }
    RunBuilder& step(std::int64_t n) { return run_.global_step = n, *this; }
    RunBuilder& batch(std::int64_t idx, std::int64_t n_batches = -1) {
        return run_.batch_idx = idx, run_.n_batches = n_batches, *this;
    }
    RunBuilder& max_epochs(std::int64_t n) { return run_.max_epochs = n, *this; }
    RunBuilder& max_steps(std::int64_t n) { return run_.max_steps = n, *this; }
    RunBuilder& elapsed(double seconds) { return run_.elapsed = seconds, *this; }
    RunBuilder& log_due(bool on = true) { return run_.log_due = on, *this; }
    RunBuilder& has_validation(bool on = true) { return run_.has_validation = on, *this; }
    RunBuilder& samples(std::int64_t batches, std::int64_t samples) {
        return run_.batches = batches, run_.samples = samples, *this;
    }
    RunBuilder& fast_dev_run(bool on = true) { return run_.fast_dev_run = on, *this; }
    RunBuilder& accumulating(bool on = true) { return run_.accumulating = on, *this; }
    RunBuilder& validates_each_epoch_end(bool on = true) {
        return run_.validates_each_epoch_end = on, run_.has_validation |= on ? 1u : 0u, *this;
    }
    RunBuilder& loader(std::uint32_t index) { return run_.loader = index, *this; }
    /// As the first hosts show it: without what minor 1 added.
    RunBuilder& of_minor_0() { return minor_0_ = true, *this; }
    RunBuilder& message(std::string text) { return message_ = std::move(text), *this; }
    /// Replaces the value of the same name.
    RunBuilder& metric(std::string_view name, double value) { return put(metrics_, name, value), *this; }
    /// The same, shown beside the progress bar.
    RunBuilder& shown_metric(std::string_view name, double value) { return put(shown_, name, value), metric(name, value); }
    /// With the group's momentum and weight decay; NaN: none.
    RunBuilder& learning_rate(std::string_view group, double value, double momentum = std::numeric_limits<double>::quiet_NaN(),
                              double weight_decay = std::numeric_limits<double>::quiet_NaN()) {
        put(momenta_, group, momentum);
        put(weight_decays_, group, weight_decay);
        return put(learning_rates_, group, value), *this;
    }

    /// A view, valid until this builder changes or ends.
    dv_run view() const;

private:
    static void put(Metrics& into, std::string_view name, double value);

    dv_run run_{};
    bool minor_0_ = false;
    std::string message_;
    Metrics metrics_, shown_, learning_rates_, momenta_, weight_decays_;
    mutable std::vector<dv_metric> lent_metrics_, lent_shown_, lent_learning_rates_, lent_momenta_, lent_weight_decays_;
};

struct ShownImage {
    std::string name, png;
    std::uint32_t channels = 0, width = 0, height = 0;
};
struct ShownHistogram {
    std::string name;
    std::vector<double> limits, counts;
    double min = 0, max = 0, sum = 0, sum_squares = 0, count = 0;
};

/// What a callback answered.
struct AnswerLog {
    Metrics logged;
    std::map<std::string, LogOptions, std::less<>> options;  ///< of the names that were logged with some
    std::vector<std::string> misplaced;      ///< names logged in a phase in which nothing may be logged; they are not in `logged`
    std::vector<std::pair<std::string, std::string>> texts;
    std::vector<ShownImage> images;
    std::vector<ShownHistogram> histograms;
    std::optional<std::string> stop_reason;  ///< of the first request to stop
    bool skips_epoch = false;

    bool stopped() const { return stop_reason.has_value(); }
    /// The newest value logged under this name.
    std::optional<double> value(std::string_view name) const;
};

/// A dv_answer that keeps what it is told.
class AnswerSink {
public:
    explicit AnswerSink(std::uint32_t phase);
    AnswerSink(const AnswerSink&) = delete;
    AnswerSink& operator=(const AnswerSink&) = delete;
    const dv_answer& door() const { return door_; }
    AnswerLog take() { return std::move(log_); }

private:
    struct Table;
    bool may_log(std::string_view name);

    std::uint32_t phase_;
    AnswerLog log_;
    dv_answer door_;
};

/// A dv_state_out that keeps what is put into it. Values that are none are left out.
class StateSink {
public:
    StateSink();
    StateSink(const StateSink&) = delete;
    StateSink& operator=(const StateSink&) = delete;
    const dv_state_out& door() const { return door_; }
    /// Throws std::logic_error when a table was begun and not ended.
    Config take();

private:
    struct Table;
    void put(dv_str key, Value value);

    std::vector<std::pair<std::string, Config>> open_{{"", Config()}};  // the root, then tables within tables
    dv_state_out door_;
};

class CallbackHandle {
public:
    explicit CallbackHandle(std::shared_ptr<Made> made);
    std::uint64_t phases() const { return phases_; }
    bool wants(dv_phase phase) const { return (phases_ >> phase & 1u) != 0; }
    bool monitors() const;
    /// One phase, as the host does it: nothing happens when the callback has not asked for it.
    AnswerLog phase(dv_phase phase, const RunBuilder& run = {});
    /// The same, asked for or not, with any number and any table.
    AnswerLog force_phase(std::uint32_t phase, const dv_run& run);

    /// As a host does it with checkpoints.
    std::string state_key() const;
    Config save_state() const;
    void load_state(const Config& state);
    const Made& made() const { return *made_; }

private:
    std::shared_ptr<Made> made_;
    std::uint64_t phases_;
};

struct SchedulePoint {
    std::int64_t step = 0, epoch = 0;
    std::int64_t total_steps = -1, total_epochs = -1;
    std::int64_t count = 0, total = -1;
};

class ScheduleHandle {
public:
    explicit ScheduleHandle(std::shared_ptr<Made> made) : made_(std::move(made)) {}
    Schedule::Interval interval() const;
    double factor(const SchedulePoint& at) const;
    /// NaN: left as it is.
    double momentum(const SchedulePoint& at) const;
    bool is_observing() const;
    void observe(double value);
    Config save_state() const;
    void load_state(const Config& state);
    const Made& made() const { return *made_; }

private:
    std::shared_ptr<Made> made_;
};

}  // namespace dv::testing
