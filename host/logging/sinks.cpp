#include "logging/sinks.hpp"

#include <dv/error.hpp>

#include <algorithm>

namespace dvhost::logging {

namespace {

dv_str borrow(std::string_view s) { return {s.data(), s.size()}; }

template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

Sinks::Sinks(std::vector<LoggerEntry> loggers, Warn warn) : warn_(std::move(warn)) {
    for (LoggerEntry& entry : loggers) {
        if (entry.place.empty()) entry.place = "logger." + std::to_string(sinks_.size());
        Sink& sink = sinks_.emplace_back();
        sink.failure.label = entry.label;
        sink.entry = std::move(entry);
    }
}

// --- Items ---------------------------------------------------------------------------------------------------------------------

void Sinks::deliver(const Item& item, Place place, const NameOf& name_of, const dv_config* manifest) {
    switch (tag_of(item.head())) {
        case kRow: return deliver_row(item, place, name_of);
        case kNote: return deliver_note(item, place);
        case kHyperparameters:
            if (manifest == nullptr) return;
            return call_all(place, Loses::something, [&](dv::Logger& logger) { logger.hyperparameters(*manifest); });
        case kFlush: return call_all(place, Loses::nothing, [](dv::Logger& logger) { logger.flush(); });
        default: return;  // rows that never got their numbers
    }
}

void Sinks::deliver_row(const Item& item, Place place, const NameOf& name_of) {
    const Record& head = item.head();
    metrics_.clear();
    for (const Record& number : item.records.subspan(1)) metrics_.push_back({borrow(name_of(number)), number.value});
    const dv::Row row{metrics_, head.step, static_cast<std::int64_t>(head.value), head.wall_time};
    call_all(place, Loses::a_row, [&](dv::Logger& logger) { logger.metrics(row); });
}

void Sinks::deliver_note(const Item& item, Place place) {
    const std::int64_t step = item.head().step;
    Note note;
    try {
        note = decode(item.segment->blob(as_bits(item.head().value)));
    } catch (const dv::Error& problem) {
        return warn_("a text, image, histogram or artifact of step " + std::to_string(step) + " is lost: " + problem.what());
    }
    const auto hand_over = [&](const Hook& hook) { call_all(place, Loses::something, hook); };
    std::visit(Overloaded{
                   [&](const TextNote& n) { hand_over([&](dv::Logger& logger) { logger.text(n.name, n.text, step); }); },
                   [&](const ArtifactNote& n) { hand_over([&](dv::Logger& logger) { logger.artifact(n.name, n.path); }); },
                   [&](const ImageNote& n) {
                       const dv_image image{sizeof(dv_image), n.channels, n.width, n.height, borrow(n.png)};
                       hand_over([&](dv::Logger& logger) { logger.image(n.name, image, step); });
                   },
                   [&](const HistogramNote& n) {
                       const dv_histogram histogram{sizeof(dv_histogram), static_cast<std::uint32_t>(n.limits.size()),
                                                    n.limits.data(),      n.counts.data(),
                                                    n.min,                n.max,
                                                    n.sum,                n.sum_squares,
                                                    n.count};
                       hand_over([&](dv::Logger& logger) { logger.histogram(n.name, histogram, step); });
                   },
               },
               note);
}

void Sinks::row(const dv::Row& row) {
    for (Sink& sink : sinks_) call(sink, Loses::a_row, [&](dv::Logger& logger) { logger.metrics(row); });
}

void Sinks::resume(const dv_resume& from) {
    for (Sink& sink : sinks_) call(sink, Loses::something, [&](dv::Logger& logger) { logger.resume(from); });
}

// --- Calls and their failures --------------------------------------------------------------------------------------------------

void Sinks::call_all(Place place, Loses loses, const Hook& hook) {
    for (Sink& sink : sinks_) {
        if (place >= sink.begin) call(sink, loses, hook);
    }
}

bool Sinks::call(Sink& sink, Loses loses, const Hook& hook) {
    if (!begin_call(sink, loses)) return false;
    std::optional<std::string> problem;
    try {
        hook(*sink.entry.logger);
    } catch (const std::exception& error) {
        problem = error.what();
    }
    Warnings warnings;
    {
        const std::lock_guard lock(mutex_);
        if (sink.given_up) return false;
        sink.is_busy = false;
        if (!problem) {
            sink.errors_in_row = 0;
            return true;
        }
        warnings = note_failure(sink, loses, *problem);
    }
    for (const std::string& warning : warnings) warn_(warning);
    return false;
}

bool Sinks::begin_call(Sink& sink, Loses loses) {
    const std::lock_guard lock(mutex_);
    if (sink.skips_everything || sink.given_up) return false;
    if (sink.failure.switched_off) {
        if (loses == Loses::a_row) ++sink.failure.lost_rows;
        return false;
    }
    return sink.is_busy = true;
}

Sinks::Warnings Sinks::note_failure(Sink& sink, Loses loses, const std::string& text) {
    Warnings warnings;
    sink.failure.text = text;
    if (loses == Loses::a_row) ++sink.failure.lost_rows;
    if (loses != Loses::nothing) sink.lost_something = true;
    if (++sink.errors_in_row == 1) warnings.push_back(sink.failure.label + ": " + text);
    if (sink.entry.required) {
        required_failure_ = sink.failure.label + " is required and failed: " + text;
        required_failed_ = true;
    }
    if (sink.errors_in_row < sink.entry.max_errors) return warnings;
    sink.failure.switched_off = true;
    sink.lost_something = true;
    warnings.push_back(sink.failure.label + " is switched off after " + std::to_string(sink.errors_in_row) +
                       " errors in a row; training goes on, and the run will end with exit code 69");
    return warnings;
}

void Sinks::throw_if_required_failed() const {
    if (!required_failed_.load(std::memory_order_relaxed)) return;
    const std::lock_guard lock(mutex_);
    throw dv::Error(required_failure_);
}

// --- Cursors -------------------------------------------------------------------------------------------------------------------

void Sinks::begin_cursors(const SpoolFolder& folder) {
    for (Sink& sink : sinks_) write_cursor(sink, folder, Place{});
}

void Sinks::move_cursors(const SpoolFolder& folder, Place place) {
    for (Sink& sink : sinks_) {
        if (!is_sound(sink, place)) continue;
        if (call(sink, Loses::nothing, [](dv::Logger& logger) { logger.flush(); })) write_cursor(sink, folder, place);
    }
}

/// Whether its cursor may move to `place`, and is not there yet.
bool Sinks::is_sound(const Sink& sink, Place place) const {
    const std::lock_guard lock(mutex_);
    return sink.cursor && !sink.lost_something && sink.cursor->place != place;
}

void Sinks::write_cursor(Sink& sink, const SpoolFolder& folder, Place place) {
    std::string position;
    if (!call(sink, Loses::nothing, [&](dv::Logger& logger) { position = logger.position(); })) return;
    if (position.empty()) return;
    try {
        Cursor fresh{place, std::move(position)};
        folder.write_cursor(sink.entry.place, fresh);
        const std::lock_guard lock(mutex_);
        sink.cursor = std::move(fresh);
    } catch (const dv::IoError& problem) {
        if (!warned_of_cursors_) warn_(std::string(problem.what()) + "; until it can be, the spool grows");
        warned_of_cursors_ = true;
    }
}

void Sinks::continue_from(const std::vector<std::optional<Cursor>>& cursors) {
    for (std::size_t i = 0; i < sinks_.size(); ++i) {
        sinks_[i].cursor = cursors[i];
        sinks_[i].skips_everything = !cursors[i];
        if (cursors[i]) sinks_[i].begin = cursors[i]->place;
    }
}

Place Sinks::needed_from(Place delivered) const {
    const std::lock_guard lock(mutex_);
    Place needed = delivered;
    for (const Sink& sink : sinks_) {
        if (sink.cursor) needed = std::min(needed, sink.cursor->place);
    }
    return needed;
}

// --- The end -------------------------------------------------------------------------------------------------------------------

void Sinks::finish(const std::string& outcome, const Patience& patience) {
    for (Sink& sink : sinks_) {
        ends_.emplace_back([this, &sink, outcome] {
            call(sink, Loses::something, [](dv::Logger& logger) { logger.flush(); });
            call(sink, Loses::something, [&](dv::Logger& logger) { logger.finalize(outcome); });
            const std::lock_guard lock(mutex_);
            sink.has_ended = true;
            ended_.notify_all();
        });
    }
    std::unique_lock lock(mutex_);
    const bool all = patience.wait(lock, ended_, [&] { return std::ranges::all_of(sinks_, &Sink::has_ended); });
    for (Sink& sink : sinks_) {
        if (!sink.has_ended) give_up(sink, "did not come back " + patience.limit());
    }
    lock.unlock();
    if (all) ends_.clear();
}

void Sinks::give_up(const Patience& patience) {
    const std::lock_guard lock(mutex_);
    for (Sink& sink : sinks_) {
        give_up(sink, sink.is_busy ? "did not come back " + patience.limit()
                                   : "did not get everything " + patience.limit() + ", because another logger held it up");
    }
}

void Sinks::give_up(Sink& sink, const std::string& reason) {
    sink.given_up = sink.lost_something = true;
    sink.failure.text = reason;
}

bool Sinks::is_stuck() const {
    const std::lock_guard lock(mutex_);
    return std::ranges::any_of(sinks_, [](const Sink& sink) { return sink.given_up && !sink.skips_everything; });
}

bool Sinks::remove_cursors(const SpoolFolder& folder) {
    const std::lock_guard lock(mutex_);
    bool none_left = true;
    for (Sink& sink : sinks_) {
        sink.failure.kept = sink.cursor && sink.lost_something;
        if (sink.failure.kept) {
            none_left = false;
        } else {
            folder.remove_cursor(sink.entry.place);
        }
    }
    return none_left;
}

std::vector<LoggerFailure> Sinks::failures() const {
    const std::lock_guard lock(mutex_);
    std::vector<LoggerFailure> out;
    for (const Sink& s : sinks_) {
        if (!s.failure.text.empty()) out.push_back(s.failure);
    }
    return out;
}

std::string LoggerFailure::line(const std::filesystem::path& run) const {
    std::string out = label + (switched_off ? " was switched off" : " failed");
    if (lost_rows > 0) out += " and lost " + std::to_string(lost_rows) + " rows";
    out += ": " + text;
    if (kept) out += "; what it lacks is kept, and `dvhost logs sync " + run.string() + "` hands it over again";
    return out;
}

}  // namespace dvhost::logging
