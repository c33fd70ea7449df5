#pragma once
/// What was logged, one JSON object a line, kept until the store has it:
///
///   {"begin":{"name":"...","time":MS,"tags":[[KEY,VALUE],...]}}
///   {"metrics":[[KEY,VALUE],...],"time":MS,"step":N}      {"params":[[KEY,VALUE],...]}
///   {"file":{"name":"...","path":"..."}}                  {"end":{"status":N,"time":MS}}

#include "wire/append_file.hpp"
#include "store.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace mlflow {

/// Makes lines. A metric's key is given as JSON, because it comes again and again.
namespace line {
std::string begin(const std::string& name, std::int64_t time, const Pairs& tags);
void begin_metrics(std::string& out);
void put_metric(std::string& out, std::string_view json_key, double value);
void end_metrics(std::string& out, std::int64_t time, std::int64_t step);
std::string params(const Pairs& params);
std::string file(const std::string& name, const std::string& path);
std::string end(Status status, std::int64_t time);
}  // namespace line

struct BeginEntry {
    std::string name;
    std::int64_t time;
    Pairs tags;
};
struct FileEntry {
    std::string name, path;
};
struct EndEntry {
    Status status;
    std::int64_t time;
};
using Entry = std::variant<Batch, BeginEntry, FileEntry, EndEntry>;

/// One line, read. Throws dv::Error when it is none of the above.
Entry read_line(std::string_view text);

/// Reads whole lines of a file that somebody else goes on writing.
class JournalReader {
public:
    explicit JournalReader(std::filesystem::path path, std::uint64_t offset)
        : path_(std::move(path)), offset_(offset) {}
    /// The next line; false when there is no whole one. Throws dv::IoError.
    bool next(std::string& line);
    /// Where the line after the last one begins.
    std::uint64_t offset() const { return offset_; }

private:
    std::filesystem::path path_;
    std::uint64_t offset_;
    std::string buffer_;  // from offset_ on
    std::size_t used_ = 0;
};

}  // namespace mlflow
