#pragma once
/// HTTP by libcurl, with its connections kept open.

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mlflow {

struct Reply {
    long status = 0;
    std::string body;
    double retry_after = 0;  ///< [s]; 0: not said
};

/// What is in the environment for MLflow's own client: MLFLOW_TRACKING_USERNAME and _PASSWORD, or
/// MLFLOW_TRACKING_TOKEN, MLFLOW_TRACKING_INSECURE_TLS, MLFLOW_TRACKING_SERVER_CERT_PATH,
/// MLFLOW_TRACKING_CLIENT_CERT_PATH.
struct Access {
    std::string user, password, token;
    std::string server_certificate, client_certificate;
    bool check_certificate = true;

    /// `token_file` holds a token when the environment has none; empty: no file. Throws dv::IoError when it cannot be
    /// read.
    static Access from_environment(const std::string& token_file);
};

/// One thread at a time, but for abandon().
class Http {
public:
    /// `timeout` [s] for a whole request, 10 s at most of it to connect. http_proxy, https_proxy and no_proxy
    /// count, in small or large letters.
    Http(Access access, double timeout);
    ~Http();

    /// Throws Away (store.hpp) when there is no answer; any answer is a Reply.
    Reply get(const std::string& url);
    Reply post(const std::string& url, const std::string& json);
    /// The content of a file. Throws Refused when it cannot be read.
    Reply put_file(const std::string& url, const std::string& path);

    /// Ends the request in hand, and every later one, at once. Any thread.
    void abandon() { abandoned_ = true; }

    static std::string escaped(std::string_view text);

private:
    struct Handle;
    Reply perform(const std::string& url, const std::vector<std::string>& headers);

    Access access_;
    std::unique_ptr<Handle> handle_;
    std::atomic<bool> abandoned_ = false;
};

/// An address without the `user:password@` in it, for people to read.
std::string without_password(const std::string& url);

}  // namespace mlflow
