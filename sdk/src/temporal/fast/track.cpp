#include "track.hpp"

#include <algorithm>

namespace dv::temporal::fast {

Track::Track(const History& history, std::int64_t batch)
    : batch_(batch), capacity_(history.capacity()), stored_before_(history.size()) {
    std::int64_t timestep = -history.size();
    for (const at::Tensor& entry : history.entries()) {
        Stretch part = Stretch::absent(timestep, timestep + 1, batch);
        if (entry.defined()) {
            part.first = timestep;
            part.values = entry.expand({batch, -1, -1, -1});
        }
        parts_.push_back(std::move(part));
        ++timestep;
    }
}

void Track::append(Stretch stored) { parts_.push_back(std::move(stored)); }

void Track::overwrite(std::int64_t timestep, const at::Tensor& signal) {
    if (capacity_ == 0) return;
    const std::vector<std::int64_t> one_row(static_cast<std::size_t>(capacity_), 0);
    const std::int64_t from = timestep - capacity_;
    parts_ = {Stretch{from, timestep, from, batch_, signal.expand({batch_, -1, -1, -1}), one_row}};
    stored_before_ = capacity_;
}

Stretch Track::between(std::int64_t from, std::int64_t to) const {
    const std::int64_t known_from = std::clamp(begin(), from, to), known_to = std::clamp(end(), from, to);
    std::vector<Stretch> found;
    if (from < known_from) found.push_back(Stretch::absent(from, known_from, batch_));
    for (const Stretch& part : parts_) {
        const std::int64_t a = std::max(part.begin, known_from), b = std::min(part.end, known_to);
        if (a < b) found.push_back(part.slice(a, b));
    }
    return found.empty() ? Stretch::absent(from, to, batch_) : concatenated(found);
}

History Track::newest() const {
    History history(capacity_);
    const std::int64_t n = std::min(capacity_, stored_before_ + end());
    const Stretch last = between(end() - n, end());
    for (std::int64_t t = last.begin; t < last.end; ++t) history.push(last.at(t));
    return history;
}

}  // namespace dv::temporal::fast
