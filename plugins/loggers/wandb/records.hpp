#pragma once
/// Records of W&B's transaction log, wandb_internal.Record: number, content, and whose they are.

#include "wire/proto.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace wandb {

/// Which content a record has: the field's number.
enum class Content : std::uint32_t {
    history = 2,
    summary = 3,
    config = 5,
    files = 6,
    metric = 12,
    run = 17,
    exit = 18,
    final = 20,
    header = 21,
    environment = 26,
};

/// A record with this content; `write(Message&)` appends the content's fields.
template <class Write>
std::string record(std::int64_t number, Content content, Write&& write) {
    std::string out;
    loggers::wire::Message message(out);
    message.integer(1, number).nested(static_cast<std::uint32_t>(content), write);
    return out;
}

struct RunFacts {
    std::string id, entity, project, group, job_type, name, notes, host;
    std::vector<std::string> tags;
    double start_time = 0;  ///< [s] since 1970
    std::int64_t starting_step = 0;
    bool resumed = false;
};
void put_run(loggers::wire::Message& out, const RunFacts& run);

/// Step metric of all others: what Lightning's logger calls trainer/global_step.
inline constexpr std::string_view kStepMetric = "trainer/global_step";
/// "*" goes by the step metric.
void put_metric_rule(loggers::wire::Message& out);
/// What that rule means for one name.
void put_metric(loggers::wire::Message& out, std::string_view name);

/// An item of a row or of the summary: field 1 of either. `value` is JSON.
void put_item(std::string& out, std::string_view name, std::string_view value);
/// The front of such an item, made once per name, and its use.
std::string item_head(std::string_view name);
void put_item_behind(std::string& out, std::string_view head, std::string_view value);

/// A number as W&B's JSON has it, with the words NaN, Infinity and -Infinity.
void append_number(std::string& out, double value);

}  // namespace wandb
