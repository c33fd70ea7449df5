#pragma once
/// What most loggers take besides their own parameters, as in Lightning's loggers.
///
///     struct Csv final : dv::Logger, loggers::CommonOptions {
///         static constexpr auto params = loggers::file_schema(dv::p("layout", &Csv::layout, ...));
///         void open() override {
///             folder_ = loggers::output_folder(*this, *this);
///             names_ = loggers::Names(prefix, "-");
///         }
///         void metrics(const dv::Row& row) override {
///             if (!filter_.due(row)) return;
///             ... names_.of(metric.name) ...

#include <dv/logger.hpp>

#include <cmath>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace loggers {

struct CommonOptions {
    std::filesystem::path save_dir;
    std::string name, version, prefix, group;
    std::vector<std::string> tags;
    std::int64_t log_every = 1;
};

namespace detail {
inline constexpr auto kFile = dv::schema(
    dv::p("save_dir", &CommonOptions::save_dir, "", "folder for the output; empty: the run's folder"),
    dv::p("name", &CommonOptions::name, "", "the output goes to <save_dir>/<name>/version_<N>"),
    dv::p("version", &CommonOptions::version, "", "a number N, or the name of the last folder; empty: the next free number"));
inline constexpr auto kRow = dv::schema(
    dv::p("prefix", &CommonOptions::prefix, "", "stands before every name"),
    dv::p("log_every", &CommonOptions::log_every, 1,
          "rows of the same names that are closer than so many steps to the last one written are left out", dv::at_least{1}));
inline constexpr auto kLabels = dv::schema(
    dv::p("group", &CommonOptions::group, "", "a name that several runs share"),
    dv::p("tags", &CommonOptions::tags, dv::empty, "words to find the run by"));
}  // namespace detail

/// The logger's own parameters, then prefix and log_every: for loggers without files of their own.
template <class... Own>
constexpr auto row_schema(Own... own) {
    return std::tuple_cat(dv::schema(own...), detail::kRow);
}
/// Then also save_dir, name and version: for loggers that write files.
template <class... Own>
constexpr auto file_schema(Own... own) {
    return std::tuple_cat(dv::schema(own...), detail::kFile, detail::kRow);
}
/// group and tags instead: for loggers that keep several runs in one place.
template <class... Own>
constexpr auto label_schema(Own... own) {
    return std::tuple_cat(dv::schema(own...), detail::kLabels, detail::kRow);
}
/// All of them: for loggers that file runs under something. `name` and `version` mean what the tool calls so; such
/// a logger declares them itself where that is not a folder.
template <class... Own>
constexpr auto tracker_schema(Own... own) {
    return std::tuple_cat(dv::schema(own...), detail::kFile, detail::kLabels, detail::kRow);
}

/// Where the output goes, made if need be: the run's folder, unless save_dir or name is given; then
/// <save_dir>/<name>/version_<N> with the next free N, or the version asked for. Throws dv::ParameterError when there is no run's
/// folder to fall back to, dv::IoError with path and reason.
std::filesystem::path output_folder(const dv::Component& component, const CommonOptions& options);

/// Names with the prefix before them.
class Names {
public:
    Names() = default;
    Names(std::string_view prefix, std::string_view joiner) : text_(prefix) {
        if (!text_.empty()) text_ += joiner;
        length_ = text_.size();
    }
    /// Valid until the next call.
    std::string_view of(std::string_view name) {
        if (length_ == 0) return name;
        text_.resize(length_);
        return text_ += name;
    }
    std::string_view of(const dv_str& name) { return of(dv::detail::view(name)); }
    /// The row under those names. Valid until the next call.
    dv::Row of(const dv::Row& row) {
        if (length_ == 0) return row;
        metrics_.clear();
        std::size_t i = 0;
        for (const dv_metric& m : row.metrics) {
            if (names_.size() <= i) names_.emplace_back();
            names_[i] = of(m.name);
            metrics_.push_back({dv::detail::borrow(names_[i++]), m.value});
        }
        return {metrics_, row.step, row.epoch, row.wall_time};
    }

private:
    std::string text_;
    std::size_t length_ = 0;
    std::deque<std::string> names_;  // lent by metrics_
    std::vector<dv_metric> metrics_;
};

/// Thins rows out, `log_every`: rows of one set of names keep that distance in steps. A step that goes back (another loop, a new
/// fit) begins anew.
class RowFilter {
public:
    explicit RowFilter(std::int64_t every = 1) : every_(every) {}

    bool due(const dv::Row& row) {
        if (every_ <= 1) return true;
        std::size_t names = row.metrics.size();
        for (const dv_metric& m : row.metrics) {
            names = names * 1000003 + std::hash<std::string_view>{}(dv::detail::view(m.name));
        }
        const auto [last, is_new] = last_.try_emplace(names, row.step);
        if (!is_new && row.step >= last->second && row.step - last->second < every_) return false;
        last->second = row.step;
        return true;
    }

private:
    std::int64_t every_;
    std::unordered_map<std::size_t, std::int64_t> last_;  // step last written, by set of names
};

/// Times of rows, moved by the least that a double can where two rows of one step and epoch have the same: an output without ends of
/// rows then still shows where a row begins.
class DistinctTimes {
public:
    double of(const dv::Row& row) {
        const bool same = row.step == step_ && row.epoch == epoch_ && row.wall_time <= time_ && row.wall_time >= given_;
        given_ = row.wall_time;
        time_ = same ? std::nextafter(time_, std::numeric_limits<double>::infinity()) : row.wall_time;
        step_ = row.step;
        epoch_ = row.epoch;
        return time_;
    }

private:
    std::int64_t step_ = -1, epoch_ = -1;
    double time_ = std::numeric_limits<double>::quiet_NaN(), given_ = time_;
};

}  // namespace loggers
