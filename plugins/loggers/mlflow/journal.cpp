#include "journal.hpp"

#include "wire/config_json.hpp"
#include "number_text.hpp"

#include <cmath>
#include <fstream>
#include <limits>

namespace mlflow {

namespace {

using Json = nlohmann::ordered_json;
using loggers::wire::dump;

Json pairs(const Pairs& from) {
    Json out = Json::array();
    for (const auto& [key, value] : from) out.push_back({key, value});
    return out;
}

Pairs pairs_of(const Json& from) {
    Pairs out;
    for (const Json& pair : from) out.emplace_back(pair.at(0).get<std::string>(), pair.at(1).get<std::string>());
    return out;
}

double number_of(const Json& value) {
    if (value.is_number()) return value.get<double>();
    constexpr double kInf = std::numeric_limits<double>::infinity();
    const auto text = value.get<std::string>();
    if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
    return text == "-Infinity" ? -kInf : kInf;
}

Batch metrics_of(const Json& line) {
    Batch out;
    const auto time = line.at("time").get<std::int64_t>();
    const auto step = line.at("step").get<std::int64_t>();
    for (const Json& pair : line.at("metrics"))
        out.metrics.push_back({pair.at(0).get<std::string>(), number_of(pair.at(1)), time, step});
    return out;
}

Entry entry_of(const Json& line) {
    if (line.contains("metrics")) return metrics_of(line);
    if (line.contains("params")) {
        Batch out;
        out.params = pairs_of(line["params"]);
        return out;
    }
    if (line.contains("begin")) {
        const Json& begin = line["begin"];
        return BeginEntry{begin.at("name").get<std::string>(), begin.at("time").get<std::int64_t>(),
                          pairs_of(begin.at("tags"))};
    }
    if (line.contains("file"))
        return FileEntry{line["file"].at("name").get<std::string>(), line["file"].at("path").get<std::string>()};
    return EndEntry{static_cast<Status>(line.at("end").at("status").get<int>()),
                    line.at("end").at("time").get<std::int64_t>()};
}

}  // namespace

namespace line {

std::string begin(const std::string& name, std::int64_t time, const Pairs& tags) {
    return dump({{"begin", {{"name", name}, {"time", time}, {"tags", pairs(tags)}}}}) + '\n';
}
void begin_metrics(std::string& out) { out = "{\"metrics\":["; }
void put_metric(std::string& out, std::string_view json_key, double value) {
    if (out.back() == ']') out += ',';
    out += '[';
    out += json_key;
    out += ',';
    if (std::isfinite(value)) {
        loggers::append_number(out, value);
    } else {
        out += dump(loggers::wire::json_of(value));
    }
    out += ']';
}
void end_metrics(std::string& out, std::int64_t time, std::int64_t step) {
    out += "],\"time\":" + std::to_string(time) + ",\"step\":" + std::to_string(step) + "}\n";
}
std::string params(const Pairs& params) { return dump({{"params", pairs(params)}}) + '\n'; }
std::string file(const std::string& name, const std::string& path) {
    return dump({{"file", {{"name", name}, {"path", path}}}}) + '\n';
}
std::string end(Status status, std::int64_t time) {
    return dump({{"end", {{"status", static_cast<int>(status)}, {"time", time}}}}) + '\n';
}

}  // namespace line

Entry read_line(std::string_view text) {
    try {
        return entry_of(Json::parse(text));
    } catch (const Json::exception& error) {
        throw dv::Error("a line of the spool is no entry: " + std::string(error.what()));
    }
}

bool JournalReader::next(std::string& line) {
    std::size_t end = buffer_.find('\n', used_);
    while (end == std::string::npos) {
        buffer_.erase(0, std::exchange(used_, 0));
        std::ifstream file(path_, std::ios::binary);
        if (!file) throw dv::IoError("cannot read '" + path_.string() + "'");
        const std::size_t former = buffer_.size();
        file.seekg(static_cast<std::streamoff>(offset_ + former));
        constexpr std::size_t kChunk = std::size_t{1} << 18;
        buffer_.resize(former + kChunk);
        file.read(buffer_.data() + former, kChunk);
        buffer_.resize(former + static_cast<std::size_t>(file.gcount()));
        if (buffer_.size() == former) return false;
        end = buffer_.find('\n', former);
    }
    line.assign(buffer_, used_, end - used_);
    offset_ += end + 1 - used_;
    used_ = end + 1;
    return true;
}

}  // namespace mlflow
