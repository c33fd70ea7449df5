#include "operations_file.hpp"

#include <dv/error.hpp>

#include <sqlite3.h>

#include <system_error>
#include <utility>

namespace neptune {

namespace {

/// As neptune-scale 0.30 makes them, version "v5".
constexpr const char* kTables = R"(
    CREATE TABLE run_operations (
        sequence_id INTEGER PRIMARY KEY AUTOINCREMENT,
        timestamp INTEGER NOT NULL,
        operation_type INTEGER NOT NULL,
        operation BLOB NOT NULL,
        operation_size_bytes INTEGER NOT NULL);
    CREATE INDEX idx_run_operations_sequence_size ON run_operations (sequence_id, operation_size_bytes);
    CREATE TABLE metadata (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        version TEXT NOT NULL,
        project TEXT NOT NULL,
        run_id TEXT NOT NULL);
    CREATE TABLE run_operation_submission (
        sequence_id INTEGER PRIMARY KEY,
        timestamp INTEGER NOT NULL,
        request_id TEXT NOT NULL);
    CREATE TABLE file_upload_requests (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        source_path TEXT NOT NULL,
        destination TEXT NOT NULL,
        mime_type TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        is_temporary INTEGER NOT NULL);
    CREATE TABLE operation_errors (
        error_id INTEGER PRIMARY KEY AUTOINCREMENT,
        timestamp INTEGER NOT NULL,
        error_type TEXT NOT NULL,
        error_details TEXT NOT NULL,
        error_body TEXT NOT NULL,
        sequence_id INTEGER);
)";

void bind(sqlite3_stmt* statement, int at, std::string_view text) {
    ::sqlite3_bind_text64(statement, at, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

}  // namespace

void OperationsFile::CloseDatabase::operator()(sqlite3* database) const { ::sqlite3_close(database); }
void OperationsFile::CloseStatement::operator()(sqlite3_stmt* statement) const { ::sqlite3_finalize(statement); }

OperationsFile::OperationsFile(const std::filesystem::path& path, std::string_view project, std::string_view run_id)
    : path_(path) {
    std::error_code failed;
    std::filesystem::create_directories(path.parent_path(), failed);
    if (failed) throw dv::IoError("cannot make the folder '" + path.parent_path().string() + "': " + failed.message());
    if (std::filesystem::exists(path)) throw dv::IoError("'" + path.string() + "' exists; a run's file is a new one");
    open(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    run(kTables);
    const Statement about = prepare("INSERT INTO metadata (version, project, run_id) VALUES ('v5', ?, ?)");
    bind(about.get(), 1, project);
    bind(about.get(), 2, run_id);
    step(about.get());
}

OperationsFile::OperationsFile(const std::filesystem::path& path, std::int64_t last) : path_(path), last_(last) {
    open(SQLITE_OPEN_READWRITE);
    const Statement cut = prepare("DELETE FROM run_operations WHERE sequence_id > ?");
    ::sqlite3_bind_int64(cut.get(), 1, last);
    step(cut.get());
}

OperationsFile::~OperationsFile() = default;

void OperationsFile::open(int flags) {
    sqlite3* database = nullptr;
    const int code = ::sqlite3_open_v2(path_.c_str(), &database, flags, nullptr);
    database_.reset(database);
    if (code != SQLITE_OK) fail();
    run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
}

void OperationsFile::begin_if_needed() {
    if (!in_transaction_) run("BEGIN");
    in_transaction_ = true;
}

void OperationsFile::add_upload(std::string_view source, std::string_view destination, std::string_view media_type, std::int64_t size) {
    begin_if_needed();
    const Statement former = prepare("DELETE FROM file_upload_requests WHERE destination = ?");
    bind(former.get(), 1, destination);
    step(former.get());
    const Statement upload = prepare(
        "INSERT INTO file_upload_requests (source_path, destination, mime_type, size_bytes, is_temporary) VALUES (?, ?, ?, ?, 1)");
    bind(upload.get(), 1, source);
    bind(upload.get(), 2, destination);
    bind(upload.get(), 3, media_type);
    ::sqlite3_bind_int64(upload.get(), 4, size);
    step(upload.get());
}

std::string OperationsFile::run_id() {
    const Statement about = prepare("SELECT run_id FROM metadata");
    if (::sqlite3_step(about.get()) != SQLITE_ROW) fail();
    return reinterpret_cast<const char*>(::sqlite3_column_text(about.get(), 0));
}

void OperationsFile::add(Operation kind, std::string_view message, std::int64_t time_ms) {
    begin_if_needed();
    if (!insert_) {
        insert_ = prepare(
            "INSERT INTO run_operations (timestamp, operation_type, operation, operation_size_bytes) VALUES (?, ?, ?, "
            "?)");
    }
    ::sqlite3_reset(insert_.get());
    ::sqlite3_bind_int64(insert_.get(), 1, time_ms);
    ::sqlite3_bind_int(insert_.get(), 2, static_cast<int>(kind));
    ::sqlite3_bind_blob64(insert_.get(), 3, message.data(), message.size(), SQLITE_TRANSIENT);
    ::sqlite3_bind_int64(insert_.get(), 4, static_cast<sqlite3_int64>(message.size()));
    step(insert_.get());
    last_ = ::sqlite3_last_insert_rowid(database_.get());
}

void OperationsFile::commit() {
    if (!in_transaction_) return;
    run("COMMIT");  // when it fails the transaction stays open, and the next commit tries again
    in_transaction_ = false;
}

void OperationsFile::run(const char* sql) {
    if (::sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail();
}

OperationsFile::Statement OperationsFile::prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    if (::sqlite3_prepare_v2(database_.get(), sql, -1, &statement, nullptr) != SQLITE_OK) fail();
    return Statement(statement);
}

void OperationsFile::step(sqlite3_stmt* statement) {
    if (::sqlite3_step(statement) != SQLITE_DONE) fail();
}

void OperationsFile::fail() const {
    throw dv::IoError("cannot write '" + path_.string() +
                      "': " + (database_ ? ::sqlite3_errmsg(database_.get()) : "out of memory"));
}

std::string media_type(std::string_view extension) {
    constexpr std::pair<std::string_view, std::string_view> kKnown[] = {
        {".csv", "text/csv"}, {".json", "application/json"}, {".png", "image/png"},
        {".svg", "image/svg+xml"}, {".txt", "text/plain"}, {".yaml", "application/yaml"}};
    for (const auto& [ending, type] : kKnown) {
        if (ending == extension) return std::string(type);
    }
    return "application/octet-stream";
}

}  // namespace neptune
