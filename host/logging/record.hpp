#pragma once
/// What lies in a spool: records of one size, in the order in which they were logged. docs/logging.md, "The spool".

#include <atomic>
#include <bit>
#include <cstdint>

namespace dvhost::logging {

/// One number of a row, or the head of an item. All zero: not written yet.
struct Record {
    std::uint32_t seq;  ///< index within the segment + 1; stored last, with release order
    std::uint32_t tag;  ///< number of the name, or a Head; kEndOfItem may be set
    double wall_time;   ///< [s] since 1970-01-01 UTC
    std::int64_t step;
    double value;
};
static_assert(sizeof(Record) == 32);

inline constexpr std::uint32_t kEndOfItem = 1u << 31;  ///< in tag: the last record of its item

/// Tags of first records. Names are numbered from 0 and stay below them.
enum Head : std::uint32_t {
    kFirstHead = 0x7fffff00,
    kRow = kFirstHead,   ///< value: the epoch; a record per number follows
    kWaitingRow,         ///< a row whose numbers are still being computed
    kFailedRow,          ///< a row whose numbers could not be computed
    kNote,               ///< value: bits of the offset in the segment's blobs (note.hpp)
    kHyperparameters,    ///< the resolved manifest
    kFlush,              ///< make durable what came before
};

inline std::uint32_t tag_of(const Record& r) { return r.tag & ~kEndOfItem; }
inline bool ends_item(const Record& r) { return (r.tag & kEndOfItem) != 0; }

/// Makes a record visible whose other fields are written.
inline void publish(Record& r, std::uint32_t index) {
    std::atomic_ref(r.seq).store(index + 1, std::memory_order_release);
}
inline bool is_published(Record& r, std::uint32_t index) {
    return std::atomic_ref(r.seq).load(std::memory_order_acquire) == index + 1;
}

/// A place in the order of all records.
struct Place {
    std::uint64_t segment = 0;
    std::uint32_t index = 0;
    friend auto operator<=>(const Place&, const Place&) = default;
};

inline double as_value(std::uint64_t bits) { return std::bit_cast<double>(bits); }
inline std::uint64_t as_bits(double value) { return std::bit_cast<std::uint64_t>(value); }

}  // namespace dvhost::logging
