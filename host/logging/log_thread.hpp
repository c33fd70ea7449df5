#pragma once
/// The one thread that feeds the loggers [io]. The training thread only puts things into a bounded queue.

#include "loops/metric_sink.hpp"

#include <dv/logger.hpp>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

namespace dvhost::logging {

/// A logger of the manifest and how much it is trusted to matter.
struct LoggerEntry {
    std::shared_ptr<dv::Logger> logger;
    std::string label;      ///< "dvhost.logger.csv (logger.0)"
    bool required = false;  ///< its first failure stops the run
    int max_errors = 3;     ///< in a row; then it is switched off
};

/// A logger that failed, for the end of the run.
struct LoggerFailure {
    std::string label;
    std::string text;            ///< its last error
    std::uint64_t lost_rows = 0;
    bool switched_off = false;
};

class LogThread final : public loops::MetricSink {
public:
    using Warn = std::function<void(const std::string&)>;

    LogThread(std::vector<LoggerEntry> loggers, Warn warn);
    /// finish("failed") if nobody has called it.
    ~LogThread() override;

    /// Blocks while the queue is full. Throws dv::Error once a required logger has failed. [step]
    void row(loops::Names names, loops::Values values, std::int64_t step, std::int64_t epoch) override;
    /// `manifest` must outlive this object.
    void hyperparameters(const dv_config& manifest);
    void text(std::string name, std::string text, std::int64_t step);
    void artifact(std::string name, std::string path);
    /// Makes durable what has been logged so far; does not wait for it.
    void flush();

    /// Drains the queue, flushes and finalizes every logger, ends the thread. Afterwards nothing may be logged. [main]
    void finish(const std::string& outcome);
    /// After finish(): the loggers that lost something.
    std::vector<LoggerFailure> failures() const;

private:
    struct RowItem {
        loops::Names names;
        loops::Values values;
        std::int64_t step, epoch;
        double wall_time;
    };
    struct HyperparametersItem {
        const dv_config* manifest;
    };
    struct TextItem {
        std::string name, text;
        std::int64_t step;
    };
    struct ArtifactItem {
        std::string name, path;
    };
    struct FlushItem {};
    using Item = std::variant<RowItem, HyperparametersItem, TextItem, ArtifactItem, FlushItem>;

    struct Sink {
        LoggerEntry entry;
        int errors_in_row = 0;
        LoggerFailure failure;
    };

    void push(Item item);
    void work();
    void deliver(const Item& item);
    /// Calls one logger, counting and reporting its failure. `loses_row`: a failure loses a row.
    void call(Sink& sink, bool loses_row, const std::function<void(dv::Logger&)>& hook);
    void throw_if_required_failed();

    static constexpr std::size_t kCapacity = 4096;

    std::vector<Sink> sinks_;
    Warn warn_;
    std::mutex mutex_;
    std::condition_variable not_empty_, not_full_;
    std::deque<Item> queue_;
    bool closing_ = false;
    bool finished_ = false;
    std::string required_failure_;  // under mutex_
    std::thread thread_;
};

}  // namespace dvhost::logging
