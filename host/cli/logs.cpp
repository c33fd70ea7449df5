#include "cli/options.hpp"
#include "compose/logger_set.hpp"
#include "registry/refusal.hpp"

#include <dv/error.hpp>

#include <unistd.h>

#include <iostream>

namespace dvhost::cli {

namespace {

namespace fs = std::filesystem;
namespace po = boost::program_options;

struct Request {
    fs::path run;
    std::vector<fs::path> plugin_paths;
};

std::optional<Request> parse_run(const Arguments& arguments, const std::string& command) {
    po::options_description description("Options");
    description.add_options()("run", po::value<std::vector<std::string>>()->value_name("RUN"), "the run's folder");
    Request request;
    add_plugin_path(description, request.plugin_paths);
    po::variables_map values;
    if (!parse(arguments, command, description, "run", values)) return std::nullopt;
    const auto given = values.count("run") > 0 ? values["run"].as<std::vector<std::string>>() : std::vector<std::string>{};
    if (given.size() != 1) throw UsageError("which run? e.g. `dvhost " + command + " runs/quickstart/version_3`");
    request.run = fs::absolute(given[0]);
    if (!fs::is_regular_file(request.run / "config.toml")) {
        throw dv::IoError("'" + request.run.string() + "' is no run's folder: it has no config.toml");
    }
    return request;
}

int deliver(const Request& request) {
    if (!fs::is_directory(request.run / ".dvspool")) {
        std::cout << "nothing is left to deliver: the run's loggers have everything\n";
        return 0;
    }
    logging::Console console(STDERR_FILENO);
    logging::HostLog log(console, DV_LOG_INFO);
    Loaded loaded = load({{request.run / "config.toml"}, {}, request.plugin_paths});
    const logging::Replay report = compose::deliver_what_is_left(request.run, "failed", loaded.plugins, console, log);
    loaded.plugins.shut_down();
    std::cout << "handed over " << report.rows << " rows\n";
    for (const logging::LoggerFailure& f : report.failures) {
        log.error(f.line(request.run));
    }
    return report.failures.empty() ? 0 : static_cast<int>(ExitCode::running);
}

}  // namespace

int logs_recover(const Arguments& arguments) {
    const auto request = parse_run(arguments, "logs recover");
    return request ? deliver(*request) : 0;
}

int logs_sync(const Arguments& arguments) {
    const auto request = parse_run(arguments, "logs sync");
    if (!request) return 0;
    const logging::SpoolFolder spool(request->run / ".dvspool");
    if (fs::is_directory(spool.path()) && !spool.read_outcome()) {
        throw UsageError("this run has not ended: it is still going on, or its process was killed; then `dvhost logs recover " +
                         request->run.string() + "` ends it");
    }
    return deliver(*request);
}

}  // namespace dvhost::cli
