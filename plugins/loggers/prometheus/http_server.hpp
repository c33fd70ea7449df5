#pragma once
/// Answers GET requests on a thread of its own.

#include <cstdint>
#include <functional>
#include <string>
#include <thread>

namespace prometheus {

struct Request {
    std::string method, path, accept;
};
struct Response {
    int status = 200;
    std::string content_type, body;
};

class HttpServer {
public:
    using Answer = std::function<Response(const Request&)>;  ///< called on the server's thread

    /// Listens at once; `port` 0 takes a free one. Throws dv::IoError with address and reason.
    HttpServer(const std::string& address, std::uint16_t port, Answer answer);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    std::uint16_t port() const { return port_; }

private:
    void serve();
    void serve_one(int client) const;

    Answer answer_;
    int listening_ = -1, stop_[2] = {-1, -1};
    std::uint16_t port_ = 0;
    std::thread thread_;
};

}  // namespace prometheus
