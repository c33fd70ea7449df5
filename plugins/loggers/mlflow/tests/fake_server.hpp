#pragma once
/// An HTTP server on loopback whose answers a test decides.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <atomic>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace mlflow::testing {

struct Request {
    std::string method, path, headers, body;
};
struct Answer {
    int status = 200;
    std::string body = "{}";
    std::string headers = {};  ///< further lines, each with "\r\n"
};

/// One connection after the other, one request each.
class FakeServer {
public:
    using Answerer = std::function<Answer(const Request&)>;

    explicit FakeServer(Answerer answer) : answer_(std::move(answer)) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 16) != 0 ||
            ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
            throw std::runtime_error("no port on loopback");
        }
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    ~FakeServer() {
        stopping_ = true;
        ::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        ::close(listener_);
    }
    FakeServer(const FakeServer&) = delete;
    FakeServer& operator=(const FakeServer&) = delete;

    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    std::vector<Request> requests() const {
        const std::lock_guard lock(mutex_);
        return requests_;
    }
    /// Those whose path holds `part`.
    std::vector<Request> requests(const std::string& part) const {
        std::vector<Request> out;
        for (const Request& r : requests()) {
            if (r.path.find(part) != std::string::npos) out.push_back(r);
        }
        return out;
    }

private:
    void serve() {
        while (!stopping_) {
            const int connection = ::accept(listener_, nullptr, nullptr);
            if (connection < 0) continue;
            serve(connection);
            ::close(connection);
        }
    }
    void serve(int connection) {
        std::string text;
        std::size_t head = std::string::npos, length = 0;
        while (head == std::string::npos || text.size() < head + 4 + length) {
            char buffer[65536];
            const ssize_t n = ::read(connection, buffer, sizeof buffer);
            if (n <= 0) return;
            text.append(buffer, static_cast<std::size_t>(n));
            if (head != std::string::npos || (head = text.find("\r\n\r\n")) == std::string::npos) continue;
            const std::size_t at = text.find("Content-Length: ");
            if (at < head) length = std::stoul(text.substr(at + 16));
        }
        const std::size_t space = text.find(' ');
        Request request{text.substr(0, space), text.substr(space + 1, text.find(' ', space + 1) - space - 1),
                        text.substr(0, head), text.substr(head + 4)};
        {
            const std::lock_guard lock(mutex_);
            requests_.push_back(request);
        }
        const Answer answer = answer_(request);
        const std::string out = "HTTP/1.1 " + std::to_string(answer.status) +
                                " x\r\nConnection: close\r\nContent-Length: " + std::to_string(answer.body.size()) +
                                "\r\n" + answer.headers + "\r\n" + answer.body;
        [[maybe_unused]] const ssize_t n = ::send(connection, out.data(), out.size(), MSG_NOSIGNAL);
    }

    Answerer answer_;
    int listener_ = -1;
    int port_ = 0;
    std::atomic<bool> stopping_ = false;
    mutable std::mutex mutex_;
    std::vector<Request> requests_;
    std::thread thread_;
};

/// Answers as an MLflow server does when all is well.
inline Answer healthy(const Request& request) {
    const auto has = [&](const char* part) { return request.path.find(part) != std::string::npos; };
    if (has("get-by-name")) return {200, R"({"experiment":{"experiment_id":"7","lifecycle_stage":"active"}})"};
    if (has("runs/create") || has("runs/get")) {
        const std::string run =
            R"({"info":{"run_id":"r1","experiment_id":"7","artifact_uri":"mlflow-artifacts:/7/r1/artifacts"}})";
        return {200, R"({"run":)" + run + "}"};
    }
    if (has("runs/search")) return {200, R"({"runs":[]})"};
    return {};
}

}  // namespace mlflow::testing
