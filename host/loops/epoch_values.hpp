#pragma once
/// Values that are logged by epoch: gathered as numbers, reduced when the epoch ends.

#include <dv/abi.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace dvhost::loops {

class EpochValues {
public:
    struct Entry {
        std::string name;
        std::uint32_t reduce = DV_REDUCE_MEAN;
        double sum = 0.0, weight = 0.0, extreme = 0.0;
        bool operator==(const Entry&) const = default;
    };

    /// A value; `weight` counts in a mean only. Throws dv::Error when one name is given two reductions.
    void add(const std::string& name, std::uint32_t reduce, double value, double weight);
    /// Names and reduced values, in the order of their first appearance.
    std::vector<std::pair<std::string, double>> reduced() const;
    void clear() { entries_.clear(); }

    const std::vector<Entry>& entries() const { return entries_; }
    void restore(std::vector<Entry> entries) { entries_ = std::move(entries); }

private:
    std::vector<Entry> entries_;
};

}  // namespace dvhost::loops
