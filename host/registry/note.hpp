#pragma once
/// A plugin's notes -> PluginInfo. The format and its limits are docs/plugin_notes.md.

#include "registry/elf.hpp"
#include "registry/schema.hpp"

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace dvhost::registry {

inline constexpr std::size_t kMaxNotePayload = 64 * 1024;     ///< of one note [bytes]
inline constexpr std::size_t kMaxNotesPayload = 1024 * 1024;  ///< of all notes of one file [bytes]
inline constexpr std::size_t kMaxNotes = 4097;                ///< of one file
inline constexpr int kMaxNoteNesting = 16;                    ///< tables and arrays within each other

/// What is wrong with a note; the text names it by its index among the file's notes.
struct NoteError : std::runtime_error {
    using std::runtime_error::runtime_error;
};
/// A plugin, component, interface or parameter name that is not well formed.
struct NameError : NoteError {
    using NoteError::NoteError;
};

/// All that the file's notes say; `path` stays empty. nullopt when it has none of ours. Throws NoteError, ElfError.
std::optional<PluginInfo> read_notes(const ElfImage& image);

/// One component note's text; `name` is how errors call it. For declarations that are not in a file. Throws NoteError.
ComponentInfo read_component_note(std::string_view text, const std::string& name);

/// "vendor.kind.name" with at least `parts` parts of [a-z0-9_]+.
bool well_formed_id(std::string_view id, int parts);

}  // namespace dvhost::registry
