#pragma once
/// The newest values as Prometheus and OpenMetrics text. One thread at a time.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace prometheus {

enum class Format { text_0_0_4, openmetrics_1_0_0 };

/// The media type that goes with it.
std::string_view content_type(Format format);

class Exposition {
public:
    /// `run` becomes a label of every value.
    explicit Exposition(std::string_view run);

    void set(std::string_view name, double value);
    void row(std::int64_t step, std::int64_t epoch);  ///< another row, at this step
    void go_on(std::int64_t rows, std::int64_t step) { rows_ = rows, step_ = step; }  ///< so many rows came before

    std::string text(Format format) const;

private:
    /// Values whose names differ and whose sanitised names do not are one family, told apart by their labels.
    using Family = std::map<std::string, double, std::less<>>;

    std::string run_label_;
    std::map<std::string, Family, std::less<>> families_;  // by sanitised name, then by name
    std::int64_t step_ = 0, epoch_ = -1, rows_ = 0;
};

/// `[a-zA-Z_:][a-zA-Z0-9_:]*`, behind "dvhost_": each other byte becomes `_`.
std::string metric_name(std::string_view name);

}  // namespace prometheus
