#pragma once
/// SQLite as this logger needs it. One thread at a time.

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace sqlite {

/// An open file. Every function throws dv::IoError with the file and SQLite's own words.
class Database {
public:
    /// Made if it is not there. Readers see what has been committed while it is being written (write-ahead log).
    explicit Database(const std::filesystem::path& file);

    void execute(const char* statements);
    bool in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }
    std::int64_t last_id() const { return sqlite3_last_insert_rowid(handle_.get()); }
    sqlite3* handle() const { return handle_.get(); }
    [[noreturn]] void fail() const;

private:
    struct Close {
        void operator()(sqlite3* handle) const { sqlite3_close(handle); }
    };
    std::string file_;
    std::unique_ptr<sqlite3, Close> handle_;
};

struct Bytes {
    std::string_view bytes;
};

/// A statement that is used again and again.
class Statement {
public:
    Statement(Database& database, const char* text);

    template <class... Values>
    void run(const Values&... values) {
        bind_all(values...);
        step();
        reset();
    }
    /// The first column of the first row, or `otherwise`.
    template <class... Values>
    std::int64_t number(std::int64_t otherwise, const Values&... values) {
        bind_all(values...);
        const std::int64_t out = step() ? sqlite3_column_int64(handle_.get(), 0) : otherwise;
        reset();
        return out;
    }

private:
    struct Finalize {
        void operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
    };
    template <class... Values>
    void bind_all(const Values&... values) {
        int i = 0;
        (bind(++i, values), ...);
    }
    void bind(int i, std::int64_t value);
    void bind(int i, double value);
    void bind(int i, std::string_view value);
    void bind(int i, Bytes value);
    bool step();
    void reset();

    Database& database_;
    std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

}  // namespace sqlite
