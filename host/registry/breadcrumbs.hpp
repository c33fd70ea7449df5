#pragma once
/// Which component of which plugin each thread is in, kept so that a signal handler can read it.

#include <array>
#include <cstdint>

namespace dvhost::registry {

/// The texts live as long as the component's record.
struct Crumb {
    const char* plugin = nullptr;
    const char* component = nullptr;
    const char* hook = nullptr;
};

/// The nested calls of one thread. Calls deeper than the array are counted but not kept.
struct Trail {
    std::array<Crumb, 32> crumbs{};
    std::uint64_t depth = 0;

    /// The innermost one that is kept; null outside any plugin.
    const Crumb* top() const {
        if (depth == 0) return nullptr;
        return &crumbs[(depth < crumbs.size() ? depth : crumbs.size()) - 1];
    }
};

/// This thread's trail.
Trail& trail();

/// The same from a signal handler: null in a thread that never was in a plugin. Allocates nothing.
const Trail* trail_if_any();

/// The step last told by set_breadcrumb_step(); -1 before that.
std::int64_t breadcrumb_step();

}  // namespace dvhost::registry
