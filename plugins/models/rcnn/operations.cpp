#include "operations.hpp"

#include <algorithm>

namespace rcnn {

using Kind = dv::temporal::Operation::Kind;

namespace {

std::optional<dv::temporal::Operation> resolved(const std::string& name, const Settings& settings, const Parts& parts) {
    const auto plain = [&](Kind kind) { return dv::temporal::Operation{kind, name, std::nullopt}; };
    const auto map = [&](dv::temporal::Map with) { return dv::temporal::Operation{Kind::map, name, std::move(with)}; };
    if (name == "layer") return plain(Kind::layer);
    if (name == "tstep") return plain(Kind::step);
    if (name == "record") return plain(Kind::record);
    if (name == "delay") return plain(Kind::delay);
    if (name == "nonlin") return map(dv::temporal::Relu{});
    if (name == "addskip" && parts.has_skip) return plain(Kind::skip);
    if (name == "addfeedback" && parts.has_feedback) return plain(Kind::feedback);
    if (name == "pool" && parts.pool) return map(*parts.pool);
    if (name == "supralin" && settings.supralinearity != 1.0) {
        return map(dv::temporal::SupraLinear{.exponent = settings.supralinearity});
    }
    return std::nullopt;
}

}  // namespace

bool has_operation(const Settings& settings, std::string_view name) {
    return std::find(settings.operations.begin(), settings.operations.end(), name) != settings.operations.end();
}

void check_operations(const Settings& settings) {
    for (const std::string& name : settings.operations) {
        const auto& known = kOperations.texts;
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        std::string valid;
        for (const std::string_view text : known) valid += (valid.empty() ? "" : ", ") + std::string(text);
        throw dv::ParameterError("operations", "has no operation '" + name + "' to offer; there are: " + valid);
    }
    if (!has_operation(settings, "layer")) {
        throw dv::ParameterError("operations", "lacks 'layer', without which no layer computes anything");
    }
}

std::vector<dv::temporal::Operation> operations_of(const Settings& settings, const Parts& parts) {
    std::vector<dv::temporal::Operation> operations;
    for (const std::string& name : settings.operations) {
        if (auto operation = resolved(name, settings, parts)) operations.push_back(std::move(*operation));
    }
    return operations;
}

}  // namespace rcnn
