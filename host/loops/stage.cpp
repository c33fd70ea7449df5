#include "loops/stage.hpp"

#include "loops/nan_watch.hpp"

namespace dvhost::loops {

std::vector<data::Loader> open_split(const Experiment& experiment, dv::Split split) {
    const bool training = split == dv::Split::train;
    const LoaderOptions& options = experiment.loader;
    std::vector<data::Loader> out;
    for (std::unique_ptr<dv::Source>& source : experiment.data->sources(split)) {
        out.emplace_back(std::move(source), experiment.data->facts(), split,
                         data::LoaderSettings{.batch_size = options.batch_size,
                                              .n_threads = options.n_threads,
                                              .prefetch = options.prefetch,
                                              .shuffle = training && options.shuffle && !experiment.trainer.overfit,
                                              .drop_last = training && options.drop_last,
                                              .seed = experiment.seed});
    }
    return out;
}

dv::Batch on_device(Run& run, dv::Batch batch) {
    const Experiment& e = run.experiment;
    const auto moved = [&](dv::Batch one) {
        if (one.is_empty()) return one;
        check_frames(one, e);
        if (one.frames.frames.scalar_type() != e.trainer.dtype()) one.frames.frames = one.frames.frames.to(e.trainer.dtype());
        const ProfileScope scope(e.profiler, Profiler::to_device);
        return e.strategy->to_device(one);
    };
    batch = run.hooks.transfer(dv::Hook::on_before_batch_transfer, std::move(batch));
    std::vector<dv::Batch> beside = std::move(batch.beside);
    batch.beside.clear();
    batch = moved(std::move(batch));
    for (dv::Batch& other : beside) batch.beside.push_back(moved(std::move(other)));
    return run.hooks.transfer(dv::Hook::on_after_batch_transfer, std::move(batch));
}

}  // namespace dvhost::loops
