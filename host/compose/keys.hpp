#pragma once
/// Reading the host's own keys of a checked table.

#include "compose/config_view.hpp"
#include "manifest/node.hpp"

#include <dv/binding.hpp>

#include <string_view>

namespace dvhost::compose {

/// `table` as the struct that declares its keys (roles.hpp).
template <class Keys>
Keys keys_of(const manifest::Node& table) {
    Keys keys;
    const dv_config config = config_view(table);
    const dv_host nobody{};  // none of the host's own keys is a nested component
    dv::detail::bind_table(nobody, config, config.root, keys);
    return keys;
}

/// Whether a key was written by somebody, or is a default.
inline bool is_written(const manifest::Node& table, std::string_view key) {
    return table.find(key)->source().kind != manifest::Source::Kind::fallback;
}

}  // namespace dvhost::compose
