#include "registry/breadcrumbs.hpp"

#include "registry/boundary.hpp"

#include <atomic>

namespace dvhost::registry {
namespace {

// Process-wide because a signal handler gets no argument.
constinit std::atomic<std::int64_t> current_step{-1};
static_assert(std::atomic<std::int64_t>::is_always_lock_free);

// One word that is there in every thread from its start: reading it in a handler cannot allocate, as reading another
// thread-local of a library opened at run time might. The trail itself is on the heap, because the room for words of this
// sort is small and shared with all other libraries.
[[gnu::tls_model("initial-exec")]] constinit thread_local Trail* entered = nullptr;

struct FreeAtThreadEnd {
    ~FreeAtThreadEnd() {
        delete entered;
        entered = nullptr;
    }
};

}  // namespace

Trail& trail() {
    if (!entered) {
        entered = new Trail;
        thread_local const FreeAtThreadEnd owner;
        (void)owner;
    }
    return *entered;
}

const Trail* trail_if_any() { return entered; }

std::int64_t breadcrumb_step() { return current_step.load(std::memory_order_relaxed); }

void set_breadcrumb_step(std::int64_t step) { current_step.store(step, std::memory_order_relaxed); }

}  // namespace dvhost::registry
