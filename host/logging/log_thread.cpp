#include "logging/log_thread.hpp"

#include <chrono>

namespace dvhost::logging {

namespace {

constexpr auto kPoll = std::chrono::milliseconds(10);  // how long a number may lie in the spool before a logger sees it
constexpr double kSaveEvery = 1.0;                     // [s] between cursors

double monotonic() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

LogThread::LogThread(std::vector<LoggerEntry> loggers, Warn warn, SpoolOptions options)
    : sinks_(std::move(loggers), warn), warn_(warn) {
    if (sinks_.empty()) return;
    spool_.emplace(std::move(options), std::move(warn));
}

void LogThread::resume(std::int64_t rows, std::int64_t step) { sinks_.resume({sizeof(dv_resume), 0, rows, step}); }

void LogThread::start_if_needed() {
    if (thread_.joinable()) return;
    if (spool_->folder() != nullptr) sinks_.begin_cursors(*spool_->folder());
    last_save_ = monotonic();
    thread_ = std::thread([this] { work(); });
}

LogThread::~LogThread() {
    finish("failed");
    if (thread_.joinable()) thread_.join();
}

// --- [step] --------------------------------------------------------------------------------------------------------------------

void LogThread::row(loops::Names names, std::span<const double> values, std::int64_t step, std::int64_t epoch) {
    if (!spool_) return;
    sinks_.throw_if_required_failed();
    start_if_needed();
    spool_->row(names, values, step, epoch);
}

void LogThread::row(loops::Names names, loops::Values values, std::int64_t step, std::int64_t epoch) {
    if (!spool_) return;
    sinks_.throw_if_required_failed();
    start_if_needed();
    spool_->row(names, std::move(values), step, epoch);
    wake();
}

void LogThread::hyperparameters(const dv_config& manifest) {
    manifest_ = &manifest;
    mark(kHyperparameters);
}
void LogThread::text(std::string name, std::string text, std::int64_t step) {
    note(TextNote{std::move(name), std::move(text)}, step);
}
void LogThread::artifact(std::string name, std::string path) { note(ArtifactNote{std::move(name), std::move(path)}, 0); }
void LogThread::image(std::string name, const dv_image& image, std::int64_t step) {
    note(ImageNote{std::move(name), std::string(image.png.p, image.png.n), image.channels, image.width, image.height}, step);
}
void LogThread::histogram(std::string name, const dv_histogram& h, std::int64_t step) {
    note(HistogramNote{std::move(name), {h.limits, h.limits + h.n_buckets}, {h.counts, h.counts + h.n_buckets}, h.min, h.max, h.sum,
                       h.sum_squares, h.count},
         step);
}
void LogThread::flush() { mark(kFlush); }

void LogThread::note(const Note& note, std::int64_t step) {
    if (!spool_) return;
    start_if_needed();
    spool_->note(note, step);
    wake();
}

void LogThread::mark(Head head) {
    if (!spool_) return;
    start_if_needed();
    spool_->mark(head);
    wake();
}

void LogThread::wake() { wake_.notify_one(); }

// --- [io] ----------------------------------------------------------------------------------------------------------------------

void LogThread::work() {
    while (true) {
        bool last = false;
        {
            std::unique_lock lock(mutex_);
            wake_.wait_for(lock, kPoll);
            last = closing_;
        }
        deliver_all();
        if (last) {
            report_dropped();
            const std::lock_guard lock(mutex_);
            has_delivered_ = true;
            return delivered_.notify_all();
        }
        if (monotonic() - last_save_ >= kSaveEvery) save_progress();
        spool_->prepare();
    }
}

void LogThread::deliver_all() {
    const Sinks::NameOf name_of = [this](const Record& number) { return spool_->name(number); };
    while (const std::optional<Item> item = spool_->read()) {
        const Place behind = spool_->place();
        const Place at{behind.segment, behind.index - static_cast<std::uint32_t>(item->records.size())};
        sinks_.deliver(*item, at, name_of, manifest_);
        if (tag_of(item->head()) == kRow) {
            last_step_ = item->head().step;
            last_epoch_ = static_cast<std::int64_t>(item->head().value);
        }
        if (at.index == 0) spool_->prepare();
        if (monotonic() - last_save_ >= kSaveEvery) save_progress();
    }
    if (spool_->folder() == nullptr) spool_->release(spool_->place());
}

/// What every logger has safely is not kept any longer.
void LogThread::save_progress() {
    report_dropped();
    if (const SpoolFolder* folder = spool_->folder()) sinks_.move_cursors(*folder, spool_->place());
    spool_->release(sinks_.needed_from(spool_->place()));
    last_save_ = monotonic();
}

void LogThread::report_dropped() {
    const std::uint64_t dropped = spool_->dropped_rows();
    if (dropped == reported_dropped_) return;
    reported_dropped_ = dropped;
    static constexpr std::string_view kName = "logging/dropped_rows";
    const dv_metric metric{{kName.data(), kName.size()}, static_cast<double>(dropped)};
    sinks_.row({{&metric, 1}, last_step_, last_epoch_,
                std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count()});
}

// --- The end -------------------------------------------------------------------------------------------------------------------

void LogThread::finish(const std::string& outcome, const Patience& patience) {
    if (finished_ || !spool_) return;
    finished_ = true;
    if (wait_for_delivery(patience)) {
        // The thread is gone; what follows is still one call at a time per logger.
        sinks_.finish(outcome, patience);
    } else {
        sinks_.give_up(patience);
    }
    warn_of_dropped();
    const SpoolFolder* folder = spool_->folder();
    if (folder == nullptr) return;
    if (sinks_.remove_cursors(*folder)) return spool_->remove_folder();
    try {
        folder->write_outcome(outcome);
    } catch (const dv::IoError& problem) {
        warn_(problem.what());
    }
}

bool LogThread::wait_for_delivery(const Patience& patience) {
    std::unique_lock lock(mutex_);
    closing_ = true;
    wake();
    if (!thread_.joinable()) return true;
    if (!patience.wait(lock, delivered_, [this] { return has_delivered_; })) return false;
    lock.unlock();
    thread_.join();
    return true;
}

void LogThread::warn_of_dropped() const {
    if (spool_->dropped_rows() == 0) return;
    warn_(std::to_string(spool_->dropped_rows()) + " rows were not logged: there was no room for them, or their values could not be "
          "read; logging.spool_mb and logging.on_full say how much may wait and what then happens");
}

}  // namespace dvhost::logging
