#include "logging/spool.hpp"

#include <dv/error.hpp>

#include <algorithm>
#include <chrono>
#include <system_error>

namespace dvhost::logging {

namespace {

constexpr std::size_t kSpares = 2;

double wall_time() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::uint64_t count_rows(const Segment& segment) {
    std::uint64_t rows = 0;
    for (std::uint32_t at = 0; at < segment.end();) {
        const std::span<Record> item = segment.item(at);
        if (item.empty()) break;
        const std::uint32_t head = tag_of(item.front());
        if (head == kRow || head == kWaitingRow) ++rows;
        at += static_cast<std::uint32_t>(item.size());
    }
    return rows;
}

}  // namespace

Spool::Spool(SpoolOptions options, Warn warn) : options_(std::move(options)), warn_(std::move(warn)) {
    try {
        if (!options_.folder.empty()) {
            std::filesystem::create_directories(options_.folder);
            folder_.emplace(options_.folder);
            lock_.emplace(*folder_);
            if (!folder_->segments().empty()) {
                throw dv::IoError("'" + options_.folder.string() + "' holds what an earlier process logged; `dvhost logs recover` "
                                  "hands it over");
            }
            folder_->begin_outcome();
        }
        tags_.emplace(folder_ ? folder_->tags() : std::filesystem::path());
    } catch (const std::exception& problem) {
        warn_(std::string(problem.what()) + "; what is logged is kept in memory until the loggers have it, and a kill would lose it");
        lock_.reset();
        folder_.reset();
        tags_.emplace(std::filesystem::path());
    }
    prepare();
}

Spool::~Spool() = default;

// --- Appending [step] ----------------------------------------------------------------------------------------------------------

void Spool::row(const loops::Names& names, std::span<const double> values, std::int64_t step, std::int64_t epoch) {
    if (is_thinned_out()) return;
    const auto n = static_cast<std::uint32_t>(values.size() + 1);
    Record* const first = reserve(n, /*may_be_dropped=*/true);
    if (first == nullptr) return;
    put_row(first, names, values, step, epoch, kRow);
}

void Spool::row(const loops::Names& names, loops::Values values, std::int64_t step, std::int64_t epoch) {
    if (is_thinned_out()) return;
    const auto n = static_cast<std::uint32_t>(names->size() + 1);
    Record* const first = reserve(n, /*may_be_dropped=*/true);
    if (first == nullptr) return;
    {
        const std::lock_guard lock(mutex_);
        live_.back().values.push_back(std::move(values));
    }
    put_row(first, names, std::vector<double>(names->size()), step, epoch, kWaitingRow);
}

/// In one pass: whoever has just trained finds the spool's memory in no cache.
void Spool::put_row(Record* row, const loops::Names& names, std::span<const double> values, std::int64_t step, std::int64_t epoch,
                    Head head) {
    const std::vector<std::uint32_t>& tags = tags_->numbers(names);
    const double now = wall_time();
    const auto put = [&](Record& r, std::uint32_t tag, double value) {
        r.tag = tag;
        r.wall_time = now;
        r.step = step;
        r.value = value;
        publish(r, used_++);
    };
    const std::size_t n = values.size();
    put(row[0], n > 0 ? head : head | kEndOfItem, static_cast<double>(epoch));
    for (std::size_t i = 0; i < n; ++i) put(row[i + 1], i + 1 < n ? tags[i] : tags[i] | kEndOfItem, values[i]);
}

void Spool::note(const Note& note, std::int64_t step) {
    Record* const r = reserve(1, /*may_be_dropped=*/false);
    r->tag = kNote | kEndOfItem;
    r->wall_time = wall_time();
    r->step = step;
    r->value = as_value(writing_->keep_blob(encode(note)));
    publish(*r, used_++);
}

void Spool::mark(Head head) {
    Record* const r = reserve(1, /*may_be_dropped=*/false);
    r->tag = head | kEndOfItem;
    r->wall_time = wall_time();
    publish(*r, used_++);
}

Record* Spool::reserve(std::uint32_t n_records, bool may_be_dropped) {
    const bool fits = writing_ != nullptr && n_records <= writing_->capacity() - used_;
    if (!fits && !next_segment(n_records, may_be_dropped)) {
        dropped_rows_.fetch_add(1, std::memory_order_relaxed);
        return nullptr;
    }
    return writing_->records() + used_;
}

/// With `downsample`, of 2^k rows one is kept; k grows by one each time half of the remaining room is used up.
bool Spool::is_thinned_out() {
    if (options_.on_full != OnFull::downsample) return false;
    const std::size_t waiting = std::min(options_.segments - 1, n_waiting_.load(std::memory_order_relaxed));
    std::uint64_t keep_every = 1;
    for (std::size_t free = options_.segments - waiting; free * 2 <= options_.segments; free *= 2) keep_every *= 2;
    if (keep_every == 1 || rows_while_full_++ % keep_every == 0) return false;
    dropped_rows_.fetch_add(1, std::memory_order_relaxed);
    return true;
}

bool Spool::next_segment(std::uint32_t n_records, bool may_be_dropped) {
    std::unique_lock lock(mutex_);
    if (!make_room(lock, may_be_dropped)) return false;
    std::unique_ptr<Segment> fresh;
    if (!spares_.empty() && spares_.back()->capacity() >= n_records) {
        fresh = std::move(spares_.back());
        spares_.pop_back();
    }
    lock.unlock();
    const std::uint64_t number = next_number_++;
    if (!fresh) fresh = new_segment(std::max(n_records, Segment::kRecords));
    fresh->set_number(number);
    lock.lock();
    if (writing_ != nullptr) writing_->close_at(used_);
    writing_ = fresh.get();
    used_ = 0;
    live_.push_back({number, std::move(fresh), {}, 0});
    n_waiting_ = count_waiting();
    return true;
}

/// Whether one more segment may be used.
bool Spool::make_room(std::unique_lock<std::mutex>& lock, bool may_be_dropped) {
    if (count_waiting() < options_.segments) return true;
    const bool in_memory = !live_.back().segment->is_file();
    switch (options_.on_full) {
        case OnFull::grow:
            if (in_memory) drop_oldest();
            return true;
        case OnFull::block: room_.wait(lock, [&] { return count_waiting() < options_.segments; }); return true;
        case OnFull::drop_oldest: drop_oldest(); return true;
        case OnFull::downsample: return !may_be_dropped;
    }
    return true;
}

/// The oldest segment that is neither being read nor written.
void Spool::drop_oldest() {
    for (auto at = live_.begin(); at != live_.end(); ++at) {
        if (at->number <= read_up_to_ || at->segment.get() == writing_) continue;
        dropped_rows_.fetch_add(count_rows(*at->segment), std::memory_order_relaxed);
        at->segment->remove();
        live_.erase(at);
        return;
    }
}

std::unique_ptr<Segment> Spool::new_segment(std::uint32_t n_records) {
    if (folder_) {
        try {
            return Segment::make(folder_->segment_file(next_file_++), n_records);
        } catch (const dv::IoError& problem) {
            if (!warned_) {
                warn_(std::string(problem.what()) + "; what is logged from here on is kept in memory, at most " +
                      std::to_string(options_.segments) + " MiB of it, until the loggers have it, and a kill would lose it");
            }
            warned_ = true;
        }
    }
    return Segment::make_in_memory(n_records);
}

std::size_t Spool::count_waiting() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(live_, [&](const Live& l) { return l.number > read_up_to_ || l.segment.get() == reading_; }));
}

