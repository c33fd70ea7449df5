#pragma once
/// What an earlier process wrote, for going on behind it.

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace csv {

/// How much of a file is kept: at most `count` rows, and none from the first one of `step` or more on.
struct Keep {
    std::int64_t count = std::numeric_limits<std::int64_t>::max();
    std::int64_t step = std::numeric_limits<std::int64_t>::max();
};

/// The first rows of a file.
struct Rows {
    std::vector<std::string> names;  ///< of the columns, in their order; wide layout
    std::uint64_t header_size = 0;   ///< [bytes]
    std::uint64_t size = 0;          ///< [bytes], header and rows
    std::int64_t count = 0;
};
/// Throws dv::IoError when the file cannot be read.
Rows find_wide_rows(const std::filesystem::path& file, Keep keep);
/// The same in the long layout, where a row is the lines of one time, step and epoch.
Rows find_long_rows(const std::filesystem::path& file, Keep keep);

/// The cells of a row of numbers and nothing, which are never in quotes.
void split_cells(std::string_view line, std::vector<std::string_view>& cells);
/// Without the "\r" of a "\r\n".
std::string_view trimmed(std::string_view line);

}  // namespace csv
