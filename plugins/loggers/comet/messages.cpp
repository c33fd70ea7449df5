#include "messages.hpp"

#include "wire/config_json.hpp"
#include "number_text.hpp"

#include <sys/utsname.h>
#include <unistd.h>
#include <cmath>
#include <cstdlib>

namespace comet::message {

namespace {

using Json = nlohmann::ordered_json;
using loggers::wire::dump;

std::string line(std::string_view type, Json payload) {
    return dump({{"type", std::string(type)}, {"payload", std::move(payload)}}) + '\n';
}

Json json_of(const loggers::wire::FlatValue& value) {
    return std::visit(
        [](const auto& v) -> Json {
            if constexpr (std::is_same_v<std::decay_t<decltype(v)>, double>) {
                return loggers::wire::json_of(v);
            } else {
                return v;
            }
        },
        value.value);
}

}  // namespace

void put_metric(std::string& out, std::string_view json_name, double value, std::int64_t step, std::int64_t epoch,
                std::int64_t time) {
    out += R"({"type":"metric_msg","payload":{"local_timestamp":)";
    loggers::append_number(out, time);
    out += R"(,"context":null,"metric":{"metricName":)";
    out += json_name;
    out += R"(,"metricValue":)";
    if (std::isfinite(value)) {
        loggers::append_number(out, value);
    } else {
        out += dump(loggers::wire::json_of(value));
    }
    out += R"(,"step":)";
    loggers::append_number(out, step);
    out += R"(,"epoch":)";
    if (epoch >= 0) {
        loggers::append_number(out, epoch);
    } else {
        out += "null";
    }
    out += "}}}\n";
}

std::string parameter(const loggers::wire::FlatValue& value, std::int64_t time) {
    return line(
        "parameter_msg",
        {{"local_timestamp", time},
         {"context", nullptr},
         {"param",
          {{"paramName", value.name}, {"paramValue", json_of(value)}, {"step", nullptr}, {"source", "manual"}}}});
}

std::string other(std::string_view key, std::string_view value) {
    return line("log_other", {{"key", std::string(key)}, {"value", std::string(value)}});
}

std::string file(const File& file, std::int64_t time) {
    Json facts{{"context", nullptr},    {"step", file.step < 0 ? Json() : Json(file.step)},
               {"fileName", file.name}, {"overwrite", false},
               {"assetId", nullptr},    {"epoch", nullptr}};
    if (file.type == "visualization") facts["figName"] = file.name;
    return line("file_upload", {{"file_path", std::string(file.path)},
                                {"upload_type", std::string(file.type)},
                                {"additional_params", facts},
                                {"local_timestamp", time},
                                {"metadata", nullptr},
                                {"clean", true}});
}

std::string system_details() {
    utsname system{};
    ::uname(&system);
    const char* user = std::getenv("USER");
    const std::string us = "dvhost (C++)";
    return line("system_details", {{"command", Json::array({"dvhost"})},
                                   {"env", nullptr},
                                   {"hostname", system.nodename},
                                   {"ip", "127.0.0.1"},
                                   {"machine", system.machine},
                                   {"os", std::string(system.sysname) + '-' + system.release + '-' + system.machine},
                                   {"os_release", system.release},
                                   {"os_type", system.sysname},
                                   {"pid", ::getpid()},
                                   {"processor", system.machine},
                                   {"python_exe", us},
                                   {"python_version", us},
                                   {"python_version_verbose", us},
                                   {"user", user != nullptr ? user : ""}});
}

}  // namespace comet::message
