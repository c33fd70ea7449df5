/// The order of calls to module, datamodule, callbacks, strategy and loggers is Lightning's (its traces, recorded at call entry).

#include "program.hpp"

#include <algorithm>
#include <set>
#include <sstream>

namespace dvhost::testing {
namespace {

using ::testing::HasSubstr;

using Calls = std::vector<std::string>;

/// A trace in the reference's notation without what has no call here:
///  M.configure_callbacks, S.setup_environment, D.setup, M.configure_model  connect(), prepare() and build() are all of it
///  S.model_to_device, S.setup_precision_plugin, S.process_dataloader       parts of S.setup and of the host's loader
///  S.*_step, S.optimizer_step, S.pre_/post_backward, S.on_*, M.forward     the host calls the module itself; strategies see no phases
///  M.zero_grad, M.eval, M.train, M.clip_gradients, M.manual_backward       bodies of hooks
///  M.transfer_batch_to_device, L.log_graph, L.save
///  S.*state*, M.state_dict, S.save_checkpoint, L.after_save_checkpoint     the host gathers and writes
Calls reference(const std::string& trace) {
    static const std::set<std::string> kNoCall = {
        "M.configure_callbacks", "S.setup_environment", "D.setup", "M.configure_model", "S.model_to_device", "S.setup_optimizers",
        "S.setup_precision_plugin", "L.log_graph", "L.save", "M.zero_grad", "S.process_dataloader", "M.eval", "M.train",
        "S.on_validation_start", "S.on_validation_end", "S.on_train_start", "S.on_train_end", "S.on_predict_start", "S.on_predict_end",
        "S.on_train_batch_start", "S.on_test_start", "S.on_test_end", "S.test_step", "S.on_exception", "M.transfer_batch_to_device", "S.validation_step", "S.training_step", "S.predict_step",
        "S.optimizer_step", "S.backward", "S.pre_backward", "S.post_backward", "M.forward", "M.clip_gradients", "M.manual_backward",
        "S.reduce_boolean_decision", "S.lightning_module_state_dict", "M.state_dict", "S.optimizer_state", "S.save_checkpoint",
        "L.after_save_checkpoint"};
    std::istringstream in(trace);
    Calls out;
    for (std::string call; in >> call;) {
        if (call == "·" || kNoCall.contains(call)) continue;
        // A list of names holds spaces.
        while (std::count(call.begin(), call.end(), '(') > std::count(call.begin(), call.end(), ')')) {
            std::string more;
            in >> more;
            call += " " + more;
        }
        out.push_back(call);
        // The strategy does the work of this hook's body.
        if (call == "M.backward") out.emplace_back("S.backward");
    }
    return out;
}

std::string text_of(const Calls& calls) {
    std::string out;
    for (const std::string& call : calls) out += call + "\n";
    return out;
}

bool of_logger(const std::string& call) { return call.starts_with("L."); }

constexpr const char* kSetup = "S.connect · D.prepare_data · L.experiment · C.setup · M.setup · S.setup · M.configure_optimizers · ";
constexpr const char* kTransfer = "M.on_before_batch_transfer · S.batch_to_device · M.on_after_batch_transfer · ";
constexpr const char* kStep =
    "M.on_before_batch_transfer · S.batch_to_device · M.transfer_batch_to_device · M.on_after_batch_transfer · C.on_train_batch_start · "
    "M.on_train_batch_start · S.on_train_batch_start · M.optimizer_step · S.optimizer_step · S.training_step · M.training_step · M.forward · "
    "C.on_before_zero_grad · M.on_before_zero_grad · M.optimizer_zero_grad · S.backward · S.pre_backward · C.on_before_backward · "
    "M.on_before_backward · M.backward · C.on_after_backward · M.on_after_backward · S.post_backward · C.on_before_optimizer_step · "
    "M.on_before_optimizer_step · M.configure_gradient_clipping · M.clip_gradients · ";
constexpr const char* kEvaluationBatch =
    "M.on_before_batch_transfer · S.batch_to_device · M.transfer_batch_to_device · M.on_after_batch_transfer · C.on_validation_batch_start · "
    "M.on_validation_batch_start · S.validation_step · M.validation_step · M.forward · C.on_validation_batch_end · "
    "M.on_validation_batch_end · ";
constexpr const char* kEvaluationBegin =
    "C.on_validation_start · M.on_validation_start · S.on_validation_start · C.on_validation_epoch_start · M.on_validation_epoch_start · ";
/// With a training stage; without one the two fit hooks are absent.
constexpr const char* kEnd = "C.teardown · M.teardown · D.teardown · L.finalize(success)";

class HookTrace : public ProgramTest {
protected:
    HookTrace() {
        environment["DVHOST_PLUGIN_PATH"] = std::filesystem::path(TRACE).parent_path().string() + ":" +
                                            std::filesystem::path(TRACE_LOGGER).parent_path().string();
        log = (folder / "calls").string();
    }