// --- Reading [io] --------------------------------------------------------------------------------------------------------------

std::optional<Item> Spool::read() {
    while (reading_ != nullptr || next_to_read()) {
        if (read_index_ >= reading_->end()) {
            if (!next_to_read()) return std::nullopt;
            continue;
        }
        const std::span<Record> item = reading_->item(read_index_);
        if (item.empty()) {
            // Closed in the meantime, or nothing there yet.
            if (read_index_ >= reading_->end()) continue;
            return std::nullopt;
        }
        read_index_ += static_cast<std::uint32_t>(item.size());
        if (tag_of(item.front()) == kWaitingRow && !resolve(item)) continue;
        return Item{reading_, item};
    }
    return std::nullopt;
}

bool Spool::next_to_read() {
    const std::lock_guard lock(mutex_);
    const auto next = std::ranges::find_if(
        live_, [&](const Live& l) { return reading_ == nullptr || l.number > reading_number_; });
    if (next == live_.end()) return false;
    reading_ = next->segment.get();
    reading_number_ = read_up_to_ = next->number;
    read_index_ = 0;
    n_waiting_ = count_waiting();
    room_.notify_one();
    return true;
}

/// Asks for the numbers of a row, on this thread, and puts them where they belong.
bool Spool::resolve(std::span<Record> row) {
    loops::Values ask;
    {
        const std::lock_guard lock(mutex_);
        const auto here = std::ranges::find(live_, reading_number_, &Live::number);
        ask = std::move(here->values[here->n_asked++]);
    }
    std::uint32_t head = kFailedRow;
    try {
        const std::vector<double> values = ask();
        for (std::size_t i = 0; i + 1 < row.size(); ++i) row[i + 1].value = values.at(i);
        head = kRow;
    } catch (const std::exception& problem) {
        warn_("the values of step " + std::to_string(row[0].step) + " could not be read and are not logged: " + problem.what());
        dropped_rows_.fetch_add(1, std::memory_order_relaxed);
    }
    std::atomic_ref(row[0].tag).store(head | (row.size() == 1 ? kEndOfItem : 0), std::memory_order_release);
    return head == kRow;
}

void Spool::release(Place place) {
    std::vector<std::unique_ptr<Segment>> done;
    std::size_t n_spares = 0;  // only this thread makes more of them
    {
        const std::lock_guard lock(mutex_);
        n_spares = spares_.size();
        const bool too_much = options_.on_full != OnFull::grow && live_.size() > 2 * options_.segments;
        for (auto at = live_.begin(); at != live_.end() && at->number < reading_number_;) {
            const bool needed = at->number >= place.segment && at->segment->is_file() && !(too_much && at == live_.begin());
            if (needed) {
                ++at;
                continue;
            }
            done.push_back(std::move(at->segment));
            at = live_.erase(at);
        }
    }
    for (std::unique_ptr<Segment>& segment : done) {
        const bool usable = segment->capacity() == Segment::kRecords && segment->is_file() == folder_.has_value();
        if (!usable || n_spares++ >= kSpares) {
            segment->remove();
            continue;
        }
        segment->clear();
        const std::lock_guard lock(mutex_);
        spares_.push_back(std::move(segment));
    }
}

void Spool::prepare() {
    while (true) {
        {
            const std::lock_guard lock(mutex_);
            live_.reserve(live_.size() + 2 * kSpares);
            if (spares_.size() >= kSpares) return;
        }
        std::unique_ptr<Segment> spare;
        try {
            spare = folder_ ? Segment::make(folder_->segment_file(next_file_++)) : Segment::make_in_memory();
        } catch (const dv::Error&) {
            return;  // the training thread meets the same, and says so when it needs one
        }
        const std::lock_guard lock(mutex_);
        spares_.push_back(std::move(spare));
    }
}

void Spool::remove_folder() {
    if (!folder_) return;
    std::error_code ignored;
    std::filesystem::remove_all(folder_->path(), ignored);
}

}  // namespace dvhost::logging
