#include "expect_conformance.hpp"

#include <dv/testing/torch.hpp>

using dv::testing::torch_suites;
using dv_tests::Wrong;

namespace {

class WrongTorch : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongTorch, IsNoticed) { dv_tests::expect_noticed(GetParam(), torch_suites()); }

INSTANTIATE_TEST_SUITE_P(
    Solvers, WrongTorch,
    ::testing::Values(Wrong{DV_WRONG_DYNAMICS, "test.solver.wrong_affine", "solver.affine_agrees_with_step"},
                      Wrong{DV_WRONG_DYNAMICS, "test.solver.lying_tableau", "solver.tableau_has_its_order"},
                      Wrong{DV_WRONG_DYNAMICS, "test.solver.loose_tableau", "solver.tableau_is_consistent"},
                      Wrong{DV_WRONG_DYNAMICS, "test.solver.wrong_order", "solver.order_is_as_stated"},
                      Wrong{DV_WRONG_DYNAMICS, "test.solver.low_limit", "solver.stability_limit_is_where_it_says"},
                      Wrong{DV_WRONG_DYNAMICS, "test.solver.high_limit", "solver.stability_limit_is_where_it_says"},
                      Wrong{DV_WRONG_DYNAMICS, "test.solver.single_precision", "solver.keeps_shape_and_dtype"},
                      Wrong{DV_WRONG_DYNAMICS, "test.solver.absent_is_one", "solver.an_absent_input_counts_as_zero"},
                      Wrong{DV_WRONG_DYNAMICS, "test.solver.drifts", "solver.rests_where_drive_equals_rate"},
                      Wrong{DV_WRONG_DYNAMICS, "test.solver.detached", "solver.gradients_are_right"},
                      Wrong{DV_WRONG_DYNAMICS, "test.solver.detached_tau", "solver.gradients_are_right"},
                      Wrong{DV_WRONG_DYNAMICS, "test.solver.other_tau", "solver.a_trained_tau_gives_the_same_step"},
                      Wrong{DV_WRONG_DYNAMICS, "test.solver.fixed_tau", "solver.a_trained_tau_gives_the_same_step"},
                      Wrong{DV_WRONG_DYNAMICS, "test.solver.remembers", "solver.keeps_no_state"},
                      Wrong{DV_WRONG_DYNAMICS, "test.solver.in_place", "solver.keeps_no_state"},
                      Wrong{DV_WRONG_DYNAMICS, "test.solver.no_equation", "solver.has_an_equation"}),
    dv_tests::test_name);

INSTANTIATE_TEST_SUITE_P(
    Recurrence, WrongTorch,
    ::testing::Values(
        Wrong{DV_WRONG_DYNAMICS, "test.recurrence.wrong_linear", "recurrence.linear_agrees_with_forward"},
        Wrong{DV_WRONG_DYNAMICS, "test.recurrence.transposed", "recurrence.keeps_shapes"},
        Wrong{DV_WRONG_DYNAMICS, "test.recurrence.centred", "recurrence.maps_samples_on_their_own"},
        Wrong{DV_WRONG_DYNAMICS, "test.recurrence.twice_named", "recurrence.names_are_clear"},
        Wrong{DV_WRONG_DYNAMICS, "test.recurrence.unused", "recurrence.every_parameter_gets_a_gradient"},
        Wrong{DV_WRONG_DYNAMICS, "test.recurrence.half_detached", "recurrence.gradients_are_right"},
        Wrong{DV_WRONG_DYNAMICS, "test.recurrence.same_everywhere", "recurrence.initial_values_follow_seed_and_place"},
        Wrong{DV_WRONG_DYNAMICS, "test.recurrence.noisy_start", "recurrence.initial_values_follow_seed_and_place"},
        Wrong{DV_WRONG_DYNAMICS, "test.recurrence.fatigue", "recurrence.keeps_no_state"},
        Wrong{DV_WRONG_DYNAMICS, "test.recurrence.denies", "recurrence.no_contribution_means_zero"},
        Wrong{DV_WRONG_DYNAMICS, "test.recurrence.always_biased", "recurrence.a_site_without_bias_is_taken"},
        Wrong{DV_WRONG_DYNAMICS, "test.recurrence.no_formula", "recurrence.has_an_equation"}),
    dv_tests::test_name);

