#include "http_server.hpp"

#include <dv/error.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>

namespace prometheus {

namespace {

constexpr std::size_t kLongestRequest = 16'384;
constexpr timeval kPatience{2, 0};  // with a client that says nothing, or takes nothing

sockaddr_in address_of(const std::string& text, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    if (::inet_pton(AF_INET, text.c_str(), &address.sin_addr) != 1) {
        throw dv::ParameterError("address", "is '" + text + "': must be an IPv4 address, such as 127.0.0.1 or 0.0.0.0");
    }
    return address;
}

bool equal_in_any_case(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

/// The head of a request, as far as it matters here. False: it makes no sense.
bool parse(std::string_view head, Request& out) {
    const std::size_t line_end = head.find("\r\n");
    const std::string_view line = head.substr(0, line_end);
    const std::size_t first = line.find(' '), second = line.rfind(' ');
    if (first == std::string_view::npos || second <= first || !line.substr(second + 1).starts_with("HTTP/1.")) return false;
    out.method = line.substr(0, first);
    out.path = line.substr(first + 1, second - first - 1);
    out.path = out.path.substr(0, out.path.find('?'));
    for (std::size_t at = line_end; at != std::string_view::npos && at + 2 < head.size();) {
        const std::size_t begin = at + 2;
        at = head.find("\r\n", begin);
        const std::string_view field = head.substr(begin, at - begin);
        const std::size_t colon = field.find(':');
        if (colon != std::string_view::npos && equal_in_any_case(field.substr(0, colon), "accept")) out.accept = field.substr(colon + 1);
    }
    return true;
}

/// Everything up to the empty line; empty when it does not come.
std::string read_head(int client) {
    std::string head;
    char buffer[4096];
    while (head.find("\r\n\r\n") == std::string::npos) {
        const ssize_t n = ::recv(client, buffer, sizeof buffer, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0 || head.size() > kLongestRequest) return {};
        head.append(buffer, static_cast<std::size_t>(n));
    }
    return head;
}

void send_all(int client, std::string_view text) {
    while (!text.empty()) {
        const ssize_t n = ::send(client, text.data(), text.size(), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;  // gone; it is its loss
        text.remove_prefix(static_cast<std::size_t>(n));
    }
}

const char* reason(int status) {
    switch (status) {
        case 200: return "OK";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        default: return "Bad Request";
    }
}

}  // namespace

HttpServer::HttpServer(const std::string& address, std::uint16_t port, Answer answer) : answer_(std::move(answer)) {
    sockaddr_in wanted = address_of(address, port);
    listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    socklen_t size = sizeof wanted;
    const bool listens = listening_ >= 0 && ::setsockopt(listening_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                         ::bind(listening_, reinterpret_cast<const sockaddr*>(&wanted), sizeof wanted) == 0 &&
                         ::listen(listening_, 16) == 0 &&
                         ::getsockname(listening_, reinterpret_cast<sockaddr*>(&wanted), &size) == 0 && ::pipe2(stop_, O_CLOEXEC) == 0;
    if (!listens) {
        const int why = errno;
        if (listening_ >= 0) ::close(listening_);
        throw dv::IoError("cannot listen on " + address + ":" + std::to_string(port) + ": " + std::generic_category().message(why) +
                          "; choose another 'port', or 0 for any that is free");
    }
    port_ = ntohs(wanted.sin_port);
    thread_ = std::thread([this] { serve(); });
}

HttpServer::~HttpServer() {
    ::close(stop_[1]);
    thread_.join();
    ::close(stop_[0]);
    ::close(listening_);
}

void HttpServer::serve() {
    while (true) {
        pollfd events[2] = {{listening_, POLLIN, 0}, {stop_[0], 0, 0}};
        if (::poll(events, 2, -1) < 0) continue;
        if (events[1].revents != 0) return;
        const int client = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
        if (client < 0) continue;
        serve_one(client);
        ::close(client);
    }
}

void HttpServer::serve_one(int client) const {
    ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
    ::setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
    const std::string head = read_head(client);
    if (head.empty()) return;
    Request request;
    const Response response = parse(head, request) ? answer_(request) : Response{400, "text/plain", "no HTTP request\n"};
    std::string text = "HTTP/1.1 " + std::to_string(response.status) + " " + reason(response.status) + "\r\nContent-Type: " +
                       response.content_type + "\r\nContent-Length: " + std::to_string(response.body.size()) +
                       "\r\nConnection: close\r\n\r\n";
    if (request.method != "HEAD") text += response.body;
    send_all(client, text);
}

}  // namespace prometheus
