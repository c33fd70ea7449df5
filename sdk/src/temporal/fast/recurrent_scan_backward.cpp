#include "scan_parts.hpp"

#include <ATen/ops/convolution_backward.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <array>
#include <tuple>

namespace dv::temporal::fast {

namespace {

class Backward {
public:
    /// `gradients`: by the activity and by each reading; undefined where there is none.
    Backward(const RecurrentScan& s, const Kept& kept, std::vector<at::Tensor> gradients, Wanted wanted)
        : s_(s),
          kept_(kept),
          blocks_(s),
          gradients_(std::move(gradients)),
          wanted_(std::move(wanted)),
          size_(s.batch * s.grid.units()),
          out_(wanted_.input.size()),
          by_block_(std::all_of(s.drives.begin(), s.drives.end(),
                                [&](const Drive& d) { return 2 * d.n_rows <= s.n_steps; })) {}

    std::vector<at::Tensor> run() {
        if (!by_block_) drive_gradient_ = at::empty_like(kept_.h);
        if (wanted_(kHistory)) out_[kHistory] = at::zeros_like(s_.history);
        with_type(kept_.h.scalar_type(), [&](auto zero) { scan(zero); });
        if (!by_block_) add_weight_gradients(0, s_.n_steps);
        constant_gradients();
        for (std::size_t d = 0; d < s_.drives.size() && !by_block_; ++d) {
            if (wanted_(kFirstDrive + d)) out_[kFirstDrive + d] = gradient_of(s_.drives[d]);
        }
        return std::move(out_);
    }

private:
    template <class T>
    void scan(T) {
        using A = accumulator_t<T>;
        at::Tensor carry = at::zeros({size_}, s_.options.dtype(c10::CppTypeToScalarType<A>::value));
        at::Tensor
            from_later;  // gradient by the activity of the block at hand that comes from the recurrence of the next one
        for (std::int64_t i = blocks_.count() - 1; i >= 0; --i) {
            const Block block = blocks_[i];
            const at::Tensor of_activity = activity_gradient(block);
            first_step_ = by_block_ ? block.begin : 0;
            if (by_block_) drive_gradient_ = at::empty_like(steps_of(kept_.h, block.begin, block.n));
            std::vector<BackwardStep<T>> steps;
            for (std::int64_t j = block.begin; j < block.begin + block.n; ++j) {
                BackwardStep<T> step = at_step<T>(j);
                const std::int64_t k = (j - block.begin) * size_;
                if (of_activity.defined()) step.gradients[0] = of_activity.const_data_ptr<T>() + k;
                if (from_later.defined() && k < from_later.numel())
                    step.gradients[1] = from_later.const_data_ptr<T>() + k;
                steps.push_back(step);
            }
            scan_backward<T>(s_.team.get(), s_.rule, steps, carry.mutable_data_ptr<A>(), size_, wanted_.sums() ? &sums_ : nullptr);
            from_later = recurrent_gradient(block);
            if (by_block_) add_block(block);
        }
        at::Tensor& of_history = out_[kHistory];
        if (!of_history.defined()) return;
        if (from_later.defined()) of_history.narrow(0, 0, from_later.size(0)).add_(from_later);
        at::Tensor newest = of_history.narrow(0, of_history.size(0) - s_.batch, s_.batch);
        T* to = newest.mutable_data_ptr<T>();
        const A* flowing = carry.const_data_ptr<A>();
        for (std::int64_t k = 0; k < size_; ++k) to[k] = static_cast<T>(static_cast<A>(to[k]) + flowing[k]);
    }

    at::Tensor steps_of(const at::Tensor& x, std::int64_t first, std::int64_t n) const {
        return x.narrow(0, first * s_.batch, n * s_.batch);
    }
    /// The gradient by the input sum at steps [first, first + n).
    at::Tensor of_drives(std::int64_t first, std::int64_t n) const {
        return steps_of(drive_gradient_, first - first_step_, n);
    }

