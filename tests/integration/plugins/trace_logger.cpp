// A logger that writes down what it is called for.

#include "trace.hpp"

#include <dv/logger.hpp>

#include <set>

namespace {

struct TraceLogger final : dv::Logger {
    std::filesystem::path file;
    static constexpr auto params = dv::schema(dv::p("file", &TraceLogger::file, "", "where the calls go", dv::required));

    void open() override { trace::note(file, "L.experiment"); }
    void metrics(const dv::Row& row) override {
        std::set<std::string> names;
        for (const dv_metric& m : row.metrics) names.emplace(dv::detail::view(m.name));
        std::string line = "L.log_metrics([";
        for (const std::string& name : names) line += (line.back() == '[' ? "" : ", ") + name;
        trace::note(file, line + "],step=" + std::to_string(row.step) + ")");
    }
    void finalize(std::string_view outcome) override { trace::note(file, "L.finalize(" + std::string(outcome) + ")"); }
};

}  // namespace

DV_COMPONENT(TraceLogger, "example.logger.trace", "Writes its calls down");
