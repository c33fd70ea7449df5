#include "database.hpp"

#include <dv/error.hpp>

namespace sqlite {

namespace {
constexpr int kPatience = 10'000;  // [ms] while another run commits to the same file
}

Database::Database(const std::filesystem::path& file) : file_(file.string()) {
    sqlite3* opened = nullptr;
    const int code = sqlite3_open_v2(file_.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    handle_.reset(opened);
    if (code != SQLITE_OK) fail();
    sqlite3_busy_timeout(handle_.get(), kPatience);
    execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;");
}

void Database::execute(const char* statements) {
    if (sqlite3_exec(handle_.get(), statements, nullptr, nullptr, nullptr) != SQLITE_OK) fail();
}

void Database::fail() const {
    throw dv::IoError("cannot write '" + file_ + "': " + (handle_ ? sqlite3_errmsg(handle_.get()) : "out of memory"));
}

Statement::Statement(Database& database, const char* text) : database_(database) {
    sqlite3_stmt* prepared = nullptr;
    const int code = sqlite3_prepare_v3(database.handle(), text, -1, SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
    handle_.reset(prepared);
    if (code != SQLITE_OK) database.fail();
}

void Statement::bind(int i, std::int64_t value) { sqlite3_bind_int64(handle_.get(), i, value); }
void Statement::bind(int i, double value) { sqlite3_bind_double(handle_.get(), i, value); }
void Statement::bind(int i, std::string_view value) {
    sqlite3_bind_text64(handle_.get(), i, value.data(), value.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void Statement::bind(int i, Bytes value) {
    sqlite3_bind_blob64(handle_.get(), i, value.bytes.data(), value.bytes.size(), SQLITE_STATIC);
}

bool Statement::step() {
    const int code = sqlite3_step(handle_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    try {
        database_.fail();
    } catch (...) {
        reset();
        throw;
    }
}

void Statement::reset() {
    sqlite3_reset(handle_.get());
    sqlite3_clear_bindings(handle_.get());
}

}  // namespace sqlite
