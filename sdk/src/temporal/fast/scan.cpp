#include "scan.hpp"

#include <c10/util/BFloat16.h>

#include <algorithm>
#include <cmath>

namespace dv::temporal::fast {

namespace {

constexpr std::int64_t kTile = 1024;   // elements that stay in the first-level cache over all steps
constexpr double kSmallest = 1e-6, kLargest = 1e6;

template <class A>
A powered(A y, A gain, A exponent) {
    const A size = std::clamp(std::abs(y), static_cast<A>(kSmallest), static_cast<A>(kLargest));
    const A grown = gain * std::pow(size, exponent);
    return y > 0 ? grown : (y < 0 ? -grown : A{0});
}

/// Constants of a rule in the accumulator's type.
template <class A>
struct Constants {
    explicit Constants(const ScanRule& rule)
        : c0(static_cast<A>(rule.c0)),
          gain(static_cast<A>(rule.power ? rule.power->gain : 1.0)),
          exponent(static_cast<A>(rule.power ? rule.power->exponent : 1.0)) {}
    A c0, gain, exponent;
};

template <class T>
class ForwardTile {
    using A = accumulator_t<T>;

public:
    ForwardTile(const ScanRule& rule, const Constants<A>& by, std::int64_t begin, std::int64_t n)
        : rule_(rule), by_(by), begin_(begin), n_(n) {}

    void step(const ForwardStep<T>& s, A* __restrict h) {
        sum(s);
        if (s.positive) {
            for (std::int64_t i = 0; i < n_; ++i) s.positive[begin_ + i] = x_[i] > 0 ? 1 : 0;
        }
        if (rule_.rectify_drive) {
            for (std::int64_t i = 0; i < n_; ++i) x_[i] = x_[i] < 0 ? A{0} : x_[i];
        }
        const A c0 = by_.c0, c1 = static_cast<A>(s.c1);
        for (std::int64_t i = 0; i < n_; ++i) h[i] = c0 * h[i] + c1 * x_[i];
        if (s.y) {
            for (std::int64_t i = 0; i < n_; ++i) s.y[begin_ + i] = static_cast<T>(h[i]);
        }
        if (rule_.rectify) {
            // Not max(): a NaN has to stay one.
            for (std::int64_t i = 0; i < n_; ++i) h[i] = h[i] < 0 ? A{0} : h[i];
        }
        if (rule_.power) {
            for (std::int64_t i = 0; i < n_; ++i) h[i] = powered(h[i], by_.gain, by_.exponent);
        }
        T* __restrict out = s.h + begin_;
        for (std::int64_t i = 0; i < n_; ++i) out[i] = static_cast<T>(h[i]);
    }

private:
    void sum(const ForwardStep<T>& s) {
        if (s.drives.empty()) {
            std::fill(x_, x_ + n_, A{0});
            return;
        }
        const T* __restrict first = s.drives[0] + begin_;
        for (std::int64_t i = 0; i < n_; ++i) x_[i] = static_cast<A>(first[i]);
        for (std::size_t k = 1; k < s.drives.size(); ++k) {
            const T* __restrict next = s.drives[k] + begin_;
            for (std::int64_t i = 0; i < n_; ++i) x_[i] += static_cast<A>(next[i]);
        }
    }

    const ScanRule& rule_;
    const Constants<A>& by_;
    std::int64_t begin_, n_;
    A x_[kTile];
};

template <class T>
class BackwardTile {
    using A = accumulator_t<T>;

public:
    BackwardTile(const ScanRule& rule, const Constants<A>& by, std::int64_t begin, std::int64_t n, ScanSums* sums)
        : rule_(rule), by_(by), begin_(begin), n_(n), sums_(sums) {}

