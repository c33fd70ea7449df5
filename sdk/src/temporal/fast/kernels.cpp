#include "kernels.hpp"

namespace dv::temporal::fast {

const Kernels<float>* avx512_float();
const Kernels<double>* avx512_double();

namespace {

bool has_avx512() { return __builtin_cpu_supports("avx512f"); }

}  // namespace

template <>
const Kernels<float>* kernels<float>() {
    return has_avx512() ? avx512_float() : nullptr;
}
template <>
const Kernels<double>* kernels<double>() {
    return has_avx512() ? avx512_double() : nullptr;
}

}  // namespace dv::temporal::fast
