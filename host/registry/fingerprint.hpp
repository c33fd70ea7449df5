#pragma once
/// Whether C++ objects may pass between a torch-class plugin and this host: their fingerprints, field by field. What a
/// fingerprint holds is sdk/include/dv/torch/fingerprint.hpp.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dvhost::registry {

struct FingerprintDifferences {
    std::vector<std::string> rejected;  ///< "built for LibTorch 2.13.0, this host runs 2.11.0"
    std::vector<std::string> warned;    ///< "built with clang 14, host gcc 12"
};

/// All differences between the plugin's notes (one per translation unit; a note may hold a part of the fields, together
/// they must hold all that the host has) and the host's own text, each named once. Throws NoteError if a text cannot be
/// read.
FingerprintDifferences compare_fingerprints(std::span<const std::string> plugin, std::string_view host);

/// "plugin 'lab.model.foo' 0.3.1 can't be used: built for ...; built with .... Rebuild it with: cmake -Ddvsdk_DIR=…"
std::string fingerprint_refusal(std::string_view plugin_id, std::string_view version,
                                const std::vector<std::string>& rejected);

/// This program's own fingerprint.
std::string host_fingerprint();

/// "2.11": names the directories of plugins that this host's LibTorch can use.
std::string torch_series();

}  // namespace dvhost::registry
