#pragma once
/// The offline file of neptune-scale: an SQLite database whose rows are operations, each a serialised message.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace neptune {

enum class Operation { update = 0, create = 1 };

/// One thread at a time. Everything throws dv::IoError with path and reason.
class OperationsFile {
public:
    /// A new file for this run ("workspace/project", id), with folders above it.
    OperationsFile(const std::filesystem::path& path, std::string_view project, std::string_view run_id);
    /// Goes on with a file; operations behind `last` are taken out.
    OperationsFile(const std::filesystem::path& path, std::int64_t last);
    /// What is not committed is lost.
    ~OperationsFile();
    OperationsFile(const OperationsFile&) = delete;
    OperationsFile& operator=(const OperationsFile&) = delete;

    /// Appends an operation; on disk with the next commit().
    void add(Operation kind, std::string_view message, std::int64_t time_ms);
    /// A file that neptune-scale is to upload; one that waits for the same destination is not uploaded any more.
    void add_upload(std::string_view source, std::string_view destination, std::string_view media_type, std::int64_t size);
    void commit();
    std::string run_id();
    /// Number of the last operation.
    std::int64_t last() const { return last_; }

private:
    struct CloseDatabase {
        void operator()(sqlite3* database) const;
    };
    struct CloseStatement {
        void operator()(sqlite3_stmt* statement) const;
    };
    using Statement = std::unique_ptr<sqlite3_stmt, CloseStatement>;

    void open(int flags);
    void run(const char* sql);
    void begin_if_needed();
    Statement prepare(const char* sql);
    void step(sqlite3_stmt* statement);
    [[noreturn]] void fail() const;

    std::filesystem::path path_;
    std::unique_ptr<sqlite3, CloseDatabase> database_;
    Statement insert_;
    std::int64_t last_ = 0;
    bool in_transaction_ = false;
};

/// By a file's extension (".png"), as neptune-scale guesses it.
std::string media_type(std::string_view extension);

}  // namespace neptune