    /// By the block's activity, from all that reads it outside the layer.
    at::Tensor activity_gradient(const Block& block) const {
        const bool whole = gradients_[0].defined();
        const at::Tensor direct = whole ? steps_of(gradients_[0], block.begin, block.n) : at::Tensor();
        at::Tensor sum;
        for (std::size_t r = 0; r < s_.readers.size(); ++r) {
            const at::Tensor& g = gradients_[r + 1];
            if (!g.defined()) continue;
            if (!sum.defined()) sum = whole ? direct.clone() : at::zeros_like(steps_of(kept_.h, block.begin, block.n));
            const at::Tensor of_block = steps_of(g, block.begin, block.n);
            const std::int64_t n = of_block.numel();
            const at::Tensor places = kept_.places[r].defined()
                                          ? kept_.places[r].narrow(0, g.numel() / s_.n_steps * block.begin, n)
                                          : at::Tensor();
            add_gradient(s_.team.get(), s_.readers[r], of_block, places, sum);
        }
        return sum.defined() ? sum : direct;
    }

    template <class T>
    BackwardStep<T> at_step(std::int64_t j) {
        BackwardStep<T> step;
        step.c1 = drive_weight(s_, j);
        step.h = kept_.h.const_data_ptr<T>() + j * size_;
        if (kept_.y.defined()) step.y = kept_.y.const_data_ptr<T>() + j * size_;
        if (kept_.positive.defined()) step.positive = kept_.positive.const_data_ptr<std::uint8_t>() + j * size_;
        if (j > 0) step.previous = kept_.h.const_data_ptr<T>() + (j - 1) * size_;
        if (j == 0 && s_.history.defined()) step.previous = s_.history.const_data_ptr<T>() + s_.history.numel() - size_;
        step.drive = drive_gradient_.mutable_data_ptr<T>() + (j - first_step_) * size_;
        return step;
    }

    /// What the recurrence read at steps [first, first + n), all of them from the history or none.
    at::Tensor source(std::int64_t first, std::int64_t n) const {
        const std::int64_t from = first - s_.lag, kept = s_.history.defined() ? s_.history.size(0) / s_.batch : 0;
        return from >= 0 ? steps_of(kept_.h, from, n) : steps_of(s_.history, kept + from, n);
    }

    at::Tensor recurrent_gradient(const Block& block) const {
        const std::int64_t n = block.begin + block.n - block.driven_from;
        if (n == 0 || (block.begin == 0 && !wanted_(kHistory))) return {};
        const at::Tensor d = of_drives(block.driven_from, n);
        if (s_.convolver) return s_.convolver->input_gradient(d);
        return std::get<0>(through(d, source(block.driven_from, n), {true, false, false})).contiguous(s_.layout);
    }

    std::tuple<at::Tensor, at::Tensor, at::Tensor> through(const at::Tensor& of_drive, const at::Tensor& source,
                                                           std::array<bool, 3> mask) const {
        const Convolution& c = *s_.recurrence;
        const std::int64_t padding[] = {c.padding, c.padding}, one[] = {1, 1}, none[] = {0, 0},
                           biases[] = {c.weight.size(0)};
        return at::convolution_backward(of_drive, source, c.weight, at::OptionalIntArrayRef(biases), one, padding, one,
                                        false, none, c.groups, mask);
    }

    void add(std::size_t input, const at::Tensor& part) {
        if (part.defined()) out_[input] = out_[input].defined() ? out_[input].add(part) : part;
    }

    /// Of steps [first, last).
    void add_weight_gradients(std::int64_t first, std::int64_t last) {
        if (!s_.recurrence || (!wanted_(kWeight) && !wanted_(kBias))) return;
        const std::int64_t driven = std::max(first, blocks_[0].driven_from),
                           turn = std::clamp(s_.lag, driven, std::max(driven, last));
        if (driven < std::min(turn, last)) add_weight_gradients_of(driven, std::min(turn, last) - driven);
        if (turn < last) add_weight_gradients_of(turn, last - turn);
    }
    void add_weight_gradients_of(std::int64_t first, std::int64_t n) {
        const at::Tensor d = of_drives(first, n), x = source(first, n);
        if (s_.convolver) {
            if (wanted_(kWeight)) add(kWeight, s_.convolver->weight_gradient(d, x));
            if (wanted_(kBias)) add(kBias, d.sum({0, 2, 3}));
            return;
        }
        const auto [input, weight, bias] = through(d, x, {false, wanted_(kWeight), wanted_(kBias)});
        add(kWeight, weight);
        add(kBias, bias);
    }

