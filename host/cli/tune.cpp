#include "checkpoint/atomic_file.hpp"
#include "cli/lr_figure.hpp"
#include "cli/options.hpp"
#include "cli/run.hpp"
#include "compose/composition.hpp"
#include "compose/tuning.hpp"

#include <dv/error.hpp>

#include <nlohmann/json.hpp>

#include <unistd.h>
#include <iostream>

namespace dvhost::cli {

namespace {

namespace po = boost::program_options;
using Json = nlohmann::ordered_json;

void write(const std::filesystem::path& file, const std::string& text) {
    checkpoint::AtomicFile out(file);
    out.write(text.data(), text.size());
    out.commit();
}

/// A manifest's parts, ready for trials.
template <class Search>
int tuned(ManifestOptions& options, const po::variables_map& values, const Search& search) {
    options.read(values);
    options.overrides.push_back("run.stages=[\"fit\"]");
    logging::Console console(STDERR_FILENO);
    logging::HostLog log(console, DV_LOG_INFO);
    Loaded loaded = load(options);
    compose::Checked checked = compose::check(loaded.manifest, loaded.plugins);
    for (const std::string& warning : checked.warnings) log.warn(warning);
    if (manifest::find_path(checked.manifest, "trainer.fast_dev_run")->as_int() > 0) {
        throw UsageError("trainer.fast_dev_run is a trial of everything and tunes nothing: leave it out");
    }
    {
        const auto parts = composed(std::move(checked), loaded.plugins, console, log, compose::Purpose::tune, {});
        search(*parts, log);
    }
    loaded.plugins.shut_down();
    return 0;
}

void tell_curve(const compose::LrCurve& curve, const compose::LrSearch& search, const std::filesystem::path& folder) {
    Json json{{"mode", search.exponential ? "exponential" : "linear"}, {"lr", curve.lr}, {"loss", curve.loss}, {"suggestion", nullptr}};
    if (curve.suggestion) json["suggestion"] = curve.lr[*curve.suggestion];
    write(folder / "lr_find.json", json.dump(2) + "\n");
    write(folder / "lr_find.svg", lr_figure(curve, search.exponential));
    std::cout << curve.lr.size() << " steps" << (curve.stopped_early ? ", until the loss diverged" : "") << "\n";
    if (curve.suggestion) {
        std::cout << "suggested: optimizer.lr = " << curve.lr[*curve.suggestion] << "\n";
    } else {
        std::cout << "no suggestion: too few points; try more --steps, or a --max-lr at which the loss does not diverge at once\n";
    }
    std::cout << "curve: " << (folder / "lr_find.svg").string() << " and lr_find.json\n";
}

void require(bool is_right, const char* what) {
    if (!is_right) throw UsageError(what);
}

}  // namespace

int tune_lr(const Arguments& arguments) {
    ManifestOptions options;
    compose::LrSearch search;
    std::string mode = "exponential";
    po::options_description description("Options");
    options.add_to(description);
    description.add_options()("min-lr", po::value(&search.min_lr)->default_value(search.min_lr, "1e-8"), "the first rate")(
        "max-lr", po::value(&search.max_lr)->default_value(search.max_lr), "the last rate")(
        "steps", po::value(&search.steps)->default_value(search.steps), "optimizer steps")(
        "mode", po::value(&mode)->default_value(mode), "how the rate grows: exponential or linear")(
        "early-stop-threshold", po::value(&search.early_stop_threshold)->default_value(search.early_stop_threshold),
        "ends when the smoothed loss is so many times the best; 0: never");
    po::variables_map values;
    if (!parse(arguments, "tune lr", description, "manifest", values)) return 0;
    require(mode == "exponential" || mode == "linear", "--mode is exponential or linear");
    require(search.min_lr > 0 && search.max_lr > search.min_lr, "--min-lr must be above 0 and --max-lr above that");
    require(search.steps > 0, "--steps must be above 0");
    search.exponential = mode == "exponential";
    return tuned(options, values, [&](compose::Composition& parts, logging::HostLog&) {
        tell_curve(compose::find_lr(parts.experiment(), search), search, parts.run_dir());
    });
}

int tune_batch_size(const Arguments& arguments) {
    ManifestOptions options;
    compose::BatchSizeSearch search;
    std::string mode = "power";
    std::uint64_t memory = 0;
    po::options_description description("Options");
    options.add_to(description);
    description.add_options()("mode", po::value(&mode)->default_value(mode), "power: double until memory runs out; binsearch: then bisect")(
        "steps-per-trial", po::value(&search.steps_per_trial)->default_value(search.steps_per_trial), "training steps with each size")(
        "first", po::value(&search.first)->default_value(search.first), "the size to begin with")(
        "most", po::value(&search.most)->default_value(search.most), "no larger size is tried")(
        "max-trials", po::value(&search.max_trials)->default_value(search.max_trials), "sizes to try")(
        "margin", po::value(&search.margin)->default_value(search.margin, "0.05"), "share of a bisected size that is left free")(
        "memory", po::value(&memory)->value_name("MIB"), "how much more memory the process may take; otherwise what is available");
    po::variables_map values;
    if (!parse(arguments, "tune batch-size", description, "manifest", values)) return 0;
    require(mode == "power" || mode == "binsearch", "--mode is power or binsearch");
    require(search.steps_per_trial > 0 && search.first > 0 && search.most >= search.first && search.max_trials > 0,
            "--steps-per-trial, --first and --max-trials must be above 0, --most not below --first");
    require(search.margin >= 0 && search.margin < 1, "--margin must be at least 0 and below 1");
    search.bisect = mode == "binsearch";
    return tuned(options, values, [&](compose::Composition& parts, logging::HostLog& log) {
        loops::Experiment& experiment = parts.experiment();
        const auto source = experiment.data->source(dv::Split::train);
        if (!source) throw dv::Error("this data has no training split, and batches are tried in training");
        const compose::MemoryCap cap(memory > 0 ? std::optional(memory << 20) : std::nullopt);
        const compose::BatchSizeResult result = compose::find_batch_size(search, source->size(), [&](std::int64_t size) {
            const bool fits = compose::batch_fits(experiment, size, search.steps_per_trial);
            log.info("batches of " + std::to_string(size) + (fits ? " fit" : " do not fit into memory"));
            return fits;
        });
        Json json{{"batch_size", result.size}, {"ended_because", result.ended_because}, {"trials", Json::array()}};
        for (const auto& trial : result.trials) json["trials"].push_back({{"batch_size", trial.size}, {"fits", trial.fits}});
        write(parts.run_dir() / "batch_size.json", json.dump(2) + "\n");
        std::cout << "suggested: data.batch_size = " << result.size << " (" << result.ended_because << ")\n"
                  << "trials: " << (parts.run_dir() / "batch_size.json").string() << "\n";
    });
}

}  // namespace dvhost::cli
