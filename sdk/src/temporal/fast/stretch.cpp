#include "stretch.hpp"

#include "../signals.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>

#include <algorithm>

namespace dv::temporal::fast {

namespace {

bool is_still(const Stretch& s) { return !s.rows.empty() && s.values.size(0) == s.batch; }

/// As [step, batch, ...], with one step where the signal is still.
at::Tensor over_time(const Stretch& s) {
    const Stretch d = is_still(s) ? s : s.dense();
    return d.values.unflatten(0, {-1, s.batch});
}

}  // namespace

at::Tensor Stretch::at(std::int64_t timestep) const {
    if (timestep < first) return {};
    return values.narrow(0, row(timestep) * batch, batch);
}

Stretch Stretch::slice(std::int64_t from, std::int64_t to) const {
    Stretch part{from, to, std::clamp(first, from, to), batch, {}, {}};
    if (!part.present()) return part;
    if (part.first == first && to == end) {
        part.values = values;
        part.rows = rows;
        return part;
    }
    const std::int64_t skipped = part.first - first, n = to - part.first;
    if (rows.empty()) {
        part.values = values.narrow(0, skipped * batch, n * batch);
    } else {
        part.values = values;
        part.rows.assign(rows.begin() + skipped, rows.begin() + skipped + n);
    }
    return part;
}

Stretch Stretch::delayed(std::int64_t lag) const {
    Stretch later = *this;
    later.begin += lag;
    later.end += lag;
    later.first += lag;
    return later;
}

Stretch Stretch::dense() const {
    if (rows.empty()) return *this;
    Stretch out{begin, end, first, batch, {}, {}};
    const at::Tensor by_row = values.unflatten(0, {-1, batch});
    const auto n = static_cast<std::int64_t>(rows.size());
    if (by_row.size(0) == 1) {
        std::vector<std::int64_t> sizes = by_row.sizes().vec();
        sizes[0] = n;
        out.values = by_row.expand(sizes).flatten(0, 1);
    } else {
        out.values = by_row.index_select(0, at::tensor(rows, at::kLong).to(values.device())).flatten(0, 1);
    }
    return out;
}

Stretch Stretch::mapped(const std::function<at::Tensor(const at::Tensor&)>& map) const {
    if (!present()) return *this;
    Stretch out = *this;
    out.values = map(values);
    return out;
}

Stretch concatenated(const std::vector<Stretch>& parts) {
    if (parts.size() == 1) return parts.front();
    Stretch out{parts.front().begin, parts.back().end, parts.back().end, parts.front().batch, {}, {}};
    std::vector<at::Tensor> values;
    for (const Stretch& part : parts) {
        if (!part.present()) continue;
        if (values.empty()) out.first = part.first;
        values.push_back(part.dense().values);
    }
    if (!values.empty()) out.values = values.size() == 1 ? values.front() : at::cat(values, 0);
    return out;
}

Stretch joined(const Stretch& x, const Stretch& y, Integration how) {
    if (!y.present()) return x;
    if (!x.present()) return y;
    if (x.first != y.first) {
        const std::int64_t both = std::max(x.first, y.first);
        const Stretch& earlier = x.first < y.first ? x : y;
        return concatenated({earlier.slice(x.begin, both), joined(x.slice(both, x.end), y.slice(both, y.end), how)});
    }
    Stretch out = x;
    if (x.rows == y.rows && x.values.size(0) == y.values.size(0)) {
        out.values = temporal::joined(x.values, y.values, how);
        return out;
    }
    out.rows.clear();
    out.values = temporal::joined(over_time(x), over_time(y), how).flatten(0, 1);
    return out;
}

}  // namespace dv::temporal::fast
