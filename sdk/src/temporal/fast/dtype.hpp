#pragma once
/// From a dtype known at run time to a type.

#include <dv/error.hpp>

#include <c10/core/ScalarType.h>

#include <string>

namespace dv::temporal::fast {

/// body(T{}) for the one of Ts that `type` is. Throws Error when it is none of them.
template <class... Ts, class Body>
void with_type_of(at::ScalarType type, const Body& body) {
    const bool found = ((type == c10::CppTypeToScalarType<Ts>::value && (body(Ts{}), true)) || ...);
    if (found) return;
    std::string known;
    ((known += (known.empty() ? "" : ", ") + std::string(toString(c10::CppTypeToScalarType<Ts>::value))), ...);
    throw Error("this part of the fast plan computes in " + known + "; found " + std::string(toString(type)));
}

/// Of those that scans are made for.
template <class Body>
void with_type(at::ScalarType type, const Body& body) {
    with_type_of<float, double, c10::BFloat16>(type, body);
}

}  // namespace dv::temporal::fast
