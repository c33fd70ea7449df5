#pragma once
/// Which checkpoints are kept: the best k.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace checkpoint {

enum class Mode { min, max };

/// Files with a score rank by it, an equal newer one below the older. Files without a score, written when none was
/// known for their weights, rank below all that have one, newer above older. NaN is the worst score there is.
class Ranking {
public:
    struct File {
        std::filesystem::path path;
        std::optional<double> score;
    };

    /// `k`: how many to keep; -1 all.
    Ranking(Mode mode, std::int64_t k) : mode_(mode), k_(k) {}
    /// With files of an earlier run, those without a score newest first. More than k stay until the next is added.
    Ranking(Mode mode, std::int64_t k, const std::vector<File>& files);

    bool would_keep(std::optional<double> score) const;
    /// The file that has to go for one more; null while there is room.
    const File* displaced() const;
    /// Takes a file that would_keep() allows, and gives back the one that has to go.
    std::optional<File> add(File file);

    const File* best() const { return files_.empty() ? nullptr : &files_.front(); }
    const File* worst() const { return files_.empty() ? nullptr : &files_.back(); }
    const std::vector<File>& files() const { return files_; }  ///< best first
    bool holds(const std::filesystem::path& path) const;

private:
    bool above(const std::optional<double>& fresh, const std::optional<double>& kept) const;
    double comparable(double score) const;

    Mode mode_;
    std::int64_t k_;
    std::vector<File> files_;  // best first
};

}  // namespace checkpoint
