#pragma once
/// What a checkpoint keeps of the callback that asked for it.

#include "ranking.hpp"

#include <dv/state.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace checkpoint {

/// Names and meaning are those of Lightning's ModelCheckpoint, which reads and writes the same; the last group is our own, and not
/// there in a file of Lightning's.
struct Record {
    std::optional<std::string> monitor;
    std::string dirpath;
    std::string best_model_path, last_model_path;
    std::optional<double> best_model_score, current_score;
    std::vector<Ranking::File> files;  ///< best first

    std::optional<std::int64_t> saved_step;    ///< global_step of the newest file
    std::optional<std::int64_t> validated_at;  ///< global_step of the newest validation
    bool from_validation = false;              ///< the monitored metric comes from validations
    bool waits = false;                        ///< a save by step or time waits for a validation

    void write(dv::StateWriter& out) const;
    static Record read(const dv::StateReader& state);
};

/// `"path" = score` lines of TOML; a file without a score has NaN.
std::string index_text(const std::vector<Ranking::File>& files);

}  // namespace checkpoint
