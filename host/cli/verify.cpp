#include "cli/options.hpp"
#include "compose/check.hpp"
#include "compose/device.hpp"
#include "verify/report.hpp"

#include <unistd.h>
#include <iostream>

namespace dvhost::cli {

namespace po = boost::program_options;

namespace {

struct VerifyOptions {
    std::string suite, cases, plan, only = "*", accelerator = "cpu";
    int precision = 64;
    bool json = false;
    std::vector<std::filesystem::path> plugin_paths;

    std::filesystem::path file() const {
        return suite.empty() ? std::filesystem::path(cases) : verify::suite_file(suite);
    }

    verify::Selection selection() const {
        verify::Selection out;
        if (plan != "reference") out.plans.push_back(dv::EnginePlan::fast);
        if (plan != "fast") out.plans.push_back(dv::EnginePlan::reference);
        out.precision = precision == 64 ? verify::Precision::double_ : verify::Precision::single;
        out.device = compose::choose_device(accelerator == "cpu"    ? compose::Accelerator::cpu
                                            : accelerator == "cuda" ? compose::Accelerator::cuda
                                                                    : compose::Accelerator::automatic);
        return out;
    }

    void check() const {
        if (suite.empty() == cases.empty())
            throw UsageError("which cases? --suite dynvision, --suite analytic, or --cases FILE");
        if (!plan.empty() && plan != "fast" && plan != "reference") {
            throw UsageError("--plan is 'fast' or 'reference', not '" + plan + "'; without it, both are computed");
        }
        if (precision != 64 && precision != 32)
            throw UsageError("--precision is 64 or 32, not " + std::to_string(precision));
        if (accelerator != "auto" && accelerator != "cpu" && accelerator != "cuda") {
            throw UsageError("--accelerator is 'auto', 'cpu' or 'cuda', not '" + accelerator + "'");
        }
    }
};

bool read(const Arguments& arguments, VerifyOptions& out) {
    po::options_description description("Options");
    description.add_options()("suite", po::value(&out.suite)->value_name("NAME"),
                              "cases that come with dvhost: dynvision, analytic")(
        "cases", po::value(&out.cases)->value_name("FILE"), "cases of your own (docs/verify.md)")(
        "only", po::value(&out.only)->value_name("PATTERN"), "cases whose id fits, e.g. 'G0*'")(
        "plan", po::value(&out.plan)->value_name("PLAN"), "'fast' or 'reference'; otherwise both")(
        "precision", po::value(&out.precision)->value_name("BITS"), "64 (default) or 32")(
        "accelerator", po::value(&out.accelerator)->value_name("NAME"), "'cpu' (default), 'cuda' or 'auto'")(
        "json", "for programs");
    add_plugin_path(description, out.plugin_paths);
    po::variables_map values;
    if (!parse(arguments, "verify", description, "", values)) return false;
    out.json = values.count("json") > 0;
    out.check();
    return true;
}

std::vector<verify::CaseResult> run_cases(const std::vector<verify::Case>& cases, const VerifyOptions& options,
                                          registry::Registry& plugins) {
    logging::Console console(STDERR_FILENO);
    logging::HostLog log(console, DV_LOG_ERROR);
    const verify::Selection selection = options.selection();
    std::size_t width = 0;
    for (const verify::Case& c : cases) width = std::max(width, c.id.size());
    std::vector<verify::CaseResult> results;
    for (const verify::Case& c : cases) {
        results.push_back(verify::run_case(c, selection, plugins, console, log));
        if (!options.json) std::cout << verify::line(results.back(), width) << std::endl;
    }
    return results;
}

}  // namespace

int verify(const Arguments& arguments) {
    VerifyOptions options;
    if (!read(arguments, options)) return 0;
    const std::filesystem::path file = options.file();
    auto plugins = registry::Registry::scan(registry::search_path({}, options.plugin_paths));
    std::vector<verify::CaseResult> results;
    {
        const std::vector<verify::Case> cases = verify::read_cases(file, options.only, plugins);
        results = run_cases(cases, options, plugins);
    }
    plugins.shut_down();
    std::cout << (options.json ? verify::json(results, file.string(), options.selection()) : verify::summary(results))
              << "\n";
    const bool passed = std::all_of(results.begin(), results.end(), [](const auto& r) { return r.passed(); });
    return passed ? 0 : static_cast<int>(ExitCode::running);
}

}  // namespace dvhost::cli
