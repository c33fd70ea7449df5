#include "cli/run.hpp"

#include "cli/closing_table.hpp"
#include "compose/composition.hpp"

#include <unistd.h>
#include <iostream>

namespace dvhost::cli {

namespace {

/// What fails while parts are made is a failure to start (68), unless it has a code of its own.
std::unique_ptr<compose::Composition> compose_run(compose::Checked checked, registry::Registry& plugins,
                                                  logging::Console& console, logging::HostLog& log) {
    try {
        return std::make_unique<compose::Composition>(std::move(checked), plugins, console, log, compose::Purpose::run);
    } catch (const compose::CreateError&) {
        throw;
    } catch (const dv::IoError&) {
        throw;
    } catch (const dv::Error& error) {
        throw compose::CreateError(error.what());
    }
}

}  // namespace

int run_manifest(const ManifestOptions& options, const std::filesystem::path& predictions) {
    logging::Console console(STDERR_FILENO);
    logging::HostLog log(console, DV_LOG_INFO);
    Loaded loaded = load(options);
    compose::Checked checked = compose::check(loaded.manifest, loaded.plugins);
    for (const std::string& warning : checked.warnings) log.warn(warning);

    std::vector<std::string> losses;
    {
        const auto composition = compose_run(std::move(checked), loaded.plugins, console, log);
        const std::string name = manifest::find_path(composition->manifest(), "run.name")->as_string();
        log.info(name + ": " + composition->run_dir().string());
        if (!predictions.empty()) composition->set_predictions(predictions);
        try {
            const loops::RunSummary summary = composition->run();
            console.status({});
            std::cout << closing_table(name, summary, composition->run_dir(), program_start()) << std::flush;
        } catch (...) {
            console.status({});
            log.error("the run did not finish; what there is lies in " + composition->run_dir().string());
            throw;
        }
        losses = composition->losses();
    }
    loaded.plugins.shut_down();
    for (const std::string& loss : losses) log.error(loss);
    return losses.empty() ? 0 : static_cast<int>(ExitCode::running);
}

int run(const Arguments& arguments) {
    ManifestOptions options;
    boost::program_options::options_description description("Options");
    options.add_to(description);
    boost::program_options::variables_map values;
    if (!parse(arguments, "run", description, "manifest", values)) return 0;
    options.read(values);
    return run_manifest(options, {});
}

}  // namespace dvhost::cli
