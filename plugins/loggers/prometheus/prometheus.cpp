#include "exposition.hpp"
#include "http_server.hpp"
#include "line_file.hpp"
#include "logger_options.hpp"
#include "output.hpp"

#include <dv/error.hpp>
#include <dv/logger.hpp>

#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>

namespace {

/// The newest value of everything: over HTTP for a server that scrapes, and as a file for node_exporter's textfile collector.
/// The run's own thread and the server's share `newest_`, under `mutex_`.
struct Prometheus final : dv::Logger, loggers::CommonOptions {
    std::string textfile, address, run_name;
    std::int64_t port = 0;
    double every = 0;
    static constexpr auto params = loggers::row_schema(
        dv::p("port", &Prometheus::port, 0, "where http://<address>:<port>/metrics answers; 0: any free port, which is said; -1: nowhere",
              dv::range{-1, 65535}),
        dv::p("address", &Prometheus::address, "127.0.0.1", "IPv4 address to listen on; 0.0.0.0: whoever can reach this machine"),
        dv::p("textfile", &Prometheus::textfile, "metrics.prom", "file with the same text, seen from the run's folder; empty: none"),
        dv::p("every", &Prometheus::every, 5.0, "time between two versions of the file", dv::unit{"s"}, dv::at_least{0}),
        dv::p("name", &Prometheus::run_name, "", "the label `run`; empty: the name of the run's folder"));

    void open() override {
        names_ = loggers::Names(prefix, "_");
        filter_ = loggers::RowFilter(log_every);
        if (!textfile.empty()) file_ = loggers::find_output(*this, loggers::CommonOptions{}, textfile).file;
        newest_.emplace(run_name.empty() ? folder_name() : run_name);
        if (port < 0) return;
        server_ = std::make_unique<prometheus::HttpServer>(address, static_cast<std::uint16_t>(port),
                                                           [this](const prometheus::Request& request) { return answer(request); });
        info("metrics at http://" + address + ":" + std::to_string(server_->port()) + "/metrics");
    }

    /// The counter goes on; values come as they are measured anew.
    void resume(const dv_resume& from) override {
        if (log_every > 1) return;  // how many of those rows were written nobody knows: the counter begins anew, as counters may
        const std::lock_guard lock(mutex_);
        newest_->go_on(from.rows, from.step);
    }

    void metrics(const dv::Row& row) override {
        if (!filter_.due(row)) return;
        {
            const std::lock_guard lock(mutex_);
            newest_->row(row.step, row.epoch);
            for (const dv_metric& m : row.metrics) newest_->set(names_.of(m.name), m.value);
        }
        changed_ = true;
        if (row.wall_time - written_ < every && row.wall_time >= written_) return;
        written_ = row.wall_time;
        write_file();
    }
    void flush() override { write_file(); }
    void finalize(std::string_view) override { write_file(); }

private:
    std::string folder_name() const {
        const auto* paths = extension<dv_paths_1>(DV_EXT_PATHS);
        return paths == nullptr ? std::string() : std::filesystem::path(dv::detail::view(paths->run_dir(paths->self))).filename().string();
    }

    prometheus::Response answer(const prometheus::Request& request) {
        if (request.method != "GET" && request.method != "HEAD") return {405, "text/plain", "only GET and HEAD\n"};
        if (request.path == "/") return {200, "text/html; charset=utf-8", "<a href=\"/metrics\">metrics</a>\n"};
        if (request.path != "/metrics") return {404, "text/plain", "there is /metrics\n"};
        const bool open = request.accept.find("application/openmetrics-text") != std::string::npos;
        const auto format = open ? prometheus::Format::openmetrics_1_0_0 : prometheus::Format::text_0_0_4;
        const std::lock_guard lock(mutex_);
        return {200, std::string(content_type(format)), newest_->text(format)};
    }

    /// Beside it first, then renamed: the collector never reads half a file.
    void write_file() {
        if (file_.empty() || !changed_) return;
        const std::filesystem::path fresh = file_.string() + ".tmp";
        std::string text;
        {
            const std::lock_guard lock(mutex_);
            text = newest_->text(prometheus::Format::text_0_0_4);
        }
        loggers::LineFile out(fresh, std::numeric_limits<std::int64_t>::max());
        out.add(text, 0.0);
        out.write();
        std::error_code failed;
        std::filesystem::rename(fresh, file_, failed);
        if (failed) throw dv::IoError("cannot write '" + file_.string() + "': " + failed.message());
        changed_ = false;
    }

    loggers::Names names_;
    loggers::RowFilter filter_;
    std::filesystem::path file_;
    double written_ = -std::numeric_limits<double>::infinity();  // by the rows' wall time
    bool changed_ = false;
    std::mutex mutex_;
    std::optional<prometheus::Exposition> newest_;
    std::unique_ptr<prometheus::HttpServer> server_;  // stops before what it reads from goes
};

}  // namespace
DV_COMPONENT(Prometheus, "dvhost.logger.prometheus", "Offers the newest values to Prometheus");
