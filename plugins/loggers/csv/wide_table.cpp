#include "wide_table.hpp"

#include "earlier_rows.hpp"
#include "number_text.hpp"

#include <algorithm>
#include <limits>

namespace csv {

namespace {

constexpr std::string_view kStep = "step";
constexpr std::string_view kEpoch = "epoch";
constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

/// For each new column the old one of the same name, or kNone. Both sorted.
std::vector<std::size_t> sources(const std::vector<std::string>& names, const std::vector<std::string>& old_names) {
    std::vector<std::size_t> from;
    for (const std::string& name : names) {
        const auto at = std::lower_bound(old_names.begin(), old_names.end(), name);
        const bool known = at != old_names.end() && *at == name;
        from.push_back(known ? static_cast<std::size_t>(at - old_names.begin()) : kNone);
    }
    return from;
}

}  // namespace

const Dialect kPlain{[](std::string& out, double value) { loggers::append_number(out, value); }, "\n"};
const Dialect kLightning{&loggers::append_python_number, "\r\n"};

void append_field(std::string& out, std::string_view text) {
    if (text.find_first_of("\",\r\n") == std::string_view::npos) {
        out += text;
        return;
    }
    out += '"';
    for (const char c : text) {
        if (c == '"') out += '"';
        out += c;
    }
    out += '"';
}

WideTable::WideTable(loggers::LineFile& file, const Dialect& dialect, Rows rows)
    : file_(file), dialect_(dialect), names_{std::string(kEpoch), std::string(kStep)}, count_(rows.count) {
    if (count_ == 0) return;
    names_ = std::move(rows.names);
    header_size_ = rows.header_size;
}

void WideTable::add(const dv::Row& row) {
    for (std::size_t i = 0; i < row.metrics.size(); ++i) {
        const std::size_t at = column_of(row, i);
        if (at < names_.size() && names_[at] == dv::detail::view(row.metrics[i].name)) continue;
        add_columns(row);
        break;
    }
    put_row(row);
    ++count_;
    if (header_size_ != 0) return file_.add(line_, row.wall_time);
    const std::string head = header(names_);
    header_size_ = head.size();
    file_.add(head + line_, row.wall_time);
}

std::size_t WideTable::column(std::string_view name) const {
    return static_cast<std::size_t>(std::lower_bound(names_.begin(), names_.end(), name) - names_.begin());
}

std::size_t WideTable::column_of(const dv::Row& row, std::size_t i) {
    const std::string_view name = dv::detail::view(row.metrics[i].name);
    if (columns_.size() <= i) columns_.resize(row.metrics.size(), kNone);
    if (columns_[i] >= names_.size() || names_[columns_[i]] != name) columns_[i] = column(name);
    return columns_[i];
}

void WideTable::add_columns(const dv::Row& row) {
    std::vector<std::string> names = names_;
    for (const dv_metric& metric : row.metrics) names.emplace_back(dv::detail::view(metric.name));
    std::ranges::sort(names);  // bytes of UTF-8 sort as code points do
    names.erase(std::unique(names.begin(), names.end()), names.end());
    if (header_size_ != 0) rewrite_with(names);
    names_ = std::move(names);
}

void WideTable::rewrite_with(const std::vector<std::string>& names) {
    const std::vector<std::size_t> from = sources(names, names_);
    const std::string head = header(names);
    std::vector<std::string_view> cells;
    file_.rewrite(head, header_size_, [&](std::string_view line, std::string& out) {
        split_cells(trimmed(line), cells);
        for (std::size_t i = 0; i < from.size(); ++i) {
            if (i != 0) out += ',';
            if (from[i] != kNone) out += cells.at(from[i]);
        }
        out += dialect_.line_end;
    });
    header_size_ = head.size();
}

std::string WideTable::header(const std::vector<std::string>& names) const {
    std::string out;
    for (const std::string& name : names) {
        if (!out.empty() || &name != &names.front()) out += ',';
        append_field(out, name);
    }
    return out += dialect_.line_end;
}

void WideTable::put_row(const dv::Row& row) {
    cells_.assign(names_.size(), std::nullopt);
    for (std::size_t i = 0; i < row.metrics.size(); ++i) cells_[column_of(row, i)] = row.metrics[i].value;
    const std::size_t step = column(kStep), epoch = column(kEpoch);
    line_.clear();
    for (std::size_t i = 0; i < cells_.size(); ++i) {
        if (i != 0) line_ += ',';
        if (i == step) {
            loggers::append_number(line_, row.step);
        } else if (i == epoch && row.epoch >= 0) {
            loggers::append_number(line_, row.epoch);
        } else if (cells_[i]) {
            dialect_.append_number(line_, *cells_[i]);
        }
    }
    line_ += dialect_.line_end;
}

}  // namespace csv
