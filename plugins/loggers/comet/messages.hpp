#pragma once
/// Lines of an offline experiment's messages.json: {"type":...,"payload":{...}}, times in ms.

#include "wire/flat_config.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace comet::message {

/// `json_name`: the name as JSON, because it comes again and again. Numbers that are not finite are "NaN", "Infinity",
/// "-Infinity". `epoch`: -1 for none.
void put_metric(std::string& out, std::string_view json_name, double value, std::int64_t step, std::int64_t epoch,
                std::int64_t time);

std::string parameter(const loggers::wire::FlatValue& value, std::int64_t time);
std::string other(std::string_view key, std::string_view value);

/// A file beside messages.json. `type`: "asset", "visualization" (an image), "text-sample".
struct File {
    std::string_view path, type;
    std::string name;        ///< what it is called
    std::int64_t step = -1;  ///< -1 for none
};
std::string file(const File& file, std::int64_t time);

/// What this machine and process are.
std::string system_details();

}  // namespace comet::message
