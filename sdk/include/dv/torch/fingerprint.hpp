#pragma once
/// What a translation unit was compiled with, as far as it decides whether C++ objects may pass between it and the
/// host.
///
/// LibTorch promises no stable ABI, so a plugin of class `torch` must match its host in everything below. Each of its
/// translation units that includes a torch-class header leaves one note in the plugin (type 0x44560003); the host
/// compares all of them with its own text before it loads the plugin, field by field. Define DV_NO_FINGERPRINT_NOTE
/// where no note is wanted: in the host and in tests. Authors do not need this header.

#include <dv/note.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/TensorOptions.h>

#if __has_include(<torch/headeronly/version.h>)
#include <torch/headeronly/version.h>
#else
#include <torch/version.h>
#endif

#include <string_view>

namespace dv::detail {

/// +1 whenever an interface of dv::abi::v1 changes.
inline constexpr int kTorchEpoch = 4;

// Everything that depends on how this translation unit is compiled has internal linkage: units of one plugin may
// differ.
namespace {

constexpr std::string_view sanitizers() {
#if defined(__SANITIZE_ADDRESS__)
    return "address";
#elif defined(__SANITIZE_THREAD__)
    return "thread";
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    return "address";
#elif __has_feature(thread_sanitizer)
    return "thread";
#endif
#endif
    return "";
}

#if defined(__clang__)
constexpr std::string_view kCompilerFamily = "clang";
constexpr int kCompilerMajor = __clang_major__;
#else
constexpr std::string_view kCompilerFamily = "gcc";
constexpr int kCompilerMajor = __GNUC__;
#endif

#if defined(_GLIBCXX_DEBUG)
constexpr int kGlibcxxDebug = 1;
#else
constexpr int kGlibcxxDebug = 0;
#endif
#if defined(__cpp_exceptions)
constexpr bool kExceptions = true;
#else
constexpr bool kExceptions = false;
#endif
#if defined(__cpp_rtti)
constexpr bool kRtti = true;
#else
constexpr bool kRtti = false;
#endif
#if defined(NDEBUG)
constexpr bool kNdebug = true;
#else
constexpr bool kNdebug = false;
#endif

/// "key = value" lines; the host's reader is host/registry/fingerprint.cpp.
constexpr std::size_t write_fingerprint(char* buffer) {
    TextOut out{buffer};
    const auto key = [&](std::string_view name) {
        out.put(name);
        out.put(" = ");
    };
    const auto integer = [&](std::string_view name, std::int64_t value) {
        key(name);
        out.integer(value);
        out.put("\n");
    };
    const auto flag = [&](std::string_view name, bool value) {
        key(name);
        out.put(value ? "true\n" : "false\n");
    };
    const auto text = [&](std::string_view name, std::string_view value) {
        key(name);
        out.quoted(value);
        out.put("\n");
    };
    integer("torch_epoch", kTorchEpoch);
    text("torch_version", TORCH_VERSION);
    integer("torch_abi", static_cast<std::int64_t>(TORCH_ABI_VERSION));
    integer("cxx11_abi", _GLIBCXX_USE_CXX11_ABI);
    integer("glibcxx_debug", kGlibcxxDebug);
    integer("gxx_abi", __GXX_ABI_VERSION);
    text("sanitizers", sanitizers());
    flag("exceptions", kExceptions);
    flag("rtti", kRtti);
    integer("sizeof_tensor", sizeof(at::Tensor));
    integer("alignof_tensor", alignof(at::Tensor));
    integer("sizeof_tensor_options", sizeof(c10::TensorOptions));
    integer("sizeof_device", sizeof(c10::Device));
    key("compiler");
    out.put("\"");
    out.put(kCompilerFamily);
    out.put(" ");
    out.integer(kCompilerMajor);
    out.put("\"\n");
    integer("cplusplus", __cplusplus);
    flag("ndebug", kNdebug);
    return out.size;
}

constexpr auto make_fingerprint_note() {
    Note<write_fingerprint(nullptr)> note;
    note.type = 0x44560003u;
    write_fingerprint(note.payload);
    return note;
}

#if defined(DV_NO_FINGERPRINT_NOTE)
[[maybe_unused]] constexpr auto fingerprint_note = make_fingerprint_note();
#else
[[gnu::used, gnu::retain, gnu::section(".note.dvhost"), gnu::aligned(4)]] constexpr auto fingerprint_note =
    make_fingerprint_note();
#endif

/// This translation unit's fingerprint.
[[maybe_unused]] constexpr std::string_view fingerprint_text() {
    return {fingerprint_note.payload, fingerprint_note.payload_size};
}

}  // namespace
}  // namespace dv::detail
