#include "rest_store.hpp"

#include "wire/config_json.hpp"

#include <filesystem>
#include <system_error>

namespace mlflow {

namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr std::size_t kMetricsPerRequest = 500;  // the server takes 1000; finding repeated ones takes it long
constexpr std::size_t kPairsPerRequest = 100;
constexpr std::string_view kMarkTag = "dvhost.mark";
constexpr std::string_view kProxied = "mlflow-artifacts:";

Json parse(const std::string& body) {
    Json out = Json::parse(body, nullptr, false);
    return out;
}

std::string first_words(const std::string& text) {
    std::string out = text.substr(0, 200);
    for (char& c : out) {
        if (static_cast<unsigned char>(c) < 0x20) c = ' ';
    }
    return out;
}

std::string message_of(const Reply& reply) {
    const Json answer = parse(reply.body);
    std::string text = "HTTP " + std::to_string(reply.status);
    if (answer.is_object() && answer.contains("message") && answer["message"].is_string()) {
        return text + ", " + answer["message"].get<std::string>().substr(0, 500);
    }
    return reply.body.empty() ? text : text + ", " + first_words(reply.body);
}

/// A good answer's body; whatever else came is thrown as what it means.
std::string good_body(const std::string& what, const Reply& reply) {
    const long s = reply.status;
    if (s >= 200 && s < 300) return reply.body;
    const std::string text = what + ": " + message_of(reply);
    if (s == 408 || s == 425 || s == 429 || s >= 500 || s < 200) throw Away(text, reply.retry_after);
    if (s == 401 || s == 403)
        throw Closed(text + "; are MLFLOW_TRACKING_USERNAME and _PASSWORD, or MLFLOW_TRACKING_TOKEN, right?");
    throw Refused(text);
}

Json good_object(const std::string& what, const std::string& body) {
    Json out = parse(body);
    if (!out.is_object()) throw Away(what + ": the answer is not MLflow's: " + first_words(body));
    return out;
}

Json pairs_json(const Pairs& pairs, std::size_t first) {
    Json out = Json::array();
    for (std::size_t i = first; i < std::min(first + kPairsPerRequest, pairs.size()); ++i) {
        out.push_back({{"key", pairs[i].first}, {"value", pairs[i].second}});
    }
    return out;
}

std::string_view status_word(Status status) {
    switch (status) {
        case Status::finished: return "FINISHED";
        case Status::failed: return "FAILED";
        case Status::killed: return "KILLED";
        default: return "RUNNING";
    }
}

std::string without_slash(std::string uri) {
    while (uri.ends_with('/')) uri.pop_back();
    return uri;
}

/// Each part of a path for an address.
std::string escaped_path(std::string_view path) {
    std::string out;
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('/'), path.size());
        if (!out.empty()) out += '/';
        out += Http::escaped(path.substr(0, end));
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    return out;
}

}  // namespace

RestStore::RestStore(ServerOptions options, Access access, double timeout)
    : options_(std::move(options)), http_(std::move(access), timeout), base_(without_slash(options_.tracking_uri)) {}

std::string RestStore::call(const std::string& path, const std::string& json) {
    return good_body(path, http_.post(base_ + "/api/2.0/mlflow/" + path, json));
}

std::string RestStore::ask(const std::string& path) {
    return good_body(path.substr(0, path.find('?')), http_.get(base_ + "/api/2.0/mlflow/" + path));
}

std::string RestStore::experiment_id() {
    const std::string query = "experiments/get-by-name?experiment_name=" + Http::escaped(options_.experiment);
    for (int attempt = 0;; ++attempt) {
        try {
            const Json found = good_object("experiments/get-by-name", ask(query)).value("experiment", Json::object());
            if (found.value("lifecycle_stage", "active") == "deleted") {
                throw Closed("the experiment '" + options_.experiment +
                             "' is deleted on the server; restore it or name another");
            }
            return found.at("experiment_id").get<std::string>();
        } catch (const Json::exception&) {
            throw Away("experiments/get-by-name: the answer is not MLflow's");
        } catch (const Refused&) {
            if (attempt > 0) throw;  // there is none
        }
        Json body{{"name", options_.experiment}};
        if (!options_.artifact_location.empty()) body["artifact_location"] = options_.artifact_location;
        try {
            return good_object("experiments/create", call("experiments/create", loggers::wire::dump(body)))
                .at("experiment_id")
                .get<std::string>();
        } catch (const Json::exception&) {
            throw Away("experiments/create: the answer is not MLflow's");
        } catch (const Refused&) {
            if (attempt > 0) throw;
            continue;  // somebody else was faster: it is there now
        }
    }
}

