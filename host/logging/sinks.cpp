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
    if (sink.skips_everything) return false;
    if (sink.failure.switched_off) {
        if (loses == Loses::a_row) ++sink.failure.lost_rows;
        return false;
    }
    try {
        hook(*sink.entry.logger);
        sink.errors_in_row = 0;
        return true;
    } catch (const std::exception& error) {
        note_failure(sink, loses, error.what());
        return false;
    }
}

void Sinks::note_failure(Sink& sink, Loses loses, const std::string& text) {
    sink.failure.text = text;
    if (loses == Loses::a_row) ++sink.failure.lost_rows;
    if (loses != Loses::nothing) sink.lost_something = true;
    if (++sink.errors_in_row == 1) warn_(sink.failure.label + ": " + text);
    if (sink.entry.required) {
        const std::lock_guard lock(mutex_);
        required_failure_ = sink.failure.label + " is required and failed: " + text;
        required_failed_ = true;
    }
    if (sink.errors_in_row < sink.entry.max_errors) return;
    sink.failure.switched_off = true;
    sink.lost_something = true;
    warn_(sink.failure.label + " is switched off after " + std::to_string(sink.errors_in_row) +
          " errors in a row; training goes on, and the run will end with exit code 69");
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
        if (!sink.cursor || sink.lost_something || sink.cursor->place == place) continue;
        if (call(sink, Loses::nothing, [](dv::Logger& logger) { logger.flush(); })) write_cursor(sink, folder, place);
    }
}

void Sinks::write_cursor(Sink& sink, const SpoolFolder& folder, Place place) {
    std::string position;
    if (!call(sink, Loses::nothing, [&](dv::Logger& logger) { position = logger.position(); })) return;
    if (position.empty()) return;
    try {
        Cursor fresh{place, std::move(position)};
        folder.write_cursor(sink.entry.place, fresh);
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
    Place needed = delivered;
    for (const Sink& sink : sinks_) {
        if (sink.cursor) needed = std::min(needed, sink.cursor->place);
    }
    return needed;
}

// --- The end -------------------------------------------------------------------------------------------------------------------

void Sinks::finish(const std::string& outcome) {
    for (Sink& sink : sinks_) {
        call(sink, Loses::something, [](dv::Logger& logger) { logger.flush(); });
        call(sink, Loses::something, [&](dv::Logger& logger) { logger.finalize(outcome); });
    }
}

bool Sinks::remove_cursors(const SpoolFolder& folder) {
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
    std::vector<LoggerFailure> out;
    for (const Sink& s : sinks_) {
        if (!s.failure.text.empty()) out.push_back(s.failure);
    }
    return out;
}

}  // namespace dvhost::logging
