#include "exposition.hpp"

#include "number_text.hpp"

#include <cmath>

namespace prometheus {

namespace {

/// In a label's value: backslash, quote and line end are escaped.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\' || c == '"') out += '\\';
        if (c == '\n') {
            out += "\\n";
        } else {
            out += c;
        }
    }
    return out;
}

void append_value(std::string& out, double value) {
    if (std::isnan(value)) {
        out += "NaN";
    } else if (std::isinf(value)) {
        out += value < 0 ? "-Inf" : "+Inf";
    } else {
        loggers::append_number(out, value);
    }
}

void append_head(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
    out.append("# HELP ").append(name).append(" ").append(help).append("\n");
    out.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

}  // namespace

std::string_view content_type(Format format) {
    return format == Format::openmetrics_1_0_0 ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                               : "text/plain; version=0.0.4; charset=utf-8";
}

std::string metric_name(std::string_view name) {
    std::string out = "dvhost_";
    for (const char c : name) {
        const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
        out += fits ? c : '_';
    }
    return out;
}

Exposition::Exposition(std::string_view run) : run_label_("run=\"" + escaped(run) + "\"") {}

void Exposition::set(std::string_view name, double value) {
    Family& family = families_[metric_name(name)];
    const auto known = family.find(name);
    if (known != family.end()) {
        known->second = value;
    } else {
        family.emplace(name, value);
    }
}

void Exposition::row(std::int64_t step, std::int64_t epoch) {
    step_ = step;
    if (epoch >= 0) epoch_ = epoch;
    ++rows_;
}

std::string Exposition::text(Format format) const {
    std::string out;
    const auto own = [&](std::string_view name, std::string_view type, std::string_view help, std::int64_t value) {
        const bool counter = type == "counter";
        // OpenMetrics names the family, the older text the series.
        append_head(out, counter && format == Format::text_0_0_4 ? std::string(name) + "_total" : std::string(name), type, help);
        out.append(name).append(counter ? "_total{" : "{").append(run_label_).append("} ");
        loggers::append_number(out, value);
        out += '\n';
    };
    own("dvhost_run_step", "gauge", "optimizer steps at the last row", step_);
    if (epoch_ >= 0) own("dvhost_run_epoch", "gauge", "epoch of the last row", epoch_);
    own("dvhost_run_rows", "counter", "rows logged", rows_);
    for (const auto& [family, values] : families_) {
        append_head(out, family, "gauge", "newest value of what the label says");
        for (const auto& [name, value] : values) {
            out.append(family).append("{").append(run_label_).append(",name=\"").append(escaped(name)).append("\"} ");
            append_value(out, value);
            out += '\n';
        }
    }
    if (format == Format::openmetrics_1_0_0) out += "# EOF\n";
    return out;
}

}  // namespace prometheus