INSTANTIATE_TEST_SUITE_P(
    Losses, WrongTorch,
    ::testing::Values(Wrong{DV_WRONG_SCORES, "test.loss.per_sample", "loss.is_one_number"},
                      Wrong{DV_WRONG_SCORES, "test.loss.doubled", "loss.gradient_is_right"},
                      Wrong{DV_WRONG_SCORES, "test.loss.scores_voids", "loss.voids_are_not_scored"},
                      Wrong{DV_WRONG_SCORES, "test.loss.divides_by_none",
                            "loss.a_void_batch_is_zero_and_keeps_the_graph"},
                      Wrong{DV_WRONG_SCORES, "test.loss.loses_graph", "loss.a_void_batch_is_zero_and_keeps_the_graph"},
                      Wrong{DV_WRONG_SCORES, "test.loss.first_counts", "loss.order_of_samples_does_not_matter"},
                      Wrong{DV_WRONG_SCORES, "test.loss.overflows", "loss.large_outputs_are_borne"},
                      Wrong{DV_WRONG_SCORES, "test.loss.averages", "loss.keeps_no_state"}),
    dv_tests::test_name);

INSTANTIATE_TEST_SUITE_P(
    Metrics, WrongTorch,
    ::testing::Values(Wrong{DV_WRONG_SCORES, "test.metric.never_forgets", "metric.reset_forgets"},
                      Wrong{DV_WRONG_SCORES, "test.metric.last_batch", "metric.halves_make_a_whole"},
                      Wrong{DV_WRONG_SCORES, "test.metric.late_name", "metric.names_are_constant"},
                      Wrong{DV_WRONG_SCORES, "test.metric.holds_graph", "metric.values_are_numbers_without_gradient"},
                      Wrong{DV_WRONG_SCORES, "test.metric.computes_once", "metric.computing_changes_nothing"},
                      Wrong{DV_WRONG_SCORES, "test.metric.lends_its_sum", "metric.computing_changes_nothing"},
                      Wrong{DV_WRONG_SCORES, "test.metric.counts_voids", "metric.voids_are_not_scored"},
                      Wrong{DV_WRONG_SCORES, "test.metric.empty_throws", "metric.an_empty_start_is_borne"},
                      Wrong{DV_WRONG_SCORES, "test.metric.keeps_too_little", "metric.state_continues_where_it_was"},
                      Wrong{DV_WRONG_SCORES, "test.metric.shares_sums", "metric.instances_are_independent"}),
    dv_tests::test_name);

INSTANTIATE_TEST_SUITE_P(
    Optimizers, WrongTorch,
    ::testing::Values(Wrong{DV_WRONG_TRAINING, "test.optimizer.climbs", "optimizer.descends"},
                      Wrong{DV_WRONG_TRAINING, "test.optimizer.decays", "optimizer.without_a_gradient_nothing_moves"},
                      Wrong{DV_WRONG_TRAINING, "test.optimizer.keeps_gradients", "optimizer.zero_grad_drops_gradients"},
                      Wrong{DV_WRONG_TRAINING, "test.optimizer.ignores_rate", "optimizer.lr_zero_stands_still"},
                      Wrong{DV_WRONG_TRAINING, "test.optimizer.splits", "optimizer.one_group_takes_all"},
                      Wrong{DV_WRONG_TRAINING, "test.optimizer.no_rules", "optimizer.rules_make_groups"},
                      Wrong{DV_WRONG_TRAINING, "test.optimizer.forgets", "optimizer.state_continues_where_it_was"},
                      Wrong{DV_WRONG_TRAINING, "test.optimizer.borrows", "optimizer.state_is_copied_in"},
                      Wrong{DV_WRONG_TRAINING, "test.optimizer.shakes", "optimizer.equal_runs_are_equal"},
                      Wrong{DV_WRONG_TRAINING, "test.optimizer.deaf", "optimizer.momentum_follows_a_schedule"},
                      Wrong{DV_WRONG_TRAINING, "test.optimizer.nameless", "optimizer.options_name_the_learning_rate"}),
    dv_tests::test_name);

INSTANTIATE_TEST_SUITE_P(
    Strategies, WrongTorch,
    ::testing::Values(Wrong{DV_WRONG_TRAINING, "test.strategy.misplaced", "strategy.knows_its_place"},
                      Wrong{DV_WRONG_TRAINING, "test.strategy.resets", "strategy.setup_keeps_values_and_handles"},
                      Wrong{DV_WRONG_TRAINING, "test.strategy.drops_time", "strategy.to_device_keeps_the_batch"},
                      Wrong{DV_WRONG_TRAINING, "test.strategy.overwrites", "strategy.backward_adds_gradients"},
                      Wrong{DV_WRONG_TRAINING, "test.strategy.halves", "strategy.reduce_of_one_is_itself"},
                      Wrong{DV_WRONG_TRAINING, "test.strategy.no_end", "strategy.the_group_ends_in_order"}),
    dv_tests::test_name);