    void step(const BackwardStep<T>& s, A* __restrict carry) {
        for (const T* gradient : s.gradients) {
            if (!gradient) continue;
            const T* __restrict g = gradient + begin_;
            for (std::int64_t i = 0; i < n_; ++i) carry[i] += static_cast<A>(g[i]);
        }
        if (rule_.power) through_power(s, carry);
        if (rule_.rectify) {
            const T* __restrict shown = (rule_.power ? s.y : s.h) + begin_;
            for (std::int64_t i = 0; i < n_; ++i) carry[i] = static_cast<A>(shown[i]) > 0 ? carry[i] : A{0};
        }
        if (sums_) add_sums(s, carry);
        const A c0 = by_.c0, c1 = static_cast<A>(s.c1);
        T* __restrict out = s.drive + begin_;
        if (s.positive) {
            for (std::int64_t i = 0; i < n_; ++i) {
                out[i] = static_cast<T>(s.positive[begin_ + i] ? c1 * carry[i] : A{0});
                carry[i] *= c0;
            }
        } else {
            for (std::int64_t i = 0; i < n_; ++i) {
                out[i] = static_cast<T>(c1 * carry[i]);
                carry[i] *= c0;
            }
        }
    }

private:
    void through_power(const BackwardStep<T>& s, A* carry) {
        for (std::int64_t i = 0; i < n_; ++i) {
            A y = static_cast<A>(s.y[begin_ + i]);
            if (rule_.rectify && y < 0) y = 0;
            const A size = std::abs(y);
            if (size == 0) {
                carry[i] = 0;
                continue;
            }
            const A bounded = std::clamp(size, static_cast<A>(kSmallest), static_cast<A>(kLargest));
            const A grown = std::pow(bounded, by_.exponent);
            if (sums_) {
                const A with_sign = y > 0 ? grown : -grown;
                sums_->gain += static_cast<double>(carry[i] * with_sign);
                sums_->exponent += static_cast<double>(carry[i] * by_.gain * with_sign * std::log(bounded));
            }
            const bool inside = size >= static_cast<A>(kSmallest) && size <= static_cast<A>(kLargest);
            carry[i] = inside ? carry[i] * by_.gain * by_.exponent * grown / bounded : A{0};
        }
    }
    void add_sums(const BackwardStep<T>& s, const A* carry) {
        const T* shown = rule_.power ? s.y : s.h;
        double y = 0.0, previous = 0.0;
        for (std::int64_t i = 0; i < n_; ++i) y += static_cast<double>(carry[i] * static_cast<A>(shown[begin_ + i]));
        if (s.previous) {
            for (std::int64_t i = 0; i < n_; ++i)
                previous += static_cast<double>(carry[i] * static_cast<A>(s.previous[begin_ + i]));
        }
        sums_->y += y;
        sums_->previous += previous;
    }

    const ScanRule& rule_;
    const Constants<A>& by_;
    std::int64_t begin_, n_;
    ScanSums* sums_;
};

template <class Body>
void for_tiles(Team* team, std::int64_t size, std::size_t n_steps, const Body& body) {
    parallel_for(
        team, size, kTile,
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t at = begin; at < end; at += kTile) body(at, std::min(kTile, end - at));
        },
        8.0 * static_cast<double>(size) * static_cast<double>(n_steps));
}

}  // namespace

template <class T>
void scan_forward(Team* team, const ScanRule& rule, const std::vector<ForwardStep<T>>& steps, accumulator_t<T>* carry,
                  std::int64_t size) {
    const Constants<accumulator_t<T>> by(rule);
    for_tiles(team, size, steps.size(), [&](std::int64_t begin, std::int64_t n) {
        ForwardTile<T> tile(rule, by, begin, n);
        for (const ForwardStep<T>& step : steps) tile.step(step, carry + begin);
    });
}

template <class T>
void scan_backward(Team* team, const ScanRule& rule, const std::vector<BackwardStep<T>>& steps, accumulator_t<T>* carry,
                   std::int64_t size, ScanSums* sums) {
    const Constants<accumulator_t<T>> by(rule);
    std::vector<ScanSums> of_tile(sums ? static_cast<std::size_t>((size + kTile - 1) / kTile) : 0);
    for_tiles(team, size, steps.size(), [&](std::int64_t begin, std::int64_t n) {
        BackwardTile<T> tile(rule, by, begin, n, sums ? &of_tile[static_cast<std::size_t>(begin / kTile)] : nullptr);
        for (auto step = steps.rbegin(); step != steps.rend(); ++step) tile.step(*step, carry + begin);
    });
    for (const ScanSums& part : of_tile) {
        sums->y += part.y;
        sums->previous += part.previous;
        sums->gain += part.gain;
        sums->exponent += part.exponent;
    }
}

#define DV_INSTANTIATE(T)                                                                                              \
    template void scan_forward<T>(Team*, const ScanRule&, const std::vector<ForwardStep<T>>&, accumulator_t<T>*,              \
                                  std::int64_t);                                                                       \
    template void scan_backward<T>(Team*, const ScanRule&, const std::vector<BackwardStep<T>>&, accumulator_t<T>*,            \
                                   std::int64_t, ScanSums*);
DV_INSTANTIATE(float)
DV_INSTANTIATE(double)
DV_INSTANTIATE(c10::BFloat16)
#undef DV_INSTANTIATE

}  // namespace dv::temporal::fast
