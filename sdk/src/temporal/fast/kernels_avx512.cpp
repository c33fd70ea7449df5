#include "kernels.hpp"

#include <immintrin.h>

// Everything below is compiled for AVX-512, whatever the rest is compiled for. It has internal linkage and uses nothing of the
// standard library, so that the linker cannot merge it with a copy that other code relies on.
#pragma GCC target("avx512f,fma")
#pragma GCC optimize("O3,fp-contract=fast")

namespace dv::temporal::fast {

namespace {

template <class T>
struct Vector {
    typedef T type __attribute__((vector_size(64)));
    typedef T unaligned __attribute__((vector_size(64), aligned(sizeof(T))));
};

template <class T>
inline __attribute__((always_inline)) typename Vector<T>::type load(const T* from) {
    return *reinterpret_cast<const typename Vector<T>::unaligned*>(from);
}

/// The first n lanes; the others are zeros and are not read.
inline __attribute__((always_inline)) Vector<float>::type load(const float* from, __mmask16 lanes) {
    return _mm512_maskz_loadu_ps(lanes, from);
}
inline __attribute__((always_inline)) Vector<double>::type load(const double* from, __mmask16 lanes) {
    return _mm512_maskz_loadu_pd(static_cast<__mmask8>(lanes), from);
}
inline __attribute__((always_inline)) void store(float* to, Vector<float>::type v, __mmask16 lanes) {
    _mm512_mask_storeu_ps(to, lanes, v);
}
inline __attribute__((always_inline)) void store(double* to, Vector<double>::type v, __mmask16 lanes) {
    _mm512_mask_storeu_pd(to, static_cast<__mmask8>(lanes), v);
}
template <class T>
inline __attribute__((always_inline)) __mmask16 first_lanes(int n) {
    return static_cast<__mmask16>(n >= kLanes<T> ? (1 << kLanes<T>)-1 : (1 << (n > 0 ? n : 0)) - 1);
}

template <class T, int kR, int kV>
void rows_kernel(const RowsTask<T>& t) {
    using V = typename Vector<T>::type;
    V sum[kR][kV];
#pragma GCC unroll 4
    for (int v = 0; v < kV; ++v) {
        const V start = t.start ? load(t.start + v * kLanes<T>) : V{};
#pragma GCC unroll 8
        for (int i = 0; i < kR; ++i) sum[i][v] = start;
    }
    for (std::int64_t tap = 0; tap < t.n_taps; ++tap) {
        const T* a[kR];
#pragma GCC unroll 8
        for (int i = 0; i < kR; ++i) a[i] = t.a[tap * kR + i];
        const T* b = t.b[tap];
        for (std::int64_t k = 0; k < t.k; ++k) {
            V panel[kV];
#pragma GCC unroll 4
            for (int v = 0; v < kV; ++v) panel[v] = load(b + v * kLanes<T>);
            b += kV * kLanes<T>;
#pragma GCC unroll 8
            for (int i = 0; i < kR; ++i) {
                const T one = a[i][k];
#pragma GCC unroll 4
                for (int v = 0; v < kV; ++v) sum[i][v] += one * panel[v];
            }
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < kR; ++i) {
#pragma GCC unroll 4
        for (int v = 0; v < kV; ++v) store(t.c[i] + v * kLanes<T>, sum[i][v], first_lanes<T>(t.width - v * kLanes<T>));
    }
}

template <class T, int kR, int kV>
void sum_kernel(const SumTask<T>& t) {
    using V = typename Vector<T>::type;
    V sum[kR][kV];
#pragma GCC unroll 8
    for (int i = 0; i < kR; ++i) {
#pragma GCC unroll 4
        for (int v = 0; v < kV; ++v) sum[i][v] = load(t.c + i * t.c_row + v * kLanes<T>);
    }
    const __mmask16 last = first_lanes<T>(t.last_width);
    for (std::int64_t n = 0; n < t.n; ++n) {
        const T* a = t.a[n] + t.a_from;
        const T* b = t.b[n] + t.b_from;
        V panel[kV];
#pragma GCC unroll 4
        for (int v = 0; v + 1 < kV; ++v) panel[v] = load(b + v * kLanes<T>);
        panel[kV - 1] = load(b + (kV - 1) * kLanes<T>, last);
#pragma GCC unroll 8
        for (int i = 0; i < kR; ++i) {
            const T one = a[i];
#pragma GCC unroll 4
            for (int v = 0; v < kV; ++v) sum[i][v] += one * panel[v];
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < kR; ++i) {
#pragma GCC unroll 4
        for (int v = 0; v < kV; ++v) store(t.c + i * t.c_row + v * kLanes<T>, sum[i][v], first_lanes<T>(kLanes<T>));
    }
}

template <class T, int kV>
void rows_of(const RowsTask<T>& t) {
    switch (t.rows) {
        case 1: return rows_kernel<T, 1, kV>(t);
        case 2: return rows_kernel<T, 2, kV>(t);
        case 3: return rows_kernel<T, 3, kV>(t);
        case 4: return rows_kernel<T, 4, kV>(t);
        case 5: return rows_kernel<T, 5, kV>(t);
        case 6: return rows_kernel<T, 6, kV>(t);
        case 7: return rows_kernel<T, 7, kV>(t);
        default: return rows_kernel<T, 8, kV>(t);
    }
}

template <class T>
void rows(const RowsTask<T>& t) {
    switch (t.n_vectors) {
        case 1: return rows_of<T, 1>(t);
        case 2: return rows_of<T, 2>(t);
        default: return rows_of<T, 3>(t);
    }
}

template <class T, int kV>
void sum_of(const SumTask<T>& t) {
    switch (t.rows) {
        case 1: return sum_kernel<T, 1, kV>(t);
        case 2: return sum_kernel<T, 2, kV>(t);
        case 3: return sum_kernel<T, 3, kV>(t);
        case 4: return sum_kernel<T, 4, kV>(t);
        case 5: return sum_kernel<T, 5, kV>(t);
        case 6: return sum_kernel<T, 6, kV>(t);
        case 7: return sum_kernel<T, 7, kV>(t);
        default: return sum_kernel<T, 8, kV>(t);
    }
}

template <class T>
void sum(const SumTask<T>& t) {
    switch (t.n_vectors) {
        case 1: return sum_of<T, 1>(t);
        case 2: return sum_of<T, 2>(t);
        default: return sum_of<T, 3>(t);
    }
}

using Floats = Vector<float>::type;
using Doubles = Vector<double>::type;

/// Elements of a and b in turn, in each quarter of a vector: the first half of the quarter's elements, or the second.
inline __attribute__((always_inline)) Floats first_in_turn(Floats a, Floats b) {
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
}
inline __attribute__((always_inline)) Floats second_in_turn(Floats a, Floats b) {
    return __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
}
inline __attribute__((always_inline)) Doubles first_in_turn(Doubles a, Doubles b) {
    return __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14);
}
inline __attribute__((always_inline)) Doubles second_in_turn(Doubles a, Doubles b) {
    return __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
}
/// Quarters 0 and 2 of a, then of b; or 1 and 3.
inline __attribute__((always_inline)) Doubles even_quarters(Doubles a, Doubles b) {
    return __builtin_shufflevector(a, b, 0, 1, 4, 5, 8, 9, 12, 13);
}
inline __attribute__((always_inline)) Doubles odd_quarters(Doubles a, Doubles b) {
    return __builtin_shufflevector(a, b, 2, 3, 6, 7, 10, 11, 14, 15);
}

/// In quarter q of t[i · step + j] lies column q · step + j of the rows from i · step on; becomes whole columns.
template <int kStep>
inline __attribute__((always_inline)) void gather_quarters(const Doubles* t, Doubles* columns) {
#pragma GCC unroll 4
    for (int j = 0; j < kStep; ++j) {
        const Doubles even0 = even_quarters(t[j], t[kStep + j]), even1 = even_quarters(t[2 * kStep + j], t[3 * kStep + j]);
        const Doubles odd0 = odd_quarters(t[j], t[kStep + j]), odd1 = odd_quarters(t[2 * kStep + j], t[3 * kStep + j]);
        columns[j] = even_quarters(even0, even1);
        columns[kStep + j] = even_quarters(odd0, odd1);
        columns[2 * kStep + j] = odd_quarters(even0, even1);
        columns[3 * kStep + j] = odd_quarters(odd0, odd1);
    }
}

inline __attribute__((always_inline)) void transpose_square(const Floats* rows, Floats* columns) {
    Doubles pairs[16], fours[16], whole[16];  // of pairs of floats
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
        pairs[i] = reinterpret_cast<Doubles>(first_in_turn(rows[i], rows[i + 1]));
        pairs[i + 1] = reinterpret_cast<Doubles>(second_in_turn(rows[i], rows[i + 1]));
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) {
        fours[i] = first_in_turn(pairs[i], pairs[i + 2]);
        fours[i + 1] = second_in_turn(pairs[i], pairs[i + 2]);
        fours[i + 2] = first_in_turn(pairs[i + 1], pairs[i + 3]);
        fours[i + 3] = second_in_turn(pairs[i + 1], pairs[i + 3]);
    }
    gather_quarters<4>(fours, whole);
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) columns[i] = reinterpret_cast<Floats>(whole[i]);
}
inline __attribute__((always_inline)) void transpose_square(const Doubles* rows, Doubles* columns) {
    Doubles pairs[8];
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
        pairs[i] = first_in_turn(rows[i], rows[i + 1]);
        pairs[i + 1] = second_in_turn(rows[i], rows[i + 1]);
    }
    gather_quarters<2>(pairs, columns);
}

template <class T>
void transpose(const TransposeTask<T>& t) {
    using V = typename Vector<T>::type;
    V rows[kLanes<T>], columns[kLanes<T>];
    const __mmask16 read = first_lanes<T>(t.columns), written = first_lanes<T>(t.width);
#pragma GCC unroll 16
    for (int i = 0; i < kLanes<T>; ++i) rows[i] = i < t.rows ? load(t.from[i], read) : V{};
    transpose_square(rows, columns);
#pragma GCC unroll 16
    for (int i = 0; i < kLanes<T>; ++i) {
        if (i < t.columns) store(t.to[i], columns[i], written);
    }
}

constexpr Kernels<float> kFloat{rows<float>, sum<float>, transpose<float>};
constexpr Kernels<double> kDouble{rows<double>, sum<double>, transpose<double>};

}  // namespace

const Kernels<float>* avx512_float() { return &kFloat; }
const Kernels<double>* avx512_double() { return &kDouble; }

}  // namespace dv::temporal::fast
