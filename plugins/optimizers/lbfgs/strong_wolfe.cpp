#include "strong_wolfe.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace dv::lbfgs {

namespace {

/// The minimum of the cubic through both points with their slopes, kept within [least, most].
double cubic_minimum(const Point& a, const Point& b, double least, double most) {
    const Point& left = a.t <= b.t ? a : b;
    const Point& right = a.t <= b.t ? b : a;
    const double d1 = a.slope + b.slope - 3.0 * (a.loss - b.loss) / (a.t - b.t);
    const double square = d1 * d1 - a.slope * b.slope;
    if (!(square >= 0.0)) return (least + most) / 2.0;
    const double d2 = std::sqrt(square);
    const double t = right.t - (right.t - left.t) * ((right.slope + d2 - d1) / (right.slope - left.slope + 2.0 * d2));
    return std::min(std::max(t, least), most);
}

class Searching {
public:
    Searching(const Search& search, const Point& start, const std::function<Point(double)>& evaluate)
        : search_(search), start_(start), evaluate_(evaluate) {}

    Point run() {
        bracket();
        if (!is_done_) zoom();
        return low();
    }

private:
    bool is_too_high(const Point& p) const { return p.loss > start_.loss + search_.c1 * p.t * start_.slope; }
    bool is_flat_enough(const Point& p) const { return std::abs(p.slope) <= -search_.c2 * start_.slope; }
    Point& low() { return a_is_low_ ? a_ : b_; }
    Point& high() { return a_is_low_ ? b_ : a_; }
    void order() { a_is_low_ = a_.loss <= b_.loss; }

    /// Goes on until the minimum lies between `a_` and `b_`, or the conditions hold.
    void bracket() {
        Point previous = start_, now = evaluate_(search_.first_t);
        for (; n_ < search_.max_evaluations; ++n_) {
            if (is_too_high(now) || (n_ > 1 && now.loss >= previous.loss)) return hold(previous, now);
            if (is_flat_enough(now)) {
                is_done_ = true;
                return hold(now, now);
            }
            if (now.slope >= 0.0) return hold(previous, now);
            const double least = now.t + 0.01 * (now.t - previous.t), most = now.t * 10.0;
            const double t = cubic_minimum(previous, now, least, most);
            previous = std::exchange(now, evaluate_(t));
        }
        hold(start_, now);
    }
    void hold(Point a, Point b) {
        a_ = std::move(a);
        b_ = std::move(b);
        order();
    }

    /// Narrows the bracket down to a point where the conditions hold.
    void zoom() {
        const double longest = search_.direction.abs().max().item<double>();
        bool is_stuck = false;
        for (; !is_done_ && n_ < search_.max_evaluations; ++n_) {
            if (std::abs(b_.t - a_.t) * longest < search_.tolerance_change) return;
            take(evaluate_(trial(is_stuck)));
        }
    }
    /// The next place to look at: not too near to an end of the bracket twice in a row.
    double trial(bool& is_stuck) const {
        const double left = std::min(a_.t, b_.t), right = std::max(a_.t, b_.t), margin = 0.1 * (right - left);
        const double t = cubic_minimum(a_, b_, left, right);
        const bool is_near_an_end = std::min(right - t, t - left) < margin;
        const bool is_moved = is_near_an_end && (is_stuck || t >= right || t <= left);
        is_stuck = is_near_an_end && !is_moved;
        if (!is_moved) return t;
        return std::abs(t - right) < std::abs(t - left) ? right - margin : left + margin;
    }
    void take(Point now) {
        if (is_too_high(now) || now.loss >= low().loss) {
            high() = std::move(now);
            return order();
        }
        if (is_flat_enough(now)) {
            is_done_ = true;
        } else if (now.slope * (high().t - low().t) >= 0.0) {
            high() = low();
        }
        low() = std::move(now);
    }

    const Search& search_;
    const Point& start_;
    const std::function<Point(double)>& evaluate_;
    Point a_, b_;  // the ends of the bracket
    bool a_is_low_ = true, is_done_ = false;
    std::int64_t n_ = 0;  // evaluations after the first
};

}  // namespace

Point strong_wolfe(const Search& search, const Point& start, const std::function<Point(double t)>& evaluate) {
    return Searching(search, start, evaluate).run();
}

}  // namespace dv::lbfgs
