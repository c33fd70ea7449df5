#pragma once
/// Reading structs that came through the door: their writer may have been built with an older or a newer abi.h.

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace dvhost::registry {

/// A copy of the part of `door_struct` that this host knows; what an older writer did not have is zero, what a newer
/// one added is left out. `size` in the copy is the writer's. A size that ends inside a field counts as ending before
/// it.
template <class T>
T copy_known(const T* door_struct) {
    static_assert(std::is_trivially_copyable_v<T>);
    T known{};
    const std::size_t n = std::min<std::size_t>(door_struct->size, sizeof(T));
    std::memcpy(&known, door_struct, n - n % alignof(T));
    return known;
}

}  // namespace dvhost::registry
