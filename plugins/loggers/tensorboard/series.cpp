#include "series.hpp"

#include "wire/utf8.hpp"

namespace tensorboard {

namespace {

using loggers::wire::Message;

constexpr int kScalarData = 1;

std::string_view word(Kind kind) {
    switch (kind) {
        case Kind::histogram: return "/histogram";
        case Kind::image: return "/image";
        case Kind::text: return "/text";
        default: return "/scalar";
    }
}

/// Tag and everything in front of the four bytes of the number.
std::string head_of(std::string_view tag, Kind kind) {
    std::string out;
    Message value(out);
    value.bytes(1, tag);
    if (kind == Kind::scalar) {
        value.number32(2, 0.0f);  // simple_value
    } else {
        value.nested(8, [](Message& tensor) {
            const float zero[1] = {0.0f};
            tensor.integer(1, 1).bytes(2, "").packed<float>(5, zero);  // DT_FLOAT, no dimensions
        });
    }
    out.resize(out.size() - sizeof(float));
    return out;
}

}  // namespace

Series& AllSeries::find(std::string_view name, Kind kind) {
    if (const auto found = series_.find(name); found != series_.end()) {
        if (found->second.kind == kind) return found->second;
        return find(std::string(name) + std::string(word(kind)), kind);
    }
    const bool scalar = kind == Kind::scalar || kind == Kind::tensor_scalar;
    std::string tag = loggers::wire::valid_utf8(name);
    std::string head = scalar ? head_of(tag, kind) : std::string();
    Series fresh{std::move(tag), kind, std::move(head)};
    return series_.emplace(std::string(name), std::move(fresh)).first->second;
}

void put_metadata(Message& value, std::string_view plugin, std::string_view content, int data_class) {
    value.nested(9, [&](Message& metadata) {
        metadata.nested(1, [&](Message& data) {
            data.bytes(1, plugin);
            if (!content.empty()) data.bytes(2, content);
        });
        metadata.integer(4, data_class);
    });
}

void put_scalar(std::string& summary, Series& series, float number) {
    std::string metadata;
    if (!series.announced && series.kind == Kind::tensor_scalar) {
        Message value(metadata);
        put_metadata(value, "scalars", "", kScalarData);
    }
    series.announced = true;
    summary += '\x0A';  // field 1, length-delimited
    loggers::wire::append_varint(summary, series.head.size() + sizeof number + metadata.size());
    summary += series.head;
    loggers::wire::append_raw(summary, number);
    summary += metadata;
}

}  // namespace tensorboard
