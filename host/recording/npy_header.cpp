#include "recording/npy_header.hpp"

#include <dv/error.hpp>

namespace dvhost::recording {

const char* npy_type(at::ScalarType type) {
    switch (type) {
        case at::kFloat: return "<f4";
        case at::kHalf: return "<f2";
        case at::kDouble: return "<f8";
        case at::kLong: return "<i8";
        case at::kBool: return "|b1";
        default: throw dv::Error(std::string("arrays of type ") + c10::toString(type) + " are not written");
    }
}

std::string npy_header(const std::string& type, const std::vector<std::int64_t>& shape) {
    std::string text = "{'descr': '" + type + "', 'fortran_order': False, 'shape': (";
    for (std::size_t i = 0; i < shape.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
    text += shape.size() == 1 ? ",), }" : "), }";
    constexpr std::size_t kBefore = 10, kAlign = 64;
    text.append(kAlign - 1 - (kBefore + text.size()) % kAlign, ' ');
    text += '\n';
    std::string out("\x93NUMPY\x01\x00", 8);
    out += static_cast<char>(text.size() & 0xff);
    out += static_cast<char>(text.size() >> 8);
    return out + text;
}

}  // namespace dvhost::recording