std::string RestStore::find_run(const std::string& experiment) {
    const Json body{{"experiment_ids", Json::array({experiment})},
                    {"filter", "tags.`" + std::string(kMarkTag) + "` = '" + options_.mark + "'"},
                    {"max_results", 1}};
    const Json answer = good_object("runs/search", call("runs/search", loggers::wire::dump(body)));
    if (!answer.contains("runs") || answer["runs"].empty()) return {};
    return answer["runs"][0].dump();
}

void RestStore::read_run(const std::string& run) {
    try {
        const Json info = Json::parse(run).at("info");
        run_ = info.at("run_id").get<std::string>();
        experiment_ = info.at("experiment_id").get<std::string>();
        artifacts_ = info.value("artifact_uri", "");
    } catch (const Json::exception&) {
        throw Away("the answer is not MLflow's: " + first_words(run));
    }
}

std::string RestStore::begin(const std::string& name, std::int64_t start_time, const Pairs& tags) {
    if (!options_.run_id.empty()) {
        const Json answer = good_object("runs/get", ask("runs/get?run_id=" + Http::escaped(options_.run_id)));
        read_run(answer.value("run", Json::object()).dump());
        call("runs/update", loggers::wire::dump({{"run_id", run_}, {"status", "RUNNING"}}));
        return run_;
    }
    const std::string experiment = experiment_id();
    std::string run = tried_to_create_ ? find_run(experiment) : std::string();
    if (run.empty()) {
        Json body{{"experiment_id", experiment}, {"start_time", start_time}, {"tags", pairs_json(tags, 0)}};
        if (!name.empty()) body["run_name"] = name;
        body["tags"].push_back({{"key", kMarkTag}, {"value", options_.mark}});
        tried_to_create_ = true;
        run = good_object("runs/create", call("runs/create", loggers::wire::dump(body)))
                  .value("run", Json::object())
                  .dump();
    }
    read_run(run);
    return run_;
}

void RestStore::log(const Batch& batch) {
    const std::size_t n_pairs = std::max(batch.params.size(), batch.tags.size());
    for (std::size_t i = 0; i < n_pairs; i += kPairsPerRequest) log_slice(batch, 0, 0, i);
    for (std::size_t i = 0; i < batch.metrics.size(); i += kMetricsPerRequest) {
        log_slice(batch, i, std::min(kMetricsPerRequest, batch.metrics.size() - i), n_pairs);
    }
}

void RestStore::log_slice(const Batch& batch, std::size_t first, std::size_t n, std::size_t first_pair) {
    Json body{{"run_id", run_}};
    Json metrics = Json::array();
    for (std::size_t i = first; i < first + n; ++i) {
        const Metric& m = batch.metrics[i];
        metrics.push_back(
            {{"key", m.key}, {"value", loggers::wire::json_of(m.value)}, {"timestamp", m.timestamp}, {"step", m.step}});
    }
    if (!metrics.empty()) body["metrics"] = std::move(metrics);
    if (Json params = pairs_json(batch.params, first_pair); !params.empty()) body["params"] = std::move(params);
    if (Json tags = pairs_json(batch.tags, first_pair); !tags.empty()) body["tags"] = std::move(tags);
    good_object("runs/log-batch", call("runs/log-batch", loggers::wire::dump(body)));
}

void RestStore::upload(const std::string& name, const std::string& path) {
    if (artifacts_.starts_with(kProxied)) {
        std::string where = artifacts_.substr(kProxied.size());
        std::string server = base_;
        if (where.starts_with("//")) {  // names a server of its own
            const std::size_t end = std::min(where.find('/', 2), where.size());
            if (end > 2) server = base_.substr(0, base_.find("://") + 3) + where.substr(2, end - 2);
            where.erase(0, end);
        }
        const std::string url =
            server + "/api/2.0/mlflow-artifacts/artifacts/" + escaped_path(where) + '/' + escaped_path(name);
        good_body("artifact " + name, http_.put_file(url, path));
        return;
    }
    const std::string folder = artifacts_.starts_with("file://") ? artifacts_.substr(7) : artifacts_;
    if (!folder.starts_with('/')) {
        throw Refused("the run's artifacts go to '" + artifacts_ +
                      "', which is neither a folder nor behind the server; start it with --serve-artifacts");
    }
    std::error_code failed;
    const fs::path target = fs::path(folder) / name;
    fs::create_directories(target.parent_path(), failed);
    if (!failed) fs::copy_file(path, target, fs::copy_options::overwrite_existing, failed);
    if (failed) throw Refused("cannot copy '" + path + "' to '" + target.string() + "': " + failed.message());
}

void RestStore::end(Status status, std::int64_t end_time) {
    const Json body{{"run_id", run_}, {"status", status_word(status)}, {"end_time", end_time}};
    good_object("runs/update", call("runs/update", loggers::wire::dump(body)));
}

std::string RestStore::place() const {
    const std::string base = without_password(base_);
    return run_.empty() ? base : base + "/#/experiments/" + experiment_ + "/runs/" + run_;
}

}  // namespace mlflow