    /// 4 samples a split in batches of 2; every part writes its calls down.
    Result run(const std::string& stage, const std::vector<std::string>& more = {}) const {
        const std::string tell = "file = \"" + log + "\"\n";
        file("trace.toml", "[run]\nname = \"trace\"\nstages = [\"" + stage + "\"]\n[trainer]\nmax_epochs = 1\nlog_every_n_steps = 1\n"
                           "num_sanity_val_steps = 1\nenable_progress_bar = false\n"
                           "[data]\ntype = \"example.datamodule.trace\"\nbatch_size = 2\nshuffle = false\n" + tell +
                           "[model]\ntype = \"example.model.trace\"\n" + tell + "[[loss]]\ntype = \"cross_entropy\"\n"
                           "[optimizer]\ntype = \"example.optimizer.trace\"\n" + tell + "[schedule]\ntype = \"step\"\nstep_size = 1\n"
                           "[[callback]]\ntype = \"example.callback.trace\"\n" + tell + "[[logger]]\ntype = \"example.logger.trace\"\n" + tell +
                           "[strategy]\ntype = \"example.strategy.trace\"\n" + tell);
        std::vector<std::string> words{"run", "trace.toml"};
        for (const std::string& o : more) words.insert(words.end(), {"-o", o});
        return dvhost(words);
    }
    /// The logger is called on a thread of its own, so its calls have an order of their own.
    Calls calls(bool of_loggers) const {
        Calls out;
        for (const std::string& call : lines(read("calls"))) {
            if (of_logger(call) == of_loggers) out.push_back(call);
        }
        return out;
    }
    void expect_trace(const std::string& trace) const {
        Calls training, logging;
        for (const std::string& call : reference(trace)) (of_logger(call) ? logging : training).push_back(call);
        EXPECT_EQ(text_of(calls(false)), text_of(training));  // as texts, so that a failure shows the lines that differ
        EXPECT_EQ(text_of(calls(true)), text_of(logging));
    }
    std::string log;
};

/// Two differences: the split is opened to know whether there is anything to check, so before on_sanity_check_start; and what a checkpoint
/// holds is gathered behind on_save_checkpoint, so that a callback can put other weights in place.
TEST_F(HookTrace, Fit) {
    for (const char* compat : {"lightning", "none"}) {
        std::filesystem::remove(log);
        const Result result = run("fit", {std::string("trainer.compat=\"") + compat + "\""});
        ASSERT_EQ(result.code, 0) << result.err;
        expect_trace(std::string(kSetup) + "C.on_fit_start · M.on_fit_start · D.val_dataloader · C.on_sanity_check_start · "
                     "M.on_validation_model_eval · " + kEvaluationBegin + kEvaluationBatch +
                     "C.on_validation_epoch_end · M.on_validation_epoch_end · C.on_validation_end · M.on_validation_end · S.on_validation_end · "
                     "C.on_sanity_check_end · D.train_dataloader · S.process_dataloader · "
                     "C.on_train_start · M.on_train_start · S.on_train_start · C.on_train_epoch_start · M.on_train_epoch_start · " +
                     kStep + "C.on_train_batch_end · M.on_train_batch_end · L.log_metrics([loss/cross_entropy, train/loss],step=0) · " +
                     kStep + "M.lr_scheduler_step · C.on_train_batch_end · M.on_train_batch_end · L.log_metrics([loss/cross_entropy, train/loss],step=1) · "
                     "M.on_validation_model_zero_grad · M.on_validation_model_eval · " + kEvaluationBegin + kEvaluationBatch + kEvaluationBatch +
                     "C.on_validation_epoch_end · M.on_validation_epoch_end · L.log_metrics([val/loss, val/loss/cross_entropy],step=1) · C.on_validation_end · "
                     "M.on_validation_end · S.on_validation_end · C.on_train_epoch_end · M.on_train_epoch_end · "
                     "L.log_metrics([train/loss_epoch],step=1) · C.on_save_checkpoint · M.on_save_checkpoint · C.state_dict · D.state_dict · "
                     "C.on_train_end · M.on_train_end · S.on_train_end · S.teardown · C.on_fit_end · M.on_fit_end · " + kEnd);
    }
}

TEST_F(HookTrace, ManualOptimization) {
    const Result result = run("fit", {"model.type=\"example.model.trace_manual\"", "trainer.limit_train_batches=1", "trainer.limit_val_batches=0",
                                      "trainer.enable_checkpointing=false"});
    ASSERT_EQ(result.code, 0) << result.err;
    expect_trace(std::string(kSetup) + "C.on_fit_start · M.on_fit_start · D.val_dataloader · D.train_dataloader · C.on_train_start · M.on_train_start · "
                 "C.on_train_epoch_start · M.on_train_epoch_start · " + kTransfer +
                 "C.on_train_batch_start · M.on_train_batch_start · S.training_step · M.training_step · M.forward · M.manual_backward · "
                 "S.backward · S.pre_backward · C.on_before_backward · M.on_before_backward · M.backward · C.on_after_backward · "
                 "M.on_after_backward · S.post_backward · S.optimizer_step · C.on_before_optimizer_step · M.on_before_optimizer_step · "
                 "M.lr_scheduler_step · C.on_train_batch_end · M.on_train_batch_end · L.log_metrics([loss/cross_entropy, train/loss],step=0) · C.on_train_epoch_end · "
                 "M.on_train_epoch_end · L.log_metrics([train/loss_epoch],step=0) · C.on_train_end · M.on_train_end · S.teardown · "
                 "C.on_fit_end · M.on_fit_end · " + kEnd);
}

TEST_F(HookTrace, ExceptionInTheFirstTrainingStep) {
    const Result result = run("fit", {"model.fails_in=\"training_step\"", "trainer.num_sanity_val_steps=0"});
    EXPECT_EQ(result.code, 69) << result.err;
    EXPECT_THAT(result.err, HasSubstr("as it was told to"));
    expect_trace(std::string(kSetup) + "C.on_fit_start · M.on_fit_start · D.val_dataloader · D.train_dataloader · C.on_train_start · "
                 "M.on_train_start · C.on_train_epoch_start · M.on_train_epoch_start · " + kTransfer +
                 "C.on_train_batch_start · M.on_train_batch_start · M.optimizer_step · M.training_step · C.on_exception · D.on_exception · "
                 "S.teardown · C.teardown · M.teardown · D.teardown · L.finalize(failed)");
}

std::string renamed(std::string text, const std::string& from, const std::string& to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
    return text;
}

TEST_F(HookTrace, ValidateAndTest) {
    const std::string trace = std::string(kSetup) + "D.val_dataloader · M.on_validation_model_eval · " + kEvaluationBegin + kEvaluationBatch +
                              kEvaluationBatch + "C.on_validation_epoch_end · M.on_validation_epoch_end · L.log_metrics([val/loss, val/loss/cross_entropy],step=0) · "
                              "C.on_validation_end · M.on_validation_end · S.teardown · " + kEnd;
    ASSERT_EQ(run("validate").code, 0);
    expect_trace(renamed(trace, " · M.configure_optimizers", ""));
    std::filesystem::remove(log);
    ASSERT_EQ(run("test").code, 0);
    expect_trace(renamed(renamed(renamed(renamed(trace, "validation", "test"), "D.val_", "D.test_"), "val/loss", "test/loss"), " · M.configure_optimizers", ""));
}

TEST_F(HookTrace, Predict) {
    const std::string batch = std::string(kTransfer) + "C.on_predict_batch_start · M.on_predict_batch_start · M.predict_step · "
                              "C.on_predict_batch_end · M.on_predict_batch_end · ";
    ASSERT_EQ(run("predict").code, 0);
    expect_trace(renamed(kSetup, " · M.configure_optimizers", "") + "D.predict_dataloader · M.on_predict_model_eval · C.on_predict_start · M.on_predict_start · "
                 "C.on_predict_epoch_start · M.on_predict_epoch_start · " + batch + batch +
                 "C.on_predict_epoch_end · M.on_predict_epoch_end · C.on_predict_end · M.on_predict_end · S.teardown · " + kEnd);
}

/// Restored: the datamodule's and the callbacks' state, before on_fit_start; no sanity check.
TEST_F(HookTrace, Resume) {
    ASSERT_EQ(run("fit").code, 0);
    std::filesystem::remove(log);
    std::vector<std::string> words{"run", "trace.toml", "--resume", "-o", "trainer.max_epochs=2"};
    const Result result = dvhost(words);
    ASSERT_EQ(result.code, 0) << result.err;
    const Calls all = calls(false);
    const auto at = [&](const std::string& call) { return std::find(all.begin(), all.end(), call) - all.begin(); };
    EXPECT_LT(at("M.setup"), at("D.load_state_dict(7)"));
    EXPECT_LT(at("D.load_state_dict(7)"), at("C.on_load_checkpoint"));
    EXPECT_LT(at("C.on_load_checkpoint"), at("M.on_load_checkpoint"));
    EXPECT_LT(at("M.on_load_checkpoint"), at("C.on_fit_start"));
    EXPECT_EQ(at("C.on_sanity_check_start"), static_cast<std::ptrdiff_t>(all.size()));
    EXPECT_EQ(std::count(all.begin(), all.end(), "M.training_step"), 2);
}

}  // namespace
}  // namespace dvhost::testing