INSTANTIATE_TEST_SUITE_P(
    Datamodules, WrongTorch,
    ::testing::Values(
        Wrong{DV_WRONG_DATAMODULES, "test.datamodule.growing", "datamodule.facts_are_consistent"},
        Wrong{DV_WRONG_DATAMODULES, "test.datamodule.closed", "datamodule.facts_are_consistent"},
        Wrong{DV_WRONG_DATAMODULES, "test.datamodule.partial", "datamodule.samples_are_written_in_full"},
        Wrong{DV_WRONG_DATAMODULES, "test.datamodule.over", "datamodule.samples_are_written_in_full"},
        Wrong{DV_WRONG_DATAMODULES, "test.datamodule.unlabelled", "datamodule.samples_are_written_in_full"},
        Wrong{DV_WRONG_DATAMODULES, "test.datamodule.off_by_one", "datamodule.labels_are_in_range"},
        Wrong{DV_WRONG_DATAMODULES, "test.datamodule.counting", "datamodule.a_key_gives_one_sample"},
        Wrong{DV_WRONG_DATAMODULES, "test.datamodule.first_epoch", "datamodule.other_epochs_are_read"},
        Wrong{DV_WRONG_DATAMODULES, "test.datamodule.one_thread", "datamodule.threads_read_the_same"},
        Wrong{DV_WRONG_DATAMODULES, "test.datamodule.endless", "datamodule.positions_outside_are_refused"}),
    dv_tests::test_name);

INSTANTIATE_TEST_SUITE_P(
    Models, WrongTorch,
    ::testing::Values(Wrong{DV_WRONG_MODELS, "test.model.timeless", "model.outputs_have_their_shape"},
                      Wrong{DV_WRONG_MODELS, "test.model.mismatched", "model.steps_agree_with_themselves"},
                      Wrong{DV_WRONG_MODELS, "test.model.twice_named", "model.names_are_clear"},
                      Wrong{DV_WRONG_MODELS, "test.model.unused", "model.every_parameter_gets_a_gradient"},
                      Wrong{DV_WRONG_MODELS, "test.model.same_start", "model.equal_seeds_give_equal_models"},
                      Wrong{DV_WRONG_MODELS, "test.model.remembers", "model.keeps_no_state_between_batches"},
                      Wrong{DV_WRONG_MODELS, "test.model.normalises", "model.items_are_independent"},
                      Wrong{DV_WRONG_MODELS, "test.model.switches_gradient", "model.modes_are_respected"},
                      Wrong{DV_WRONG_MODELS, "test.model.leaves_gradient_off", "model.modes_are_respected"},
                      Wrong{DV_WRONG_MODELS, "test.model.copies", "model.parameters_are_handles"},
                      Wrong{DV_WRONG_MODELS, "test.model.half_detached", "model.gradients_are_right"},
                      Wrong{DV_WRONG_MODELS, "test.model.speechless", "model.describes_itself"}),
    dv_tests::test_name);

TEST(TorchSuites, LetWhatKeepsItsPromisesPass) {
    dv_tests::expect_clean(DV_WRONG_DYNAMICS, "test.solver.euler", torch_suites());
    dv_tests::expect_clean(DV_WRONG_DYNAMICS, "test.recurrence.pointwise", torch_suites());
    dv_tests::expect_clean(DV_WRONG_SCORES, "test.loss.cross_entropy", torch_suites());
    dv_tests::expect_clean(DV_WRONG_SCORES, "test.metric.accuracy", torch_suites());
    dv_tests::expect_clean(DV_WRONG_TRAINING, "test.optimizer.momentum", torch_suites());
    dv_tests::expect_clean(DV_WRONG_TRAINING, "test.strategy.alone", torch_suites());
    dv_tests::expect_clean(DV_WRONG_DATAMODULES, "test.datamodule.ramps", torch_suites());
    dv_tests::expect_clean(DV_WRONG_MODELS, "test.model.readout", torch_suites());
}

}  // namespace
