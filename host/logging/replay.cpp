#include "logging/replay.hpp"

#include <dv/error.hpp>

#include <algorithm>
#include <deque>
#include <system_error>

namespace dvhost::logging {

namespace {

/// The names in a spool; one that could not be written gets its number as a name.
class DeadNames {
public:
    explicit DeadNames(const SpoolFolder& folder) {
        for (std::string& name : read_tags(folder.tags())) names_.push_back(std::move(name));
    }
    std::string_view of(const Record& number) {
        const std::uint32_t tag = tag_of(number);
        while (names_.size() <= tag) names_.push_back("lost_name_" + std::to_string(names_.size()));
        return names_[tag];
    }

private:
    std::deque<std::string> names_;
};

class Player {
public:
    Player(Sinks& sinks, const SpoolFolder& folder, const dv_config* manifest) : sinks_(sinks), names_(folder), manifest_(manifest) {}

    std::uint64_t rows() const { return rows_; }

    void play(const Segment& segment, std::uint64_t number, Place from) {
        std::uint32_t at = from.segment == number ? from.index : 0;
        while (at < segment.end()) {
            std::span<Record> item = segment.item(at);
            if (item.empty()) item = segment.torn_item(at);
            if (item.empty()) return;
            hand_over({&segment, item}, {number, at});
            at += static_cast<std::uint32_t>(item.size());
        }
    }

private:
    void hand_over(const Item& item, Place place) {
        if (tag_of(item.head()) == kRow) {
            if (item.records.size() == 1 && !ends_item(item.head())) return;  // torn before its first number
            ++rows_;
        }
        sinks_.deliver(item, place, [this](const Record& number) { return names_.of(number); }, manifest_);
    }

    Sinks& sinks_;
    DeadNames names_;
    const dv_config* manifest_;
    std::uint64_t rows_ = 0;
};

}  // namespace

Replay replay(const SpoolFolder& folder, std::vector<ReplayedLogger> loggers, const dv_config* manifest, const std::string& outcome,
              const Sinks::Warn& warn) {
    std::vector<LoggerEntry> entries;
    std::vector<std::optional<Cursor>> cursors;
    std::optional<Place> from;
    for (ReplayedLogger& logger : loggers) {
        from = from ? std::min(*from, logger.cursor.place) : logger.cursor.place;
        entries.push_back(std::move(logger.entry));
        cursors.emplace_back(std::move(logger.cursor));
    }
    Sinks sinks(std::move(entries), warn);
    sinks.continue_from(cursors);

    Player player(sinks, folder, manifest);
    std::uint64_t expected = from.value_or(Place{}).segment;
    for (const auto& [number, file] : folder.segments()) {
        if (!from || number < from->segment) continue;
        if (number > expected) warn("some of what was logged was dropped on the way (logging.on_full) or is missing from " + folder.path().string());
        expected = number + 1;
        try {
            player.play(*Segment::open(file), number, *from);
        } catch (const dv::IoError& problem) {
            warn(std::string(problem.what()) + "; it is left out");
        }
    }
    sinks.finish(outcome, Patience());

    Replay report;
    report.rows = player.rows();
    const bool nothing_left = sinks.remove_cursors(folder);
    report.failures = sinks.failures();
    if (nothing_left) {
        std::error_code ignored;
        std::filesystem::remove_all(folder.path(), ignored);
    } else {
        folder.write_outcome(outcome);
    }
    return report;
}

}  // namespace dvhost::logging
