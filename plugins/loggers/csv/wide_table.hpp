#pragma once
/// The wide layout: one column per name, in code-point order, `step` and `epoch` among them.

#include "earlier_rows.hpp"
#include "line_file.hpp"

#include <dv/logger.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace csv {

/// How numbers and line ends look.
struct Dialect {
    void (*append_number)(std::string& out, double value);
    std::string_view line_end;
};
extern const Dialect kPlain;      ///< shortest decimals, "\n"
extern const Dialect kLightning;  ///< Python's decimals, "\r\n"

/// Appends a field, in quotes where RFC 4180 wants them.
void append_field(std::string& out, std::string_view text);

class WideTable {
public:
    /// `file` must outlive the table, and holds `rows`: none, or what find_wide_rows() found, and everything else was cut off.
    WideTable(loggers::LineFile& file, const Dialect& dialect, Rows rows = {});

    /// Adds a row. A name that is new becomes a column, and the file is rewritten with it. When a name comes twice,
    /// its last value counts; the row's own step and epoch come before metrics of that name. Throws dv::IoError; the
    /// row that would have brought a new column is then not part of the file.
    void add(const dv::Row& row);
    /// How many rows were added, those from before included.
    std::int64_t count() const { return count_; }

private:
    std::size_t column(std::string_view name) const;  // its place, or where it would be
    std::size_t column_of(const dv::Row& row, std::size_t i);
    void add_columns(const dv::Row& row);
    void rewrite_with(const std::vector<std::string>& names);
    std::string header(const std::vector<std::string>& names) const;
    void put_row(const dv::Row& row);

    loggers::LineFile& file_;
    const Dialect& dialect_;
    std::vector<std::string> names_;  // sorted
    std::uint64_t header_size_ = 0;   // bytes in the file; 0: no row yet
    std::int64_t count_ = 0;
    std::vector<std::size_t> columns_;  // of the last row's numbers: mostly those of the next
    std::vector<std::optional<double>> cells_;
    std::string line_;
};

}  // namespace csv
