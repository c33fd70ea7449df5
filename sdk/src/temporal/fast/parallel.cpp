#include "parallel.hpp"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>

// libgomp's ABI: runs fn(data) on a team. Weak: a LibTorch built for another OpenMP leaves the loop serial.
extern "C" __attribute__((weak)) void GOMP_parallel(void (*fn)(void*), void* data, unsigned n_threads, unsigned flags);

namespace dv::temporal::fast {

namespace {

struct Work {
    std::int64_t n, grain;
    const std::function<void(std::int64_t, std::int64_t)>& body;
    std::atomic<std::int64_t> next{0};

    void take() {
        for (std::int64_t begin; (begin = next.fetch_add(grain, std::memory_order_relaxed)) < n;) {
            body(begin, std::min(begin + grain, n));
        }
    }
};

}  // namespace

void parallel_for(std::int64_t n, std::int64_t grain, const std::function<void(std::int64_t, std::int64_t)>& body,
                  double work_to_do) {
    Work work{n, grain, body};
    const std::int64_t pieces = (n + grain - 1) / grain;
    const auto threads = static_cast<unsigned>(std::min<std::int64_t>(at::get_num_threads(), pieces));
    if (threads < 2 || work_to_do < kEnoughWork || !GOMP_parallel || at::in_parallel_region()) {
        work.take();
        return;
    }
    GOMP_parallel([](void* data) { static_cast<Work*>(data)->take(); }, &work, threads, 0);
}

}  // namespace dv::temporal::fast
