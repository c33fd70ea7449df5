#include "http.hpp"

#include "store.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace mlflow {

namespace {

constexpr std::size_t kLongestBody = std::size_t{16} << 20;
constexpr long kConnectTimeout = 10;  // [s]

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
}

/// libcurl knows https_proxy, HTTPS_PROXY, no_proxy and NO_PROXY, but of http_proxy only the small letters, because a web
/// server hands a visitor's header on as HTTP_PROXY. MLflow's own client takes both, and we serve nobody.
std::string proxy_for(const std::string& url) {
    return url.starts_with("http://") && environment("http_proxy").empty() ? environment("HTTP_PROXY") : std::string();
}

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* out) {
    auto& body = *static_cast<std::string*>(out);
    if (body.size() + size * count > kLongestBody) return 0;  // ends the request
    body.append(data, size * count);
    return size * count;
}

int ask_abandoned(void* flag, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return *static_cast<const std::atomic<bool>*>(flag) ? 1 : 0;
}

struct FileCloser {
    void operator()(std::FILE* file) const { std::fclose(file); }
};
struct HeaderFree {
    void operator()(curl_slist* list) const { ::curl_slist_free_all(list); }
};

}  // namespace

struct Http::Handle {
    CURL* curl = ::curl_easy_init();
    ~Handle() { ::curl_easy_cleanup(curl); }
};

Access Access::from_environment(const std::string& token_file) {
    Access out;
    out.user = environment("MLFLOW_TRACKING_USERNAME");
    out.password = environment("MLFLOW_TRACKING_PASSWORD");
    out.token = environment("MLFLOW_TRACKING_TOKEN");
    out.server_certificate = environment("MLFLOW_TRACKING_SERVER_CERT_PATH");
    out.client_certificate = environment("MLFLOW_TRACKING_CLIENT_CERT_PATH");
    std::string insecure = environment("MLFLOW_TRACKING_INSECURE_TLS");
    out.check_certificate = insecure != "true" && insecure != "1";
    if (!out.token.empty() || !out.user.empty() || token_file.empty()) return out;
    std::ifstream file(token_file);
    if (!std::getline(file, out.token)) throw dv::IoError("cannot read a token from '" + token_file + "'");
    return out;
}

Http::Http(Access access, double timeout) : access_(std::move(access)), handle_(std::make_unique<Handle>()) {
    CURL* curl = handle_->curl;
    if (curl == nullptr) throw dv::Error("libcurl could not be started");
    ::curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    ::curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    ::curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectTimeout);
    ::curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout * 1000));
    ::curl_easy_setopt(curl, CURLOPT_USERAGENT, "dvhost");
    ::curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    ::curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    ::curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, ask_abandoned);
    ::curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &abandoned_);
    ::curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, access_.check_certificate ? 1L : 0L);
    ::curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, access_.check_certificate ? 2L : 0L);
    if (!access_.server_certificate.empty())
        ::curl_easy_setopt(curl, CURLOPT_CAINFO, access_.server_certificate.c_str());
    if (!access_.client_certificate.empty())
        ::curl_easy_setopt(curl, CURLOPT_SSLCERT, access_.client_certificate.c_str());
    if (!access_.user.empty()) {
        ::curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        ::curl_easy_setopt(curl, CURLOPT_USERNAME, access_.user.c_str());
        ::curl_easy_setopt(curl, CURLOPT_PASSWORD, access_.password.c_str());
    } else if (!access_.token.empty()) {
        ::curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        ::curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, access_.token.c_str());
    }
}

Http::~Http() = default;

Reply Http::get(const std::string& url) {
    ::curl_easy_setopt(handle_->curl, CURLOPT_HTTPGET, 1L);
    return perform(url, {});
}

Reply Http::post(const std::string& url, const std::string& json) {
    ::curl_easy_setopt(handle_->curl, CURLOPT_POST, 1L);
    ::curl_easy_setopt(handle_->curl, CURLOPT_POSTFIELDS, json.c_str());
    ::curl_easy_setopt(handle_->curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(json.size()));
    return perform(url, {"Content-Type: application/json", "Expect:"});
}

Reply Http::put_file(const std::string& url, const std::string& path) {
    const std::unique_ptr<std::FILE, FileCloser> file(std::fopen(path.c_str(), "rb"));
    if (!file) throw Refused("cannot read '" + path + "'");
    std::fseek(file.get(), 0, SEEK_END);
    const auto size = static_cast<curl_off_t>(std::ftell(file.get()));
    std::rewind(file.get());
    ::curl_easy_setopt(handle_->curl, CURLOPT_UPLOAD, 1L);
    ::curl_easy_setopt(handle_->curl, CURLOPT_READDATA, file.get());
    ::curl_easy_setopt(handle_->curl, CURLOPT_INFILESIZE_LARGE, size);
    const Reply reply = perform(url, {"Content-Type: application/octet-stream", "Expect:"});
    ::curl_easy_setopt(handle_->curl, CURLOPT_UPLOAD, 0L);
    return reply;
}

Reply Http::perform(const std::string& url, const std::vector<std::string>& headers) {
    CURL* curl = handle_->curl;
    std::unique_ptr<curl_slist, HeaderFree> list;
    for (const std::string& header : headers) list.reset(::curl_slist_append(list.release(), header.c_str()));
    Reply reply;
    ::curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    const std::string proxy = proxy_for(url);
    ::curl_easy_setopt(curl, CURLOPT_PROXY, proxy.empty() ? nullptr : proxy.c_str());
    ::curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list.get());
    ::curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply.body);
    const CURLcode code = ::curl_easy_perform(curl);
    ::curl_easy_setopt(curl, CURLOPT_HTTPHEADER, nullptr);
    if (code != CURLE_OK) throw Away(without_password(url) + ": " + ::curl_easy_strerror(code));
    ::curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
    curl_off_t wait = 0;
    ::curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &wait);
    reply.retry_after = static_cast<double>(wait);
    return reply;
}

std::string Http::escaped(std::string_view text) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (byte < 0x80 && std::isalnum(byte) != 0) || c == '-' || c == '_' || c == '.' || c == '~';
        if (plain) {
            out += c;
        } else {
            out += '%';
            out += kHex[byte >> 4];
            out += kHex[byte & 15u];
        }
    }
    return out;
}

std::string without_password(const std::string& url) {
    const std::size_t begin = url.find("://");
    if (begin == std::string::npos) return url;
    const std::size_t end = std::min(url.find_first_of("/?#", begin + 3), url.size());
    const std::size_t at = url.substr(0, end).rfind('@');
    return at == std::string::npos || at < begin ? url : url.substr(0, begin + 3) + url.substr(at + 1);
}

}  // namespace mlflow
