#include "loops/epoch_values.hpp"

#include <dv/error.hpp>

#include <algorithm>

namespace dvhost::loops {

void EpochValues::add(const std::string& name, std::uint32_t reduce, double value, double weight) {
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.name == name; });
    Entry& entry = found != entries_.end() ? *found : entries_.emplace_back(Entry{name, reduce, 0.0, 0.0, value});
    if (entry.reduce != reduce) {
        throw dv::Error("'" + name + "' is logged with two reductions in one epoch; give each its own name");
    }
    const double w = reduce == DV_REDUCE_MEAN ? weight : 1.0;
    entry.sum += value * w;
    entry.weight += w;
    entry.extreme = reduce == DV_REDUCE_MIN ? std::min(entry.extreme, value) : std::max(entry.extreme, value);
}

std::vector<std::pair<std::string, double>> EpochValues::reduced() const {
    std::vector<std::pair<std::string, double>> out;
    for (const Entry& e : entries_) {
        const bool extreme = e.reduce == DV_REDUCE_MIN || e.reduce == DV_REDUCE_MAX;
        out.emplace_back(e.name, extreme ? e.extreme : e.reduce == DV_REDUCE_SUM ? e.sum : e.sum / e.weight);
    }
    return out;
}

}  // namespace dvhost::loops
