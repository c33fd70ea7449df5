#include "verify/report.hpp"

#include <c10/util/Exception.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>

namespace dvhost::verify {

namespace {

const char* name_of(dv::EnginePlan plan) { return plan == dv::EnginePlan::fast ? "fast" : "reference"; }

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.12g", value);
    return text;
}

std::string number(const std::optional<double>& value) { return value ? number(*value) : "absent"; }

Outcome outcome_of(const Case& c, const Setting& setting, Precision precision, registry::Registry& plugins,
                   logging::Console& console, logging::HostLog& log) {
    try {
        Workshop workshop(plugins, console, log);
        return compare(c.run(workshop, setting), c.expected, c.tolerances, precision);
    } catch (const c10::Error& error) {
        Outcome failed;
        failed.error = c.where.text() + ": " + error.what_without_backtrace();
        return failed;
    } catch (const std::exception& error) {
        const std::string text = error.what();
        Outcome failed;
        failed.error = text.starts_with(c.where.origin) ? text : c.where.text() + ": " + text;
        return failed;
    }
}

std::string text_of(const Outcome& outcome) {
    if (!outcome.error.empty()) return outcome.error;
    const Divergence& d = *outcome.divergence;
    return d.name + "[" + std::to_string(d.index) + "]: expected " + number(d.expected) + ", found " + number(d.found) +
           ", tolerance " + number(d.tolerance);
}

std::string padded(std::string text, std::size_t width) {
    if (text.size() < width) text.resize(width, ' ');
    return text;
}

nlohmann::json json_number(const std::optional<double>& value) {
    return value ? nlohmann::json(*value) : nlohmann::json("absent");
}

nlohmann::json json_outcome(const Outcome& outcome) {
    nlohmann::json out{{"passed", outcome.passed()}, {"values", outcome.n_values}, {"worst", outcome.worst}};
    if (!outcome.plan.empty()) out["plan"] = outcome.plan;
    if (!outcome.error.empty()) out["error"] = outcome.error;
    if (outcome.divergence) {
        const Divergence& d = *outcome.divergence;
        out["first"] = {{"name", d.name},
                        {"index", d.index},
                        {"expected", json_number(d.expected)},
                        {"found", json_number(d.found)},
                        {"tolerance", d.tolerance}};
    }
    return out;
}

}  // namespace

bool CaseResult::passed() const {
    return std::all_of(outcomes.begin(), outcomes.end(), [](const Outcome& o) { return o.passed(); });
}

CaseResult run_case(const Case& c, const Selection& selection, registry::Registry& plugins, logging::Console& console,
                    logging::HostLog& log) {
    CaseResult out{c.id, c.kind->name, {}};
    Setting setting;
    setting.dtype = selection.precision == Precision::double_ ? at::kDouble : at::kFloat;
    setting.device = selection.device;
    const auto once = [&](dv::EnginePlan plan, std::string name) {
        setting.plan = plan;
        out.outcomes.push_back(outcome_of(c, setting, selection.precision, plugins, console, log));
        out.outcomes.back().plan = std::move(name);
    };
    if (!c.kind->has_plans) {
        once(dv::EnginePlan::fast, "");
    } else {
        for (const dv::EnginePlan plan : selection.plans) once(plan, name_of(plan));
    }
    return out;
}

std::string line(const CaseResult& result, std::size_t id_width) {
    const bool passed = result.passed();
    std::string plans, what;
    std::size_t n_values = 0;
    double worst = 0.0;
    for (const Outcome& o : result.outcomes) {
        if (passed || (!o.passed() && what.empty())) plans += (plans.empty() ? "" : ", ") + o.plan;
        if (!o.passed() && what.empty()) what = text_of(o);
        n_values = std::max(n_values, o.n_values);
        worst = std::max(worst, o.worst);
    }
    if (passed) {
        char text[64];
        std::snprintf(text, sizeof text, "%zu values, the worst at %.0f %% of its tolerance", n_values, 100.0 * worst);
        what = text;
    }
    return padded(passed ? "ok" : "FAIL", 6) + padded(result.id, id_width + 2) + padded(std::string(result.kind), 10) +
           padded(plans, 17) + what;
}

std::string summary(const std::vector<CaseResult>& results) {
    const auto failed = std::count_if(results.begin(), results.end(), [](const CaseResult& r) { return !r.passed(); });
    return std::to_string(results.size()) + (results.size() == 1 ? " case, " : " cases, ") +
           (failed == 0 ? "all as expected" : std::to_string(failed) + " failed");
}

std::string json(const std::vector<CaseResult>& results, const std::string& source, const Selection& selection) {
    nlohmann::json out{{"source", source},
                       {"precision", selection.precision == Precision::double_ ? 64 : 32},
                       {"device", selection.device.str()},
                       {"cases", nlohmann::json::array()}};
    std::size_t failed = 0;
    for (const CaseResult& result : results) {
        nlohmann::json one{{"id", result.id}, {"kind", result.kind}, {"passed", result.passed()}};
        for (const Outcome& outcome : result.outcomes) one["outcomes"].push_back(json_outcome(outcome));
        failed += result.passed() ? 0 : 1;
        out["cases"].push_back(std::move(one));
    }
    out["failed"] = failed;
    return out.dump(2);
}

}  // namespace dvhost::verify
