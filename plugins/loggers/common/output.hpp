#pragma once
/// Which file a logger writes, and where it goes on after a kill.

#include "line_file.hpp"
#include "logger_options.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace loggers {

struct Output {
    std::filesystem::path file;
    std::optional<std::uint64_t> resumed;  ///< what position() was given; absent: a new file
    std::uint64_t resumed_id = 0;          ///< and the id

    /// For dv::Logger::position(): `count` bytes, or rows, of the file are safe; `id` is for a logger that needs one more number.
    std::string position(std::uint64_t count, std::uint64_t id = 0) const {
        return std::to_string(count) + " " + std::to_string(id) + " " + file.string();
    }
};

/// `path`, unless absolute, is seen from output_folder(). Throws dv::ParameterError, dv::IoError.
Output find_output(const dv::Logger& logger, const CommonOptions& options, const std::string& path);

/// Before a line is added: warns when that is the first one and an earlier file goes.
void warn_if_replaced(const dv::Logger& logger, const LineFile& file);

}  // namespace loggers
