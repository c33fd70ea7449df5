#pragma once
/// Parameters as people read them: tables, example TOML, the generated reference pages.

#include "registry/registry.hpp"

#include <string>

namespace dvhost::cli {

/// A component's page: what it is, parameters, example table.
std::string component_text(const registry::ComponentInfo& component, const registry::PluginInfo& plugin);

/// docs/manifest.md: every table of a manifest and the keys that the host reads in it.
std::string manifest_reference();
/// docs/plugins.md: every component found, with its parameters.
std::string plugin_reference(const registry::Registry& plugins);
/// The same facts for programs (editor completion).
std::string json_reference(const registry::Registry& plugins);

}  // namespace dvhost::cli
