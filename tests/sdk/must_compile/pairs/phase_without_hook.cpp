// A phase that is asked for has a hook.
#include <dv/callback.hpp>

struct Subject final : dv::Callback, dv::OnTrainEnd {
#ifndef WRONG
    void on_train_end(const dv::RunView&, dv::Answer&) override {}
#endif
};
DV_COMPONENT(Subject, "test.callback.subject", "One of a pair");