    /// What is summed over steps, while the block's gradient is there.
    void add_block(const Block& block) {
        add_weight_gradients(block.begin, block.begin + block.n);
        for (std::size_t d = 0; d < s_.drives.size(); ++d) {
            if (!wanted_(kFirstDrive + d)) continue;
            at::Tensor& to = out_[kFirstDrive + d];
            if (!to.defined()) to = zeros_for(s_.drives[d]);
            add_rows(s_.drives[d].rows, block.begin, block.begin + block.n, to);
        }
    }

    at::Tensor zeros_for(const Drive& drive) const {
        return at::zeros({drive.n_rows * s_.batch, s_.grid.channels, s_.grid.height, s_.grid.width},
                         s_.options.memory_format(s_.layout));
    }

    /// Steps [first, last) onto the rows that they showed.
    void add_rows(const std::vector<std::int64_t>& rows, std::int64_t first, std::int64_t last, at::Tensor& to) const {
        for (std::int64_t begin = first; begin < last;) {
            const std::int64_t row = rows[static_cast<std::size_t>(begin)];
            std::int64_t end = begin;
            while (end < last && rows[static_cast<std::size_t>(end)] == row) ++end;
            at::Tensor place = row < 0 ? at::Tensor() : steps_of(to, row, 1);
            for (std::int64_t j = begin; j < end && row >= 0; ++j) place.add_(of_drives(j, 1));
            begin = end;
        }
    }

    /// y = c0·h + c1·x gives Σ dy·x = (Σ dy·y − c0·Σ dy·h) / c1, so that x need not be kept.
    void constant_gradients() {
        const auto give = [&](Input i, double value, const at::Tensor& like) {
            if (wanted_(i)) out_[i] = at::full({}, value, like.options());
        };
        give(kC0, sums_.previous, s_.c0);
        give(kC1, (sums_.y - s_.rule.c0 * sums_.previous) / s_.rule.c1, s_.c1);
        give(kGain, sums_.gain, s_.gain);
        give(kExponent, sums_.exponent, s_.exponent);
    }

    /// Steps that show the same row are summed.
    at::Tensor gradient_of(const Drive& drive) const {
        const std::vector<std::int64_t>& rows = drive.rows;
        const auto n = static_cast<std::int64_t>(rows.size());
        const auto first = static_cast<std::int64_t>(
            std::find_if(rows.begin(), rows.end(), [](std::int64_t row) { return row >= 0; }) - rows.begin());
        bool in_order = drive.n_rows == n - first;
        for (std::int64_t j = first; j < n && in_order; ++j) in_order = rows[static_cast<std::size_t>(j)] == j - first;
        if (in_order) return of_drives(first, drive.n_rows);
        at::Tensor out = zeros_for(drive);
        add_rows(rows, first, n, out);
        return out;
    }

    const RecurrentScan& s_;
    const Kept& kept_;
    Blocks blocks_;
    std::vector<at::Tensor> gradients_;
    Wanted wanted_;
    std::int64_t size_;
    std::vector<at::Tensor> out_;
    bool by_block_;
    std::int64_t first_step_ = 0;  // of drive_gradient_
    at::Tensor drive_gradient_;
    ScanSums sums_;
};

}  // namespace

std::vector<at::Tensor> scan_gradients(const RecurrentScan& scan, const Kept& kept, std::vector<at::Tensor> gradients,
                                       Wanted wanted) {
    return Backward(scan, kept, std::move(gradients), std::move(wanted)).run();
}

}  // namespace dv::temporal::fast
