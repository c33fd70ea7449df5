#pragma once
/// Lines of a table that grows: a head whenever its columns change, numbers in columns, as wide as the terminal.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace console {

struct Line {
    std::int64_t epoch = -1, step = 0;
    std::vector<std::pair<std::string, double>> values;  ///< in the order of their columns
};

class Table {
public:
    /// `digits` behind the first one.
    explicit Table(int digits) : digits_(digits) {}

    /// The text of a line, its head before it when that is new. What does not fit into `width` columns is counted at the end.
    std::vector<std::string> add(const Line& line, std::size_t width);

private:
    std::string head(const Line& line, std::size_t n_shown) const;
    std::string row(const Line& line, std::size_t n_shown) const;
    std::size_t fitting(const Line& line, std::size_t width) const;
    std::size_t column_width(std::string_view name) const;

    int digits_;
    std::string last_head_;
};

}  // namespace console
