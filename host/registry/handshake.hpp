#pragma once
/// The first words between host and plugin: nothing the plugin hands out is believed before it was looked at.

#include "registry/module.hpp"
#include "registry/schema.hpp"

#include <dv/abi.h>

#include <cstddef>
#include <stdexcept>
#include <string_view>

namespace dvhost::registry {

/// What breaks the contract: the field, what was found, what is accepted.
struct HandshakeError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Checks the entry's answer down to its function pointers: size, version, that all of it lies inside the plugin. A
/// null `plugin` is an error too. Throws HandshakeError.
void check_tables(const Module& module, const dv_plugin* plugin);

/// The size of a portable kind's table as this host knows it; 0 for other interfaces. [bytes]
std::size_t known_table_size(std::string_view iface);

/// "What was listed is what runs": id, version and class of the plugin; the set of component ids; interface and version
/// of each. Precondition: check_tables() was content. Throws HandshakeError naming the component and the side.
void check_against_note(const dv_plugin& plugin, const PluginInfo& note);

}  // namespace dvhost::registry
