#include "cli/options.hpp"
#include "cli/table.hpp"
#include "registry/verify.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iostream>

namespace dvhost::cli {

namespace {

using registry::CheckResult;
using registry::Verdict;

void print_json(const std::vector<CheckResult>& results) {
    nlohmann::json out = nlohmann::json::array();
    for (const CheckResult& r : results) {
        out.push_back({{"id", r.id}, {"verdict", registry::verdict_text(r.verdict)}, {"reason", r.reason}, {"fix", r.fix}});
    }
    std::cout << out.dump(2) << "\n";
}

void print_table(const std::vector<CheckResult>& results) {
    std::vector<std::vector<std::string>> rows;
    for (const CheckResult& r : results) {
        rows.push_back({r.id, std::string(registry::verdict_text(r.verdict)), r.reason + (r.fix.empty() ? "" : "; " + r.fix)});
    }
    std::cout << aligned(rows);
}

std::size_t count(const std::vector<CheckResult>& results, Verdict verdict) {
    return static_cast<std::size_t>(
        std::count_if(results.begin(), results.end(), [&](const CheckResult& r) { return r.verdict == verdict; }));
}

}  // namespace

int plugins_verify(const Arguments& arguments) {
    boost::program_options::options_description description("Options");
    description.add_options()("file", boost::program_options::value<std::string>()->value_name("FILE"), "the built plugin")(
        "json", "for programs")("static-only", "do not load it: run none of its code");
    boost::program_options::variables_map values;
    if (!parse(arguments, "plugins verify", description, "file", values)) return 0;
    if (values.count("file") == 0) throw UsageError("which plugin? e.g. `dvhost plugins verify build/plugins/mine.so`");
    const std::filesystem::path file = values["file"].as<std::string>();

    std::vector<CheckResult> results = registry::verify_static(file);
    if (values.count("static-only") == 0 && count(results, Verdict::fail) == 0) {
        const auto program = std::filesystem::read_symlink("/proc/self/exe");
        for (CheckResult& r : registry::verify_load_in_child(program, file)) results.push_back(std::move(r));
    }
    if (values.count("json") > 0) {
        print_json(results);
    } else {
        print_table(results);
        std::cout << count(results, Verdict::pass) << " passed, " << count(results, Verdict::fail) << " failed, "
                  << count(results, Verdict::warn) << " warned, " << count(results, Verdict::skip) << " skipped\n";
    }
    return count(results, Verdict::fail) == 0 ? 0 : static_cast<int>(ExitCode::rejected);
}

}  // namespace dvhost::cli
