#pragma once
/// Loops in pieces on several threads.
///
/// at::parallel_for is a serial loop in code that is compiled without OpenMP, and OpenMP's compiler support would bring a second
/// copy of its library. OpenMP's teams also make whoever shares work out wait until every thread has come, and its threads go to
/// sleep almost at once (docs/performance.md): at one sample a step is some hundred pieces of work of 20 to 200 µs, and waking
/// up takes as long. A Team is awake while a run and its gradient go on, and nobody waits for a thread that has not taken a
/// piece.

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

namespace dv::temporal::fast {

/// Multiply-adds that take some tenth of a millisecond on one thread; an OpenMP thread that sleeps is awake after half of that.
inline constexpr double kEnoughWork = 1e7;
/// Some microseconds: what a Team's threads, awake as a rule, need to take a piece.
inline constexpr double kEnoughWorkForTeam = 3e5;

struct Work;

/// Threads that help the one that asks. Started when first needed, ended by the destructor. One asks at a time; a second one works
/// alone.
class Team {
public:
    /// For as many threads as ATen is set to use; null where that is one, or so many that starting them for every run costs more than
    /// it brings (the loop then goes to OpenMP's threads).
    static std::shared_ptr<Team> for_run();

    explicit Team(int n_helpers);
    ~Team();
    Team(const Team&) = delete;
    Team& operator=(const Team&) = delete;

    void take_together(Work& work);

private:
    class Helpers;
    int n_helpers_;
    std::once_flag started_;
    std::unique_ptr<Helpers> helpers_;
};

/// Calls body(begin, end) for pieces of [0, n), each of at most `grain`, by `team`, or where that is null on up to
/// at::get_num_threads() threads; serially when there is one piece or one thread, or so little work (in multiply-adds) that
/// handing it over takes longer. Pieces begin at multiples of `grain`, whatever the number of threads. The body must not throw and
/// must not call into ATen.
void parallel_for(Team* team, std::int64_t n, std::int64_t grain,
                  const std::function<void(std::int64_t, std::int64_t)>& body, double work = kEnoughWork);

}  // namespace dv::temporal::fast
