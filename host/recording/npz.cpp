#include "checkpoint/atomic_file.hpp"
#include "recording/array_file.hpp"
#include "recording/disk_array.hpp"
#include "recording/npy_header.hpp"

#include <dv/error.hpp>

#include <zlib.h>
#include <nlohmann/json.hpp>

#include <bit>
#include <functional>
#include <numeric>

namespace dvhost::recording {

std::vector<std::int64_t> Array::shape() const {
    std::vector<std::int64_t> out = values.sizes().vec();
    if (!all_rows) out.at(0) = static_cast<std::int64_t>(rows.size());
    return out;
}

std::uint64_t Array::row_bytes() const {
    return values.size(0) == 0
               ? 0
               : static_cast<std::uint64_t>(values.nbytes()) / static_cast<std::uint64_t>(values.size(0));
}

std::uint64_t Array::n_bytes() const { return all_rows ? values.nbytes() : rows.size() * row_bytes(); }

std::uint64_t ArrayFile::n_bytes() const {
    return std::accumulate(arrays.begin(), arrays.end(), std::uint64_t{0},
                           [](std::uint64_t n, const Array& a) { return n + a.n_bytes(); });
}

namespace {

static_assert(std::endian::native == std::endian::little, "zip and .npy are written as this machine's memory is");

using Sink = std::function<void(const void*, std::size_t)>;

void emit_values(const Array& array, const Sink& sink) {
    const auto* bytes = static_cast<const char*>(array.values.const_data_ptr());
    if (array.all_rows) return sink(bytes, array.values.nbytes());
    for (const std::int64_t row : array.rows) {
        const char* values = bytes + static_cast<std::uint64_t>(row) * array.row_bytes();
        sink(values, array.row_bytes());
        if (array.on_disk) let_go(values, array.row_bytes());
    }
}

/// A NumPy text of fixed width holds UTF-32.
std::u32string utf32(const std::string& text) {
    std::u32string out;
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i]);
        const std::size_t n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        char32_t c = n == 1 ? lead : lead & (0xffu >> (n + 1));
        for (std::size_t k = 1; k < n && i + k < text.size(); ++k)
            c = c << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3f);
        out += c;
        i += n;
    }
    return out;
}

/// Stored entries, one after the other, and the list of them at the end. Format: PKWARE's APPNOTE 6.3, sections 4.3 to 4.5.
class Zip {
public:
    Zip(checkpoint::AtomicFile& file, bool always_zip64) : file_(file), always_zip64_(always_zip64) {}

    /// `emit` gives the same bytes each time: first for size and checksum, which stand before them.
    void add(const std::string& name, const std::function<void(const Sink&)>& emit) {
        Entry e{name, 0, 0, offset_};
        emit([&](const void* data, std::size_t n) {
            e.size += n;
            const auto* bytes = static_cast<const unsigned char*>(data);
            constexpr std::size_t kPiece = std::size_t{1} << 30;  // zlib counts in unsigned int
            for (std::size_t done = 0; done < n; done += kPiece) {
                e.crc = static_cast<std::uint32_t>(
                    crc32(e.crc, bytes + done, static_cast<uInt>(std::min(kPiece, n - done))));
            }
        });
        const bool wide = is_wide(e.size);
        std::string head;
        put(head, std::uint32_t{0x04034b50});
        put_common(head, e, wide, wide ? 20 : 0);
        head += name;
        if (wide) {
            put(head, std::uint16_t{1});
            put(head, std::uint16_t{16});
            put(head, e.size);
            put(head, e.size);
        }
        write(head);
        emit([&](const void* data, std::size_t n) {
            file_.write(data, n);
            offset_ += n;
        });
        entries_.push_back(std::move(e));
    }

