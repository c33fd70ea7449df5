// dv/abi.h by itself: must compile as C++20 without a warning.
#include <dv/abi.h>

static_assert(DV_ABI_MAJOR == 1 && DV_N_PHASES <= 64, "phases are bits of a uint64_t");

bool reaches_leave(const dv_host* host);
bool reaches_leave(const dv_host* host) { return DV_HAS(host, leave); }
