#pragma once
/// Inside of install_crash_handlers() (boundary.hpp).

namespace dvhost::registry {

/// Gives this thread a stack of its own for signal handlers, so that a plugin that overflows the thread's stack can
/// still be named. Does nothing before install_crash_handlers(), and nothing the second time.
void use_crash_stack() noexcept;

}  // namespace dvhost::registry
