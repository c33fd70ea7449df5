#pragma once
/// The pieces of the trainer's work that a model, or for batch transfer a datamodule, takes over (dv/torch/hooks.hpp).

#include "loops/experiment.hpp"

#include <functional>
#include <utility>

namespace dvhost::loops {

class ModelHooks {
public:
    /// `experiment` must outlive this object.
    explicit ModelHooks(Experiment& experiment)
        : experiment_(experiment), of_model_(experiment.model->hooks()), of_data_(experiment.data ? experiment.data->hooks() : 0) {}

    /// What a hook may want to know besides.
    struct Details {
        std::size_t index = 0;
        at::Tensor loss;
        std::function<void()> closure = [] {};
    };

    /// Does `work`; a model that takes the hook does it instead, and may have it done. `details` gives the Details, if they are needed.
    template <class Work, class MakeDetails>
    void around(dv::Hook hook, Work&& work, MakeDetails&& details) const {
        if (!taken(of_model_, hook)) return work();
        hand_over(hook, std::forward<Work>(work), details());
    }
    template <class Work>
    void around(dv::Hook hook, Work&& work) const {
        if (!taken(of_model_, hook)) return work();
        hand_over(hook, std::forward<Work>(work), {});
    }

    /// A batch before or after its way to the device; the datamodule's hook is called if it has it, else the model's.
    dv::Batch transfer(dv::Hook hook, dv::Batch batch) const {
        if (taken(of_data_, hook)) return experiment_.data->on_transfer(hook, batch);
        if (taken(of_model_, hook)) return experiment_.model->on_transfer(hook, batch);
        return batch;
    }

private:
    static bool taken(std::uint64_t mask, dv::Hook hook) { return (mask & dv::detail::bit_of(hook)) != 0; }

    void hand_over(dv::Hook hook, std::function<void()> work, Details details) const {
        struct Call final : dv::HookCall {
            Call(std::function<void()> w, Details d) : work(std::move(w)), details(std::move(d)) {}
            std::size_t index() const override { return details.index; }
            at::Tensor loss() const override { return details.loss; }
            void closure() override { details.closure(); }
            void proceed() override { work(); }
            std::function<void()> work;
            Details details;
        };
        experiment_.before_change();  // a hook may write to the weights
        Call call(std::move(work), std::move(details));
        experiment_.model->on_hook(hook, call);
    }

    Experiment& experiment_;
    std::uint64_t of_model_, of_data_;
};

}  // namespace dvhost::loops
