#include "loops/stage.hpp"

#include "loops/nan_watch.hpp"

namespace dvhost::loops {

std::optional<data::Loader> open_split(const Experiment& experiment, dv::Split split) {
    std::shared_ptr<const dv::Source> source = experiment.data->source(split);
    if (!source) return std::nullopt;
    const bool training = split == dv::Split::train;
    const LoaderOptions& options = experiment.loader;
    return data::Loader(std::move(source), experiment.data->facts(), split,
                        {.batch_size = options.batch_size,
                         .n_threads = options.n_threads,
                         .prefetch = options.prefetch,
                         .shuffle = training && options.shuffle && !experiment.trainer.overfit,
                         .drop_last = training && options.drop_last,
                         .seed = experiment.seed});
}

std::optional<dv::Batch> next_batch(const Experiment& experiment, data::Batches& batches, Profiler::Action action) {
    const auto waited = [&] {
        const ProfileScope scope(experiment.profiler, action);
        return batches.next();
    };
    std::optional<dv::Batch> batch = waited();
    if (!batch) return batch;
    check_frames(*batch, experiment);
    if (batch->frames.frames.scalar_type() != experiment.trainer.dtype()) {
        batch->frames.frames = batch->frames.frames.to(experiment.trainer.dtype());
    }
    const ProfileScope scope(experiment.profiler, Profiler::to_device);
    return experiment.strategy->to_device(*batch);
}

}  // namespace dvhost::loops
