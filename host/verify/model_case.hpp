#pragma once
/// The part that cases with a model have in common: which model, filled how, shown what.

#include "verify/table_reader.hpp"
#include "verify/workshop.hpp"

namespace dvhost::verify {

struct ModelCase {
    manifest::Node model;  ///< checked
    manifest::Source where;
    dv::DataFacts facts;
    std::int64_t n_timesteps = 1, idle_timesteps = 0, batch = 1;
    double dt = 1.0;  ///< [ms]
    bool fills = true;
    std::vector<std::string> keep;                            ///< patterns of names that the rule leaves alone
    std::vector<std::pair<std::string, at::Tensor>> weights;  ///< values by name, after the fill
    at::Tensor frames;                                        ///< [batch, 1, channel, y, x], double
    std::vector<std::int64_t> frames_off;

    /// What is shown, as cases are computed.
    dv::Sequence sequence(const Setting& setting) const;
    /// The model, built and filled. Throws dv::Error that names the case file's line.
    std::shared_ptr<dv::Model> made(Workshop& workshop, const Setting& setting) const;
};

/// Takes `model` and what says how to make it.
ModelCase read_model(TableReader& reader);
/// The same with `batch`, `fill`, `keep`, `weights`, `input`, `frames_off` or `frames_on`. `batch`: how many samples when the case does not say.
ModelCase read_filled_model(TableReader& reader, std::int64_t batch);

/// DynVision's goldens' fill rule: sin(0.7 i + 0.1 s), s the sum of the name's characters modulo 97; / sqrt(elements / rows), or · 0.05
/// for vectors, plus 1 for weights of normalisations.
at::Tensor filled(const std::string& name, const at::Tensor& like);

}  // namespace dvhost::verify
