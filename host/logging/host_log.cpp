#include "logging/host_log.hpp"

#include <dv/abi.h>

#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>

namespace dvhost::logging {

namespace {

class ConsoleSink final : public spdlog::sinks::base_sink<std::mutex> {
public:
    explicit ConsoleSink(Console& console) : console_(console) {}

private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        std::string line = message.level >= spdlog::level::err    ? "error: "
                           : message.level == spdlog::level::warn ? "warning: "
                                                                  : "";
        line.append(message.payload.data(), message.payload.size());
        console_.print(line);
    }
    void flush_() override {}

    Console& console_;
};

spdlog::level::level_enum to_spdlog(std::int32_t level) {
    switch (level) {
        case DV_LOG_DEBUG: return spdlog::level::debug;
        case DV_LOG_INFO: return spdlog::level::info;
        case DV_LOG_WARNING: return spdlog::level::warn;
        default: return spdlog::level::err;
    }
}

}  // namespace

HostLog::HostLog(Console& console, std::int32_t console_level) {
    auto sink = std::make_shared<ConsoleSink>(console);
    sink->set_level(to_spdlog(console_level));
    logger_ = std::make_shared<spdlog::logger>("dvhost", std::move(sink));
    logger_->set_level(spdlog::level::debug);
    logger_->flush_on(spdlog::level::warn);
    // A log that cannot be written must not end a run, nor fill the console.
    logger_->set_error_handler([](const std::string&) {});
}

HostLog::~HostLog() { logger_->flush(); }

void HostLog::log(std::int32_t level, std::string_view who, std::string_view message) {
    std::string line;
    if (!who.empty()) line.append(who).append(": ");
    line.append(message);
    logger_->log(to_spdlog(level), "{}", line);
}

void HostLog::keep_in(const std::filesystem::path& file) {
    try {
        auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file.string(), /*truncate=*/false);
        sink->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
        logger_->sinks().push_back(std::move(sink));
    } catch (const spdlog::spdlog_ex& problem) {
        warn(std::string("no log file: ") + problem.what());
    }
}

}  // namespace dvhost::logging
