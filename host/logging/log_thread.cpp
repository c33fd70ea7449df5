#include "logging/log_thread.hpp"

#include <dv/error.hpp>

#include <chrono>

namespace dvhost::logging {

namespace {

double wall_time() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

LogThread::LogThread(std::vector<LoggerEntry> loggers, Warn warn) : warn_(std::move(warn)) {
    for (LoggerEntry& entry : loggers) {
        LoggerFailure failure{.label = entry.label, .text = {}};
        sinks_.push_back({std::move(entry), 0, std::move(failure)});
    }
    thread_ = std::thread([this] { work(); });
}

LogThread::~LogThread() { finish("failed"); }

void LogThread::row(loops::Names names, loops::Values values, std::int64_t step, std::int64_t epoch) {
    throw_if_required_failed();
    push(RowItem{std::move(names), std::move(values), step, epoch, wall_time()});
}

void LogThread::hyperparameters(const dv_config& manifest) { push(HyperparametersItem{&manifest}); }
void LogThread::text(std::string name, std::string text, std::int64_t step) {
    push(TextItem{std::move(name), std::move(text), step});
}
void LogThread::artifact(std::string name, std::string path) { push(ArtifactItem{std::move(name), std::move(path)}); }
void LogThread::flush() { push(FlushItem{}); }

void LogThread::push(Item item) {
    std::unique_lock lock(mutex_);
    not_full_.wait(lock, [&] { return queue_.size() < kCapacity; });
    queue_.push_back(std::move(item));
    not_empty_.notify_one();
}

void LogThread::work() {
    while (true) {
        std::unique_lock lock(mutex_);
        not_empty_.wait(lock, [&] { return closing_ || !queue_.empty(); });
        if (queue_.empty()) return;
        const Item item = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        not_full_.notify_one();
        deliver(item);
    }
}

void LogThread::deliver(const Item& item) {
    std::visit(Overloaded{
                   [&](const RowItem& row) {
                       const std::vector<double> values = row.values();
                       std::vector<dv_metric> metrics;
                       metrics.reserve(values.size());
                       for (std::size_t i = 0; i < values.size(); ++i) {
                           const std::string& name = (*row.names)[i];
                           metrics.push_back({{name.data(), name.size()}, values[i]});
                       }
                       const dv::Row out{metrics, row.step, row.epoch, row.wall_time};
                       for (Sink& s : sinks_) call(s, true, [&](dv::Logger& logger) { logger.metrics(out); });
                   },
                   [&](const HyperparametersItem& h) {
                       for (Sink& s : sinks_) {
                           call(s, false, [&](dv::Logger& logger) { logger.hyperparameters(*h.manifest); });
                       }
                   },
                   [&](const TextItem& t) {
                       for (Sink& s : sinks_) {
                           call(s, false, [&](dv::Logger& logger) { logger.text(t.name, t.text, t.step); });
                       }
                   },
                   [&](const ArtifactItem& a) {
                       for (Sink& s : sinks_) {
                           call(s, false, [&](dv::Logger& logger) { logger.artifact(a.name, a.path); });
                       }
                   },
                   [&](const FlushItem&) {
                       for (Sink& s : sinks_) call(s, false, [](dv::Logger& logger) { logger.flush(); });
                   },
               },
               item);
}

void LogThread::call(Sink& sink, bool loses_row, const std::function<void(dv::Logger&)>& hook) {
    if (sink.failure.switched_off) {
        if (loses_row) ++sink.failure.lost_rows;
        return;
    }
    try {
        hook(*sink.entry.logger);
        sink.errors_in_row = 0;
        return;
    } catch (const std::exception& error) {
        sink.failure.text = error.what();
    }
    if (loses_row) ++sink.failure.lost_rows;
    if (++sink.errors_in_row == 1) warn_(sink.failure.label + ": " + sink.failure.text);
    if (sink.entry.required) {
        const std::lock_guard lock(mutex_);
        required_failure_ = sink.failure.label + " is required and failed: " + sink.failure.text;
    }
    if (sink.errors_in_row >= sink.entry.max_errors) {
        sink.failure.switched_off = true;
        warn_(sink.failure.label + " is switched off after " + std::to_string(sink.errors_in_row) +
              " errors in a row; training goes on, and the run will end with exit code 69");
    }
}

void LogThread::throw_if_required_failed() {
    const std::lock_guard lock(mutex_);
    if (!required_failure_.empty()) throw dv::Error(required_failure_);
}

void LogThread::finish(const std::string& outcome) {
    if (finished_) return;
    finished_ = true;
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
    }
    not_empty_.notify_one();
    thread_.join();
    // The thread is gone; what follows is still one call at a time per logger.
    for (Sink& s : sinks_) {
        call(s, false, [](dv::Logger& logger) { logger.flush(); });
        call(s, false, [&](dv::Logger& logger) { logger.finalize(outcome); });
    }
}

std::vector<LoggerFailure> LogThread::failures() const {
    std::vector<LoggerFailure> out;
    for (const Sink& s : sinks_) {
        if (!s.failure.text.empty()) out.push_back(s.failure);
    }
    return out;
}

}  // namespace dvhost::logging
