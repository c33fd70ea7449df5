#include "parallel.hpp"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

// libgomp's ABI: runs fn(data) on a team. Weak: a LibTorch built for another OpenMP leaves the loop serial.
extern "C" __attribute__((weak)) void GOMP_parallel(void (*fn)(void*), void* data, unsigned n_threads, unsigned flags);

namespace dv::temporal::fast {

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

namespace {

/// How often a thread looks again before it sleeps: some 50 µs, longer than what lies between two pieces of a layer's work.
constexpr int kLooks = 2000;

/// Returns when `value` is not `unwanted` any more.
void wait_while(const std::atomic<int>& value, int unwanted) {
    for (int i = 0; i < kLooks; ++i) {
        if (value.load(std::memory_order_acquire) != unwanted) return;
        __builtin_ia32_pause();
    }
    value.wait(unwanted);
}

}  // namespace

class Team::Helpers {
public:
    explicit Helpers(int n) {
        for (int i = 0; i < n; ++i) threads_.emplace_back([this] { help(); });
    }
    ~Helpers() {
        ended_ = true;
        call();
        for (std::thread& thread : threads_) thread.join();
    }

    void take_together(Work& work) {
        const std::unique_lock<std::mutex> alone(asking_, std::try_to_lock);
        if (!alone) return work.take();
        work_ = &work;
        call();
        work.take();
        work_ = nullptr;  // whoever comes later finds nothing; those who came before have said so
        for (int n; (n = working_.load()) > 0;) wait_while(working_, n);
    }

private:
    void call() {
        ++calls_;
        calls_.notify_all();
    }

    void help() {
        for (int heard = 0;;) {
            wait_while(calls_, heard);
            heard = calls_;
            if (ended_) return;
            ++working_;
            if (Work* work = work_) work->take();
            --working_;
            working_.notify_all();
        }
    }

    std::mutex asking_;
    std::atomic<int> calls_{0}, working_{0};
    std::atomic<Work*> work_{nullptr};
    std::atomic<bool> ended_{false};
    std::vector<std::thread> threads_;
};

std::shared_ptr<Team> Team::for_run() {
    constexpr int kMost = 8;
    const int n = at::get_num_threads();
    return n < 2 || n > kMost ? nullptr : std::make_shared<Team>(n - 1);
}

Team::Team(int n_helpers) : n_helpers_(n_helpers) {}
Team::~Team() = default;

void Team::take_together(Work& work) {
    std::call_once(started_, [&] { helpers_ = std::make_unique<Helpers>(n_helpers_); });
    helpers_->take_together(work);
}

void parallel_for(Team* team, std::int64_t n, std::int64_t grain,
                  const std::function<void(std::int64_t, std::int64_t)>& body, double work_to_do) {
    Work work{n, grain, body};
    const std::int64_t pieces = (n + grain - 1) / grain;
    const double enough = team ? kEnoughWorkForTeam : kEnoughWork;
    if (pieces < 2 || work_to_do < enough || at::in_parallel_region()) return work.take();
    if (team) return team->take_together(work);
    const auto threads = static_cast<unsigned>(std::min<std::int64_t>(at::get_num_threads(), pieces));
    if (threads < 2 || !GOMP_parallel) return work.take();
    GOMP_parallel([](void* data) { static_cast<Work*>(data)->take(); }, &work, threads, 0);
}

}  // namespace dv::temporal::fast
