#include "records.hpp"

#include "number_text.hpp"

#include <cmath>

namespace wandb {

namespace {

using loggers::wire::append_varint;
using loggers::wire::Message;

void put_if(Message& out, std::uint32_t field, const std::string& text) {
    if (!text.empty()) out.bytes(field, text);
}

void put_options(Message& out, bool defined) {
    out.nested(6, [&](Message& options) { options.boolean(1, true).boolean(3, defined); });
}

}  // namespace

void put_run(Message& out, const RunFacts& run) {
    out.bytes(1, run.id);
    put_if(out, 2, run.entity);
    put_if(out, 3, run.project);
    put_if(out, 6, run.group);
    put_if(out, 7, run.job_type);
    put_if(out, 8, run.name);
    put_if(out, 9, run.notes);
    for (const std::string& tag : run.tags) out.bytes(10, tag);
    put_if(out, 13, run.host);
    if (run.starting_step > 0) out.integer(14, run.starting_step);
    out.nested(17, [&](Message& time) {
        const double whole = std::floor(run.start_time);
        time.integer(1, static_cast<std::int64_t>(whole));
        time.integer(2, static_cast<std::int64_t>((run.start_time - whole) * 1e9));
    });
    if (run.resumed) out.boolean(18, true);
}

void put_metric_rule(Message& out) {
    out.bytes(2, "*").bytes(4, kStepMetric);
    put_options(out, true);
}

void put_metric(Message& out, std::string_view name) {
    out.bytes(1, name).bytes(4, kStepMetric);
    put_options(out, true);
    out.boolean(10, true);
}

std::string item_head(std::string_view name) {
    std::string out;
    Message(out).bytes(2, name);
    append_varint(out, 16u << 3 | 2u);  // value_json
    return out;
}

void put_item_behind(std::string& out, std::string_view head, std::string_view value) {
    out += '\x0A';
    append_varint(out, head.size() + loggers::wire::varint_size(value.size()) + value.size());
    out += head;
    append_varint(out, value.size());
    out += value;
}

void put_item(std::string& out, std::string_view name, std::string_view value) {
    put_item_behind(out, item_head(name), value);
}

void append_number(std::string& out, double value) {
    if (std::isnan(value)) {
        out += "NaN";
    } else if (std::isinf(value)) {
        out += value < 0 ? "-Infinity" : "Infinity";
    } else {
        loggers::append_number(out, value);
    }
}

}  // namespace wandb
