#include "earlier_rows.hpp"

#include <dv/error.hpp>

#include <algorithm>
#include <charconv>
#include <fstream>

namespace csv {

namespace {

/// The names in a header line; none when it is empty.
std::vector<std::string> split_header(std::string_view header) {
    while (header.ends_with('\n') || header.ends_with('\r')) header.remove_suffix(1);
    std::vector<std::string> names;
    if (header.empty()) return names;
    names.emplace_back();
    bool quoted = false;
    for (std::size_t i = 0; i < header.size(); ++i) {
        const bool escaped = quoted && header[i] == '"' && i + 1 < header.size() && header[i + 1] == '"';
        if (escaped) {
            names.back() += header[++i];
        } else if (header[i] == '"') {
            quoted = !quoted;
        } else if (header[i] == ',' && !quoted) {
            names.emplace_back();
        } else {
            names.back() += header[i];
        }
    }
    return names;
}

/// Whole lines of a file; one without an end is torn and is none.
class Lines {
public:
    explicit Lines(const std::filesystem::path& path) : in_(path, std::ios::binary) {
        if (!in_) throw dv::IoError("cannot read '" + path.string() + "'");
    }
    bool next(std::string& line) { return static_cast<bool>(std::getline(in_, line)) && !in_.eof(); }
    std::uint64_t bytes() { return static_cast<std::uint64_t>(in_.tellg()); }  ///< behind the last one

private:
    std::ifstream in_;
};

/// A cell with an integer in it; what is none belongs to no row of ours, and its row is not kept.
std::int64_t integer(std::string_view cell) {
    std::int64_t value = std::numeric_limits<std::int64_t>::max();
    std::from_chars(cell.data(), cell.data() + cell.size(), value);
    return value;
}

}  // namespace

void split_cells(std::string_view line, std::vector<std::string_view>& cells) {
    cells.clear();
    for (std::size_t from = 0;;) {
        const std::size_t comma = line.find(',', from);
        cells.push_back(line.substr(from, comma - from));
        if (comma == std::string_view::npos) return;
        from = comma + 1;
    }
}

std::string_view trimmed(std::string_view line) { return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line; }

Rows find_wide_rows(const std::filesystem::path& file, Keep keep) {
    Lines lines(file);
    Rows found;
    std::string header, line;
    while (lines.next(line)) {
        header += line + '\n';
        if (std::ranges::count(header, '"') % 2 == 0) break;  // a line end inside quotes is part of a name
    }
    found.names = split_header(header);
    if (keep.count == 0 || found.names.empty()) return {};
    found.header_size = found.size = lines.bytes();
    const auto step = static_cast<std::size_t>(std::ranges::find(found.names, "step") - found.names.begin());
    std::vector<std::string_view> cells;
    while (found.count < keep.count && lines.next(line)) {
        split_cells(trimmed(line), cells);
        if (cells.size() != found.names.size() || (keep.step < std::numeric_limits<std::int64_t>::max() &&
                                                   integer(cells.at(step)) >= keep.step)) {
            break;
        }
        ++found.count;
        found.size = lines.bytes();
    }
    return found.count > 0 ? found : Rows{};
}

Rows find_long_rows(const std::filesystem::path& file, Keep keep) {
    Lines lines(file);
    Rows found;
    std::string line, last;
    if (keep.count == 0 || !lines.next(line)) return {};
    found.header_size = found.size = lines.bytes();
    std::vector<std::string_view> cells;
    while (lines.next(line)) {
        split_cells(line, cells);
        if (cells.size() < 5) break;
        const std::string head = line.substr(0, static_cast<std::size_t>(cells[3].data() - line.data()));
        if (head != last) {
            if (found.count == keep.count || integer(cells[1]) >= keep.step) break;
            ++found.count;
            last = head;
        }
        found.size = lines.bytes();
    }
    return found.count > 0 ? found : Rows{};
}

}  // namespace csv
