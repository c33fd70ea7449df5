#include "record.hpp"

#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

namespace checkpoint {

void Record::write(dv::StateWriter& out) const {
    const Ranking::File* worst = files.empty() || !files.back().score ? nullptr : &files.back();
    out.put("monitor", monitor);
    out.put("best_model_score", best_model_score);
    out.put("best_model_path", best_model_path);
    out.put("current_score", current_score);
    out.put("dirpath", dirpath);
    out.table("best_k_models", [&] {
        for (const Ranking::File& file : files) {
            if (file.score) out.put(file.path.string(), *file.score);
        }
    });
    out.put("kth_best_model_path", worst ? worst->path.string() : std::string());
    out.put("kth_value", worst ? worst->score : std::nullopt);
    out.put("last_model_path", last_model_path);

    out.table("unscored_models", [&] {
        std::int64_t place = 0;
        for (const Ranking::File& file : files) {
            if (!file.score) out.put(file.path.string(), place++);
        }
    });
    out.put("last_global_step_saved", saved_step);
    out.put("validated_at", validated_at);
    out.put("from_validation", from_validation);
    out.put("waits", waits);
}

Record Record::read(const dv::StateReader& state) {
    Record r;
    r.monitor = state.get<std::string>("monitor");
    r.dirpath = state.get<std::string>("dirpath").value_or("");
    r.best_model_path = state.get<std::string>("best_model_path").value_or("");
    r.last_model_path = state.get<std::string>("last_model_path").value_or("");
    r.best_model_score = state.get<double>("best_model_score");
    r.current_score = state.get<double>("current_score");
    const dv::StateReader scored = state.table("best_k_models");
    for (const std::string& path : scored.keys()) {
        if (const auto score = scored.get<double>(path)) r.files.push_back({path, score});
    }
    for (const std::string& path : state.table("unscored_models").keys()) r.files.push_back({path, std::nullopt});
    if (r.files.empty() && !r.monitor && !r.best_model_path.empty())
        r.files.push_back({r.best_model_path, std::nullopt});
    r.saved_step = state.get<std::int64_t>("last_global_step_saved");
    r.validated_at = state.get<std::int64_t>("validated_at");
    r.from_validation = state.get<bool>("from_validation").value_or(false);
    r.waits = state.get<bool>("waits").value_or(false);
    return r;
}

namespace {

std::string toml_text(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

/// The shortest decimal that reads back, as TOML writes a float.
std::string toml_float(double value) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
    char buffer[32];
    const std::string text(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
    return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

}  // namespace

std::string index_text(const std::vector<Ranking::File>& files) {
    std::string out;
    for (const Ranking::File& file : files) {
        out += toml_text(file.path.string()) + " = " +
               toml_float(file.score.value_or(std::numeric_limits<double>::quiet_NaN())) + "\n";
    }
    return out;
}

}  // namespace checkpoint
