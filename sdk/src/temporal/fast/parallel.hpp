#pragma once
/// Element-wise loops on the threads that ATen uses.
///
/// at::parallel_for is a serial loop in code that is compiled without OpenMP, and OpenMP's compiler support would bring a second
/// copy of its library. The team that ATen's own operations run on is therefore asked directly, through libgomp's stable entry.

#include <cstdint>
#include <functional>

namespace dv::temporal::fast {

/// Multiply-adds that take some tenth of a millisecond on one thread; a thread that sleeps is awake after half of that.
inline constexpr double kEnoughWork = 1e7;

/// Calls body(begin, end) for pieces of [0, n), each of at most `grain`, on up to at::get_num_threads() threads; serially when
/// there is one piece or one thread, or so little work (in multiply-adds) that waking a thread takes longer. Pieces begin at
/// multiples of `grain`, whatever the number of threads. The body must not throw and must not call into ATen.
void parallel_for(std::int64_t n, std::int64_t grain, const std::function<void(std::int64_t, std::int64_t)>& body,
                  double work = kEnoughWork);

}  // namespace dv::temporal::fast
