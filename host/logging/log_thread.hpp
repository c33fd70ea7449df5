#pragma once
/// The one thread that feeds the loggers [io]. The training thread only puts things into the spool; docs/logging.md.

#include "logging/sinks.hpp"
#include "logging/spool.hpp"
#include "loops/metric_sink.hpp"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace dvhost::logging {

class LogThread final : public loops::MetricSink {
public:
    using Warn = std::function<void(const std::string&)>;

    /// The thread starts with the first thing that is logged. Without loggers nothing is kept.
    LogThread(std::vector<LoggerEntry> loggers, Warn warn, SpoolOptions spool = {});
    /// finish("failed") if nobody has called it.
    ~LogThread() override;

    /// A row whose numbers are known costs writes to memory. Both throw dv::Error once a required logger has failed, and wait only
    /// under OnFull::block. [step]
    void row(loops::Names names, std::span<const double> values, std::int64_t step, std::int64_t epoch) override;
    void row(loops::Names names, loops::Values values, std::int64_t step, std::int64_t epoch) override;

    /// The run goes on from a checkpoint in its own folder; before anything is logged. [main]
    void resume(std::int64_t rows, std::int64_t step);

    // All [step]. `manifest` must outlive this object.
    void hyperparameters(const dv_config& manifest);
    void text(std::string name, std::string text, std::int64_t step) override;
    void artifact(std::string name, std::string path);
    void image(std::string name, const dv_image& image, std::int64_t step) override;
    void histogram(std::string name, const dv_histogram& histogram, std::int64_t step) override;
    /// Makes durable what has been logged so far; does not wait for it.
    void flush();

    /// Delivers what is left, flushes and finalizes every logger, ends the thread. Afterwards nothing may be logged. The spool goes
    /// away unless a logger lost something that it still holds. Loggers that have not come back when `patience` ends are given up:
    /// what they lack stays in the spool. [main]
    void finish(const std::string& outcome, const Patience& patience = {});
    /// After finish(): a logger was given up and may still be in a call. The destructor waits for it; a process that must not wait ends
    /// without destroying anything.
    bool is_stuck() const { return sinks_.is_stuck(); }
    /// After finish(): the loggers that lost something.
    std::vector<LoggerFailure> failures() const { return sinks_.failures(); }

private:
    void note(const Note& note, std::int64_t step);
    void mark(Head head);
    void start_if_needed();
    void wake();
    void work();
    void deliver_all();
    bool wait_for_delivery(const Patience& patience);
    void save_progress();
    void report_dropped();
    void warn_of_dropped() const;

    Sinks sinks_;
    Warn warn_;
    std::optional<Spool> spool_;
    std::atomic<const dv_config*> manifest_{nullptr};

    // [io]
    std::uint64_t reported_dropped_ = 0;
    std::int64_t last_step_ = 0, last_epoch_ = -1;
    double last_save_ = 0.0;

    std::mutex mutex_;
    std::condition_variable wake_;
    bool closing_ = false;       // under mutex_
    bool has_delivered_ = false;  // under mutex_
    std::condition_variable delivered_;
    bool finished_ = false;
    std::thread thread_;
};

}  // namespace dvhost::logging
