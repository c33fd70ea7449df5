#include "hparams.hpp"

#include "wire/proto.hpp"
#include "series.hpp"

#include <algorithm>
#include <cmath>

namespace tensorboard {

namespace {

using loggers::wire::FlatValue;
using loggers::wire::Message;

constexpr int kTensorData = 2;
constexpr int kFloat = 1, kString = 7;  // DataType of a tensor

/// A Value without numbers: what it says is in its metadata. Some readers want a tensor, so it has one without
/// elements.
std::string hparams_value(std::string_view tag, std::string_view content) {
    std::string out;
    Message value(out);
    value.bytes(1, tag);
    value.nested(8, [](Message& tensor) {
        tensor.integer(1, kFloat).nested(
            2, [](Message& shape) { shape.nested(2, [](Message& dimension) { dimension.integer(1, 0); }); });
    });
    put_metadata(value, "hparams", content, kTensorData);
    return out;
}

bool is_text(const FlatValue& hparam) {
    const auto* number = std::get_if<double>(&hparam.value);
    return std::holds_alternative<std::string>(hparam.value) || (number != nullptr && !std::isfinite(*number));
}

enum HparamType { kText = 1, kBool = 2, kNumber = 3 };

HparamType type_of(const FlatValue& hparam) {
    if (is_text(hparam)) return kText;
    return std::holds_alternative<bool>(hparam.value) ? kBool : kNumber;
}

/// google.protobuf.Value.
void put_hparam(Message& value, const FlatValue& hparam) {
    if (is_text(hparam)) {
        value.bytes(3, text_of(hparam));
    } else if (const auto* on = std::get_if<bool>(&hparam.value)) {
        value.boolean(4, *on);
    } else if (const auto* whole = std::get_if<std::int64_t>(&hparam.value)) {
        value.number(2, static_cast<double>(*whole));
    } else {
        value.number(2, std::get<double>(hparam.value));
    }
}

void put_chart(Message& category, const Chart& chart) {
    category.nested(2, [&](Message& out) {
        out.bytes(1, chart.title);
        if (chart.margin.empty()) {
            out.nested(2, [&](Message& multiline) {
                for (const std::string& tag : chart.tags) multiline.bytes(1, tag);
            });
            return;
        }
        out.nested(3, [&](Message& margin) {
            for (std::size_t i = 0; i + 2 < chart.margin.size(); i += 3) {
                margin.nested(1, [&](Message& series) {
                    series.bytes(1, chart.margin[i]).bytes(2, chart.margin[i + 1]).bytes(3, chart.margin[i + 2]);
                });
            }
        });
    });
}

std::vector<std::string> categories_of(std::span<const Chart> charts) {
    std::vector<std::string> out;
    for (const Chart& chart : charts) {
        if (std::ranges::find(out, chart.category) == out.end()) out.push_back(chart.category);
    }
    return out;
}

}  // namespace

std::string experiment_value(std::span<const FlatValue> hparams, std::span<const std::string> metrics, double now) {
    std::string content;
    Message(content).integer(1, 0).nested(2, [&](Message& experiment) {
        experiment.number(3, now);
        for (const FlatValue& hparam : hparams) {
            experiment.nested(4, [&](Message& info) { info.bytes(1, hparam.name).integer(4, type_of(hparam)); });
        }
        for (const std::string& tag : metrics) {
            experiment.nested(
                5, [&](Message& info) { info.nested(1, [&](Message& name) { name.bytes(2, tag); }).bytes(3, tag); });
        }
    });
    return hparams_value("_hparams_/experiment", content);
}

std::string session_start_value(std::span<const FlatValue> hparams, std::string_view group, double now) {
    std::string content;
    Message(content).integer(1, 0).nested(3, [&](Message& start) {
        for (const FlatValue& hparam : hparams) {
            start.nested(1, [&](Message& entry) {
                entry.bytes(1, hparam.name).nested(2, [&](Message& value) { put_hparam(value, hparam); });
            });
        }
        if (!group.empty()) start.bytes(4, group);
        start.number(5, now);
    });
    return hparams_value("_hparams_/session_start_info", content);
}

std::string session_end_value(SessionEnd outcome, double now) {
    std::string content;
    Message(content).integer(1, 0).nested(
        4, [&](Message& end) { end.integer(1, static_cast<int>(outcome)).number(2, now); });
    return hparams_value("_hparams_/session_end_info", content);
}

std::string layout_value(std::span<const Chart> charts) {
    std::string layout;
    Message message(layout);
    message.integer(1, 0);
    for (const std::string& name : categories_of(charts)) {
        message.nested(2, [&](Message& category) {
            category.bytes(1, name);
            for (const Chart& chart : charts) {
                if (chart.category == name) put_chart(category, chart);
            }
        });
    }
    std::string out;
    Message value(out);
    value.bytes(1, "custom_scalars__config__");
    value.nested(8, [&](Message& tensor) { tensor.integer(1, kString).bytes(2, "").bytes(8, layout); });
    put_metadata(value, "custom_scalars", "", kTensorData);
    return out;
}

}  // namespace tensorboard
