#pragma once
/// A tracking server's REST interface, /api/2.0/mlflow.

#include "http.hpp"
#include "store.hpp"

#include <string>

namespace mlflow {

struct ServerOptions {
    std::string tracking_uri;       ///< "http://host:5000", maybe with user:password@
    std::string experiment;         ///< name; made when it is not there
    std::string artifact_location;  ///< of an experiment that is made; empty: the server's choice
    std::string run_id;             ///< of a run that exists and goes on; empty: a new one
    std::string
        mark;  ///< a tag's value that no other run has, by which a run is found that was made without our hearing of it
};

class RestStore final : public Store {
public:
    RestStore(ServerOptions options, Access access, double timeout);

    std::string begin(const std::string& name, std::int64_t start_time, const Pairs& tags) override;
    void log(const Batch& batch) override;
    void upload(const std::string& name, const std::string& path) override;
    void end(Status status, std::int64_t end_time) override;
    std::string place() const override;

    Http& http() { return http_; }

private:
    std::string experiment_id();
    std::string find_run(const std::string& experiment);
    void read_run(const std::string& info);
    void log_slice(const Batch& batch, std::size_t first_metric, std::size_t n_metrics, std::size_t first_pair);
    std::string call(const std::string& path, const std::string& json);
    std::string ask(const std::string& path);

    ServerOptions options_;
    Http http_;
    std::string base_, experiment_, run_, artifacts_;
    bool tried_to_create_ = false;
};

}  // namespace mlflow