    void finish() {
        const std::uint64_t begin = offset_;
        for (const Entry& e : entries_) write(central(e));
        const std::uint64_t size = offset_ - begin, n = entries_.size();
        const bool wide = always_zip64_ || n >= 0xffff || is_wide(begin) || is_wide(size);
        std::string tail;
        if (wide) {
            const std::uint64_t at = offset_;
            put(tail, std::uint32_t{0x06064b50});
            put(tail, std::uint64_t{44});
            put(tail, kMadeBy);
            put(tail, kNeeds64);
            put(tail, std::uint32_t{0});
            put(tail, std::uint32_t{0});
            for (const std::uint64_t v : {n, n, size, begin}) put(tail, v);
            put(tail, std::uint32_t{0x07064b50});
            put(tail, std::uint32_t{0});
            put(tail, at);
            put(tail, std::uint32_t{1});
        }
        put(tail, std::uint32_t{0x06054b50});
        put(tail, std::uint32_t{0});
        put(tail, static_cast<std::uint16_t>(wide ? 0xffff : n));
        put(tail, static_cast<std::uint16_t>(wide ? 0xffff : n));
        put(tail, static_cast<std::uint32_t>(wide ? 0xffffffff : size));
        put(tail, static_cast<std::uint32_t>(wide ? 0xffffffff : begin));
        put(tail, std::uint16_t{0});
        write(tail);
    }

private:
    struct Entry {
        std::string name;
        std::uint64_t size;
        std::uint32_t crc;
        std::uint64_t offset;
    };
    static constexpr std::uint16_t kMadeBy = 45, kNeeds64 = 45, kNeeds = 20;
    bool is_wide(std::uint64_t n) const { return always_zip64_ || n >= 0xffffffff; }

    template <class T>
    static void put(std::string& out, T value) {
        out.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    void write(const std::string& bytes) {
        file_.write(bytes.data(), bytes.size());
        offset_ += bytes.size();
    }
    /// What the entry's own head and the list have in common: version to the length of the extra field.
    static void put_common(std::string& out, const Entry& e, bool wide, std::size_t extra) {
        put(out, wide ? kNeeds64 : kNeeds);
        put(out, std::uint16_t{0x0800});  // names are UTF-8
        put(out, std::uint16_t{0});       // stored
        put(out, std::uint16_t{0});       // 00:00
        put(out, std::uint16_t{0x0021});  // 1980-01-01: the same arrays, the same bytes
        put(out, e.crc);
        put(out, static_cast<std::uint32_t>(wide ? 0xffffffff : e.size));
        put(out, static_cast<std::uint32_t>(wide ? 0xffffffff : e.size));
        put(out, static_cast<std::uint16_t>(e.name.size()));
        put(out, static_cast<std::uint16_t>(extra));
    }
    std::string central(const Entry& e) const {
        const bool wide_size = is_wide(e.size), wide_offset = is_wide(e.offset);
        std::string extra;
        if (wide_size) {
            put(extra, e.size);
            put(extra, e.size);
        }
        if (wide_offset) put(extra, e.offset);
        std::string out;
        put(out, std::uint32_t{0x02014b50});
        put(out, kMadeBy);
        put_common(out, e, wide_size, extra.empty() ? 0 : extra.size() + 4);
        put(out, std::uint16_t{0});  // comment
        put(out, std::uint16_t{0});  // disk
        put(out, std::uint16_t{0});
        put(out, std::uint32_t{0});
        put(out, static_cast<std::uint32_t>(wide_offset ? 0xffffffff : e.offset));
        out += e.name;
        if (!extra.empty()) {
            put(out, std::uint16_t{1});
            put(out, static_cast<std::uint16_t>(extra.size()));
            out += extra;
        }
        return out;
    }

    checkpoint::AtomicFile& file_;
    bool always_zip64_;
    std::uint64_t offset_ = 0;
    std::vector<Entry> entries_;
};

}  // namespace

void write_npz(const std::filesystem::path& file, const ArrayFile& content, bool always_zip64) {
    checkpoint::AtomicFile out(file);
    Zip zip(out, always_zip64);
    for (const Array& array : content.arrays) {
        const std::string header = npy_header(npy_type(array.values.scalar_type()), array.shape());
        zip.add(array.name + ".npy", [&](const Sink& sink) {
            sink(header.data(), header.size());
            emit_values(array, sink);
        });
    }
    const std::u32string attributes = utf32(nlohmann::json(content.attributes).dump());
    const std::string header = npy_header("<U" + std::to_string(attributes.size()), {});
    zip.add("attributes.npy", [&](const Sink& sink) {
        sink(header.data(), header.size());
        sink(attributes.data(), attributes.size() * sizeof(char32_t));
    });
    zip.finish();
    out.commit();
}

}  // namespace dvhost::recording
