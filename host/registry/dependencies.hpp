#pragma once
/// Whether everything that a plugin expects from elsewhere is there: its needed libraries and every imported name.
/// Nothing is loaded to find out. dlopen() would name the first missing thing only.

#include "registry/preflight.hpp"

namespace dvhost::registry {

/// Throws Refusal (rejected): Python or a second LibTorch among the needed libraries, or libraries that cannot be
/// found, all of them, those that they need included.
void check_needed_libraries(const PluginFile& file, const ElfImage& image);

/// Throws Refusal (rejected) with every imported name (demangled) that neither the needed libraries nor the program
/// offer. Precondition: check_needed_libraries() was content.
void check_imports(const PluginFile& file, const ElfImage& image);

}  // namespace dvhost::registry
