#include "wide_table.hpp"

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

/// Cells of a row of ours: numbers and nothing, so never in quotes.
void split(std::string_view line, std::vector<std::string_view>& cells) {
    cells.clear();
    for (std::size_t from = 0;;) {
        const std::size_t comma = line.find(',', from);
        cells.push_back(line.substr(from, comma - from));
        if (comma == std::string_view::npos) return;
        from = comma + 1;
    }
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

WideTable::WideTable(loggers::LineFile& file, const Dialect& dialect)
    : file_(file), dialect_(dialect), names_{std::string(kEpoch), std::string(kStep)} {}

void WideTable::add(const dv::Row& row) {
    const auto known = [&](const dv_metric& metric) { return has(dv::detail::view(metric.name)); };
    if (!std::ranges::all_of(row.metrics, known)) add_columns(row);
    put_row(row);
    if (header_size_ != 0) return file_.add(line_, row.wall_time);
    const std::string head = header(names_);
    header_size_ = head.size();
    file_.add(head + line_, row.wall_time);
}

std::size_t WideTable::column(std::string_view name) const {
    return static_cast<std::size_t>(std::lower_bound(names_.begin(), names_.end(), name) - names_.begin());
}

bool WideTable::has(std::string_view name) const {
    const std::size_t at = column(name);
    return at < names_.size() && names_[at] == name;
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
        split(trimmed(line), cells);
        for (std::size_t i = 0; i < from.size(); ++i) {
            if (i != 0) out += ',';
            if (from[i] != kNone) out += cells.at(from[i]);
        }
        out += dialect_.line_end;
    });
    header_size_ = head.size();
}

std::string_view WideTable::trimmed(std::string_view line) {
    return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
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
    for (const dv_metric& metric : row.metrics) cells_[column(dv::detail::view(metric.name))] = metric.value;
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
