#include <dv/temporal/sequence.hpp>

#include <dv/error.hpp>

#include <ATen/ops/arange.h>

#include <gtest/gtest.h>

namespace {

using dv::Sequence;

/// [2, n, 1, 2, 3], all values different.
at::Tensor frames(std::int64_t n) { return at::arange(2 * n * 6, at::kDouble).view({2, n, 1, 2, 3}); }

TEST(Sequence, OfFramesShowsEachOnce) {
    const Sequence s = Sequence::of(frames(3));
    EXPECT_EQ(s.schedule, (std::vector<std::int32_t>{0, 1, 2}));
    EXPECT_TRUE(s.expanded().is_same(s.frames));
    EXPECT_EQ(s.batch(), 2);
}

TEST(Sequence, RefusesWhatIsNotFrames) { EXPECT_THROW(Sequence::of(frames(1).squeeze(1)), dv::Error); }

TEST(Sequence, AStillImageIsHeldWithoutACopy) {
    const Sequence s = Sequence::of(frames(1)).shown_for(20);
    EXPECT_EQ(s.n_timesteps(), 20);
    const at::Tensor all = s.expanded();
    EXPECT_EQ(all.sizes(), (at::IntArrayRef{2, 20, 1, 2, 3}));
    EXPECT_EQ(all.const_data_ptr(), s.frames.const_data_ptr());
    EXPECT_TRUE(s.frame_at(19).equal(s.frames.select(1, 0)));
}

TEST(Sequence, FramesOfTheirOwnAreNotStretched) {
    const Sequence movie = Sequence::of(frames(3));
    EXPECT_EQ(movie.shown_for(3).schedule, movie.schedule);
    EXPECT_THROW(movie.shown_for(4), dv::Error);
    EXPECT_THROW(Sequence::of(frames(1)).shown_for(0), dv::Error);
}

TEST(Sequence, BlankStepsHaveTheBlankValue) {
    Sequence s = Sequence::of(frames(2));
    s.schedule = {1, Sequence::kBlank, 1};
    s.blank_value = -0.5;
    EXPECT_TRUE(s.frame_at(1).eq(-0.5).all().item<bool>());
    const at::Tensor all = s.expanded();
    EXPECT_TRUE(all.select(1, 0).equal(s.frames.select(1, 1)));
    EXPECT_TRUE(all.select(1, 1).equal(s.blank_frame()));
    EXPECT_TRUE(all.select(1, 2).equal(s.frames.select(1, 1)));
    EXPECT_EQ(s.blank_frame().scalar_type(), at::kDouble);
}

TEST(Sequence, PassesTheDoorUnchanged) {
    Sequence s = Sequence::of(frames(2));
    s.schedule = {1, Sequence::kBlank, 0, 0};
    s.idle_timesteps = 3;
    s.blank_value = 0.25;
    const Sequence back = dv::detail::own(dv::detail::borrow(s));
    EXPECT_TRUE(back.frames.is_same(s.frames));
    EXPECT_EQ(back.schedule, s.schedule);
    EXPECT_EQ(back.idle_timesteps, 3);
    EXPECT_EQ(back.blank_value, 0.25);
}

}  // namespace
