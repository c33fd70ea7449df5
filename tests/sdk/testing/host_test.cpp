#include <dv/testing/host.hpp>

#include <dv/random.hpp>

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

using dv::testing::Host;

namespace {

dv_str borrow(std::string_view s) { return {s.data(), s.size()}; }

template <class Table>
const Table& extension(const dv_host* host, const char* id) {
    return *static_cast<const Table*>(host->get_extension(host->self, id, 1));
}

TEST(Host, RandomKeysDependOnSeedPlaceAndPurposeAlone) {
    Host host;
    const dv_host* model = host.for_component("p", "c", "model");
    const dv_host* same = host.for_component("q", "d", "model");
    const dv_host* other = host.for_component("p", "c", "model.V1");
    const auto key = [](const dv_host* h, std::string_view purpose) {
        const auto& rng = extension<dv_rng_1>(h, DV_EXT_RNG);
        return rng.derive(rng.self, borrow(purpose));
    };
    EXPECT_EQ(key(model, "weights"), dv::derive_key(42, "model/weights"));
    EXPECT_EQ(key(model, "weights"), key(same, "weights"));
    EXPECT_NE(key(model, "weights"), key(other, "weights"));
    EXPECT_NE(key(model, "weights"), key(model, "noise"));
    host.seed = 43;
    EXPECT_NE(key(model, "weights"), dv::derive_key(42, "model/weights"));
}

TEST(Host, TheClockStandsUntilItIsSet) {
    Host host;
    const auto& clock = extension<dv_clock_1>(host.for_component("p", "c", "x"), DV_EXT_CLOCK);
    EXPECT_EQ(clock.monotonic(clock.self), 0.0);
    host.clock = {.monotonic = 5.0, .wall = 100.0};
    EXPECT_EQ(clock.monotonic(clock.self), 5.0);
    EXPECT_EQ(clock.wall(clock.self), 100.0);
}

TEST(Host, TheConsoleKeepsWhatItShows) {
    Host host;
    const auto& console = extension<dv_console_1>(host.for_component("p", "c", "x"), DV_EXT_CONSOLE);
    console.status(console.self, borrow("50 %"));
    console.print(console.self, borrow("a line"));
    EXPECT_EQ(host.console.status, "50 %");
    EXPECT_EQ(host.console.printed, std::vector<std::string>{"a line"});
    host.console.interactive = false;
    console.status(console.self, borrow("ignored"));
    EXPECT_EQ(host.console.status, "50 %");
    EXPECT_EQ(console.interactive(console.self), 0);
}

TEST(Host, RemovesItsFolders) {
    std::filesystem::path run;
    {
        const Host host;
        run = host.run_dir();
        ASSERT_TRUE(std::filesystem::is_directory(run));
    }
    EXPECT_FALSE(std::filesystem::exists(run.parent_path()));
}

TEST(Host, CountsHooksThatAreNotLeftOrLeftInTheWrongOrder) {
    Host host;
    const dv_host* h = host.for_component("p", "c", "x");
    const auto outer = h->enter(h->self, "outer");
    const auto inner = h->enter(h->self, "inner");
    h->leave(h->self, outer);
    EXPECT_EQ(host.misplaced_leaves(), 1u);
    EXPECT_EQ(host.open_hooks(), 2u);
    h->leave(h->self, inner);
    h->leave(h->self, outer);
    EXPECT_EQ(host.open_hooks(), 0u);
}

TEST(Host, EachThreadHasItsOwnFailure) {
    Host host;
    const dv_host* h = host.for_component("p", "c", "x");
    h->set_error(h->self, DV_IO, borrow("mine"));
    std::string other;
    std::thread([&] {
        other = host.last_failure().text;
        h->set_error(h->self, DV_IO, borrow("theirs"));
    }).join();
    EXPECT_EQ(other, "");
    EXPECT_EQ(host.last_failure().text, "mine");
    const auto& errors = extension<dv_error_1>(h, DV_EXT_ERROR);
    dv_failure out{};
    errors.last(errors.self, &out);
    EXPECT_EQ(std::string_view(out.text.p, out.text.n), "mine");
}

TEST(Host, OffersNoNewerVersionAndNothingWithheld) {
    Host host;
    const dv_host* h = host.for_component("p", "c", "x");
    EXPECT_EQ(h->get_extension(h->self, DV_EXT_CLOCK, 2), nullptr);
    EXPECT_EQ(h->get_extension(h->self, "dv.unheard_of", 1), nullptr);
    host.withhold(DV_EXT_CLOCK);
    EXPECT_EQ(h->get_extension(h->self, DV_EXT_CLOCK, 1), nullptr);
}

}  // namespace
