#include "cli/run.hpp"

#include "cli/closing_table.hpp"
#include "cli/errors.hpp"
#include "compose/composition.hpp"

#include <unistd.h>
#include <iostream>

namespace dvhost::cli {

std::unique_ptr<compose::Composition> composed(compose::Checked checked, registry::Registry& plugins, logging::Console& console,
                                               logging::HostLog& log, compose::Purpose purpose, const compose::ResumeRequest& resume) {
    try {
        return std::make_unique<compose::Composition>(std::move(checked), plugins, console, log, purpose, resume);
    } catch (const compose::CreateError&) {
        throw;
    } catch (const dv::IoError&) {
        throw;
    } catch (const dv::Error& error) {
        throw compose::CreateError(error.what());
    }
}

namespace {

/// The thread that a logger holds cannot be ended, and what it uses cannot be taken apart: when all else is safe, and said, the process
/// ends as it stands.
[[noreturn]] void leave(const compose::Composition& composition, logging::HostLog& log, int code) {
    for (const std::string& loss : composition.losses()) log.error(loss);
    std::cout.flush();
    std::cerr.flush();
    _exit(code);
}

}  // namespace

int run_manifest(const ManifestOptions& options, const compose::ResumeRequest& resume, const std::filesystem::path& predictions) {
    logging::Console console(STDERR_FILENO);
    logging::HostLog log(console, DV_LOG_INFO);
    Loaded loaded = load(options);
    compose::Checked checked = compose::check(loaded.manifest, loaded.plugins);
    for (const std::string& warning : checked.warnings) log.warn(warning);

    std::vector<std::string> losses;
    {
        const auto composition = composed(std::move(checked), loaded.plugins, console, log, compose::Purpose::run, resume);
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
            if (composition->has_stuck_logger()) leave(*composition, log, report_current_exception());
            throw;
        }
        if (composition->has_stuck_logger()) {
            const int signal = composition->stopped_by();
            leave(*composition, log, signal != 0 ? 128 + signal : static_cast<int>(ExitCode::running));
        }
        losses = composition->losses();
    }
    loaded.plugins.shut_down();
    for (const std::string& loss : losses) log.error(loss);
    return losses.empty() ? 0 : static_cast<int>(ExitCode::running);
}

void add_resume(boost::program_options::options_description& options, compose::ResumeRequest& out, bool trains) {
    namespace po = boost::program_options;
    options.add_options()("ckpt", po::value(&out.checkpoint)->value_name("best|last|FILE"),
                          trains ? "go on from this checkpoint" : "with the weights of this checkpoint");
    if (trains) options.add_options()("resume", po::bool_switch(&out.resume), "go on in the last run's folder, from its newest checkpoint");
}

namespace {

/// `stage` replaces the manifest's stages; empty: those.
int run_stages(const Arguments& arguments, const std::string& command, const std::string& stage) {
    ManifestOptions options;
    compose::ResumeRequest resume;
    boost::program_options::options_description description("Options");
    options.add_to(description);
    add_resume(description, resume, stage.empty() || stage == "fit");
    boost::program_options::variables_map values;
    if (!parse(arguments, command, description, "manifest", values)) return 0;
    options.read(values);
    if (!stage.empty()) options.overrides.push_back("run.stages=[\"" + stage + "\"]");
    return run_manifest(options, resume, {});
}

}  // namespace

int run(const Arguments& arguments) { return run_stages(arguments, "run", ""); }
int fit(const Arguments& arguments) { return run_stages(arguments, "fit", "fit"); }
int validate(const Arguments& arguments) { return run_stages(arguments, "validate", "validate"); }
int test(const Arguments& arguments) { return run_stages(arguments, "test", "test"); }

}  // namespace dvhost::cli
