#include "ranking.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace checkpoint {

Ranking::Ranking(Mode mode, std::int64_t k, const std::vector<File>& files) : mode_(mode), k_(k), files_(files) {
    std::stable_sort(files_.begin(), files_.end(), [&](const File& a, const File& b) {
        if (!a.score || !b.score) return a.score.has_value() && !b.score;
        return above(a.score, b.score);
    });
}

bool Ranking::would_keep(std::optional<double> score) const {
    if (k_ == 0) return false;
    const File* last = displaced();
    return !last || above(score, last->score);
}

const Ranking::File* Ranking::displaced() const {
    const bool full = k_ > 0 && static_cast<std::int64_t>(files_.size()) >= k_;
    return full ? &files_.back() : nullptr;
}

std::optional<Ranking::File> Ranking::add(File file) {
    const auto place =
        std::find_if(files_.begin(), files_.end(), [&](const File& kept) { return above(file.score, kept.score); });
    files_.insert(place, std::move(file));
    if (k_ < 0 || static_cast<std::int64_t>(files_.size()) <= k_) return std::nullopt;
    File gone = std::move(files_.back());
    files_.pop_back();
    return gone;
}

bool Ranking::holds(const std::filesystem::path& path) const {
    return std::any_of(files_.begin(), files_.end(), [&](const File& kept) { return kept.path == path; });
}

/// Whether a new file ranks above one that is there.
bool Ranking::above(const std::optional<double>& fresh, const std::optional<double>& kept) const {
    if (!fresh || !kept) return !kept;
    return comparable(*fresh) < comparable(*kept);
}

/// Lower is better.
double Ranking::comparable(double score) const {
    if (std::isnan(score)) return std::numeric_limits<double>::infinity();
    return mode_ == Mode::min ? score : -score;
}

}  // namespace checkpoint
