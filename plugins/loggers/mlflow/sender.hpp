#pragma once
/// Brings a journal to a store, on a thread of its own.

#include "journal.hpp"
#include "store.hpp"

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace mlflow {

/// How far the journal has been delivered: beside it, in `<journal>.cursor`, "<bytes> <run id>".
struct Cursor {
    std::uint64_t bytes = 0;
    std::string run_id;

    static Cursor read(const std::filesystem::path& path);  ///< the beginning, when there is none
    void write(const std::filesystem::path& path) const;    ///< throws dv::IoError
};

struct SenderOptions {
    std::filesystem::path journal, cursor;
    std::filesystem::path run;      ///< a cursor at the beginning, for a later process that goes on with the run
    std::filesystem::path refused;  ///< lines that the store will not have, each with the reason
    double first_wait = 0.5;        ///< [s] after the first failure; twice as long after each further one
    double longest_wait = 60.0;     ///< [s]
};

/// Rows are put together into requests; what a store that is away should have is tried again, after a random part of a
/// wait that doubles. What it refuses is put aside, once said, and the rest goes on.
class Sender {
public:
    using Warn = std::function<void(const std::string&)>;

    /// `store` belongs to the sender's thread until this object is gone. `warn`: from that thread.
    Sender(SenderOptions options, Store& store, Warn warn);
    ~Sender();  ///< ends after the request in hand
    Sender(const Sender&) = delete;
    Sender& operator=(const Sender&) = delete;

    /// There is more in the journal, up to `bytes`. [any thread]
    void notice(std::uint64_t bytes);
    /// Waits until everything noticed is delivered, for at most `budget` [s]. True when it is.
    bool drain(double budget);
    /// Why the last try failed; empty when it did not. [any thread]
    std::string problem() const;

private:
    struct Stopped {};  // thrown to leave the thread's work

    void work();
    void deliver_all(JournalReader& reader);
    /// Adds rows to `batch` until it is large enough or something else comes, which is returned.
    std::optional<Entry> gather(JournalReader& reader, Batch& batch, std::uint64_t& end);
    void deliver(const Entry& entry);
    void deliver_batch(const Batch& batch);
    template <class Act>
    void try_until_done(Act&& act);
    void advance(std::uint64_t bytes);
    void put_aside(const std::string& line, const std::string& reason);
    void set_problem(const std::string& text);
    void wait_after_failure(double asked_for);

    SenderOptions options_;
    Store& store_;
    Warn warn_;
    Cursor cursor_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t noticed_ = 0, delivered_ = 0;
    std::string problem_;
    bool stopping_ = false, closed_ = false, hurried_ = false;
    int failures_ = 0;  // in a row
    bool said_refused_ = false;
    std::thread thread_;
};

}  // namespace mlflow
