#pragma once
/// The part of a fingerprint that only translation units with torch::nn can know, as a note of its own.
/// Authors do not need this header.

#include <dv/torch/fingerprint.hpp>

#include <torch/nn/module.h>

namespace dv::detail {
namespace {

constexpr std::size_t write_nn_fingerprint(char* buffer) {
    TextOut out{buffer};
    out.put("sizeof_module = ");
    out.integer(sizeof(torch::nn::Module));
    out.put("\n");
    return out.size;
}

constexpr auto make_nn_fingerprint_note() {
    Note<write_nn_fingerprint(nullptr)> note;
    note.type = 0x44560003u;
    write_nn_fingerprint(note.payload);
    return note;
}

#if defined(DV_NO_FINGERPRINT_NOTE)
[[maybe_unused]] constexpr auto nn_fingerprint_note = make_nn_fingerprint_note();
#else
[[gnu::used, gnu::retain, gnu::section(".note.dvhost"), gnu::aligned(4)]] constexpr auto nn_fingerprint_note =
    make_nn_fingerprint_note();
#endif

[[maybe_unused]] constexpr std::string_view nn_fingerprint_text() {
    return {nn_fingerprint_note.payload, nn_fingerprint_note.payload_size};
}

}  // namespace
}  // namespace dv::detail
