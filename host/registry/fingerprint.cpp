#include "registry/fingerprint.hpp"

#include "registry/note_toml.hpp"
#include "registry/printable.hpp"

#include <algorithm>
#include <cstdio>

namespace dvhost::registry {
namespace {

enum class Verdict { reject, warn };
enum class Presence { required, where_both_have_it };

struct Field {
    std::string_view key;
    std::string_view before, between;  ///< <before><plugin's value><between><host's value>
    Verdict verdict = Verdict::reject;
    Presence presence = Presence::required;
};

constexpr std::string_view kHost = ", host ";

constexpr Field kFields[] = {
    {"torch_epoch", "built for interface epoch ", ", this host has "},
    {"torch_version", "built for LibTorch ", ", this host runs "},
    {"torch_abi", "built for TORCH_ABI_VERSION ", kHost},
    {"cxx11_abi", "built with _GLIBCXX_USE_CXX11_ABI=", kHost},
    {"glibcxx_debug", "built with _GLIBCXX_DEBUG=", kHost},
    {"gxx_abi", "built with __GXX_ABI_VERSION=", kHost},
    {"sanitizers", "built with sanitizer ", kHost},
    {"exceptions", "built with exceptions ", kHost},
    {"rtti", "built with run-time type information ", kHost},
    {"sizeof_tensor", "at::Tensor has ", " bytes, in the host "},
    {"alignof_tensor", "at::Tensor is aligned to ", " bytes, in the host to "},
    {"sizeof_tensor_options", "c10::TensorOptions has ", " bytes, in the host "},
    {"sizeof_device", "c10::Device has ", " bytes, in the host "},
    {"sizeof_module", "torch::nn::Module has ", " bytes, in the host ", Verdict::reject, Presence::where_both_have_it},
    {"compiler", "built with ", kHost, Verdict::warn},
    {"cplusplus", "built with __cplusplus=", kHost, Verdict::warn},
    {"ndebug", "built with NDEBUG ", kHost, Verdict::warn},
};

/// A value as a sentence shows it; two values are equal exactly if these texts are.
std::string shown(const toml::node& value, std::string_view key) {
    if (const auto* text = value.as_string()) return text->get().empty() ? "none" : printable(text->get());
    if (const auto* flag = value.as_boolean()) return flag->get() ? "on" : "off";
    if (const auto* number = value.as_integer()) {
        if (key != "torch_abi") return std::to_string(number->get());
        char hexadecimal[24];
        std::snprintf(hexadecimal, sizeof hexadecimal, "0x%016llx", static_cast<unsigned long long>(number->get()));
        return hexadecimal;
    }
    return type_name(value);
}

std::string sentence(const Field& field, const std::string& plugin, const std::string& host) {
    return std::string(field.before) + plugin + std::string(field.between) + host;
}

void add_once(std::vector<std::string>& sentences, std::string sentence) {
    if (std::find(sentences.begin(), sentences.end(), sentence) == sentences.end()) {
        sentences.push_back(std::move(sentence));
    }
}

}  // namespace

FingerprintDifferences compare_fingerprints(std::span<const std::string> plugin, std::string_view host) {
    const toml::table host_values = parse_note(host, "the host's fingerprint");
    std::vector<toml::table> notes;
    for (const std::string& text : plugin) notes.push_back(parse_note(text, "a fingerprint note"));

    FingerprintDifferences out;
    for (const Field& field : kFields) {
        const toml::node* wanted = host_values.get(field.key);
        if (!wanted) continue;
        auto& sentences = field.verdict == Verdict::reject ? out.rejected : out.warned;
        bool stated = field.presence == Presence::where_both_have_it;
        for (const toml::table& note : notes) {
            const toml::node* found = note.get(field.key);
            if (!found) continue;
            stated = true;
            const std::string theirs = shown(*found, field.key), ours = shown(*wanted, field.key);
            if (theirs != ours) add_once(sentences, sentence(field, theirs, ours));
        }
        if (!stated) add_once(sentences, "its fingerprint lacks '" + std::string(field.key) + "'");
    }
    return out;
}

std::string fingerprint_refusal(std::string_view plugin_id, std::string_view version,
                                const std::vector<std::string>& rejected) {
    std::string text = "plugin '" + std::string(plugin_id) + "' " + std::string(version) + " can't be used: ";
    for (const std::string& sentence : rejected) text += (&sentence == &rejected.front() ? "" : "; ") + sentence;
    return text +
           ". Rebuild it with: cmake -Ddvsdk_DIR=\u2026 (class T is locked to LibTorch; portable plugins are not).";
}

}  // namespace dvhost::registry
