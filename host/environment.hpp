#pragma once
/// What a process needs before LibTorch is loaded into it. Standard library only.

#include <cstdio>
#include <cstdlib>
#include <ctime>

#include <malloc.h>

namespace dvhost {

/// Sets what LibTorch's OpenMP runtime reads when it is loaded, how freed memory is kept, and DVHOST_STARTED_AT, when the
/// program began.
///
/// By default that runtime lets idle threads spin for long; where anything else runs, steps then slow down several
/// times, on some machines up to 80 times. A very short spin, then sleep, bounds that, at a price on a machine of one's
/// own (docs/performance.md has both figures). Whoever sets GOMP_SPINCOUNT or OMP_WAIT_POLICY keeps their own choice.
inline void prepare_environment() {
    if (std::getenv("OMP_WAIT_POLICY") == nullptr) setenv("GOMP_SPINCOUNT", "300", /*overwrite=*/0);
    // A step allocates what the step before freed. By default blocks above 32 MB go back to the kernel each time and are cleared
    // page by page when they return, which takes a sixth of a training step.
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, -1);
    // For "first step after …": the kernel only knows when the process began, perhaps as a shell.
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    char text[32];
    std::snprintf(text, sizeof text, "%lld.%09ld", static_cast<long long>(now.tv_sec), now.tv_nsec);
    setenv("DVHOST_STARTED_AT", text, /*overwrite=*/1);
}

}  // namespace dvhost
