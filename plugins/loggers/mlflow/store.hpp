#pragma once
/// Where runs go: a server, or a folder.

#include <dv/error.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mlflow {

struct Metric {
    std::string key;
    double value;
    std::int64_t timestamp;  ///< [ms] since 1970
    std::int64_t step;
};
using Pairs = std::vector<std::pair<std::string, std::string>>;

struct Batch {
    std::vector<Metric> metrics;
    Pairs params, tags;

    std::size_t size() const { return metrics.size() + params.size() + tags.size(); }
    void clear() { metrics.clear(), params.clear(), tags.clear(); }
};

enum class Status { running = 1, finished = 3, failed = 4, killed = 5 };

/// The store cannot be reached, or is not well: what was asked may or may not have been done, and is to be asked again.
struct Away : dv::IoError {
    explicit Away(const std::string& text, double wait = 0) : dv::IoError(text), seconds(wait) {}
    double seconds;  ///< how long the store asks to be left alone; 0: it did not say
};
/// The store has understood and will not have it: no use in asking again.
struct Refused : dv::Error {
    using dv::Error::Error;
};
/// The store will have nothing from us as things are: no right to write, no such run.
struct Closed : dv::Error {
    using dv::Error::Error;
};

/// All functions may throw the above; any of them may be called again after Away, with the same effect as once.
class Store {
public:
    Store() = default;
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;
    virtual ~Store() = default;

    /// Finds or makes the run. Returns its id. The calls below are about it.
    virtual std::string begin(const std::string& name, std::int64_t start_time, const Pairs& tags) = 0;
    virtual void log(const Batch& batch) = 0;
    /// A file, under `name` in the run's artifacts.
    virtual void upload(const std::string& name, const std::string& path) = 0;
    virtual void end(Status status, std::int64_t end_time) = 0;
    /// Where people find the run.
    virtual std::string place() const = 0;
};

}  // namespace mlflow
