#include "registry/boundary.hpp"

#include "registry/printable.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

namespace dvhost::registry {
namespace {

dv_str str(std::string_view s) { return {s.data(), s.size()}; }

struct Line {
    std::string component, text, file;
    std::int32_t level, line;
};

class BoundaryTest : public ::testing::Test {
protected:
    std::vector<Line> lines;
    const void* offered = nullptr;
    Boundary boundary{
        [this](const PluginMessage& m) {
            lines.push_back({m.from.component, std::string(m.text), std::string(m.file), m.level, m.line});
        },
        [this](const ComponentRecord& who, std::string_view id, std::uint32_t version) {
            asked = who.place + " " + std::string(id) + " " + std::to_string(version);
            return offered;
        }};
    std::string asked;
    const dv_host& host = boundary.host_for({"lab.tools", "lab.logger.csv", "logger.0"});

    dv::ComponentError failure_of(const std::function<dv_status()>& function, const char* hook = "metrics") {
        try {
            call(host, "lab.logger.csv", hook, function);
        } catch (const dv::ComponentError& error) {
            return error;
        }
        throw std::logic_error("the call succeeded");
    }
};

TEST_F(BoundaryTest, HostsKeepTheirAddressAndTheirRecord) {
    std::vector<const dv_host*> all;
    for (int i = 0; i < 100; ++i) all.push_back(&boundary.host_for({"p", "c", "place " + std::to_string(i)}));
    EXPECT_EQ(Boundary::record_of(*all[0]).place, "place 0");
    EXPECT_EQ(Boundary::record_of(*all[99]).place, "place 99");
    EXPECT_EQ(all[5]->size, sizeof(dv_host));
    EXPECT_EQ(all[5]->abi_major, DV_ABI_MAJOR);
}

TEST_F(BoundaryTest, LogLinesArriveWithTheirSenderAndPrintable) {
    host.log(host.self, DV_LOG_WARNING, str("disk \x1b[31mnearly full\xff"), str("csv.cpp"), 12);
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(lines[0].component, "lab.logger.csv");
    EXPECT_EQ(lines[0].text, "disk \\x1b[31mnearly full\uFFFD");
    EXPECT_EQ(lines[0].file, "csv.cpp");
    EXPECT_EQ(lines[0].level, DV_LOG_WARNING);
    EXPECT_EQ(lines[0].line, 12);
}

TEST_F(BoundaryTest, ASinkThatThrowsDoesNotReachThePlugin) {
    Boundary failing([](const PluginMessage&) { throw std::runtime_error("no space"); }, nullptr);
    const dv_host& h = failing.host_for({"p", "c", ""});
    EXPECT_NO_THROW(h.log(h.self, DV_LOG_INFO, str("hello"), str(""), 0));
    EXPECT_EQ(h.get_extension(h.self, "dv.paths", 1), nullptr);
}

TEST_F(BoundaryTest, ExtensionsAreLookedUpForTheCaller) {
    static const int table = 0;
    offered = &table;
    EXPECT_EQ(host.get_extension(host.self, "dv.rng", 1), &table);
    EXPECT_EQ(asked, "logger.0 dv.rng 1");
    EXPECT_EQ(host.get_extension(host.self, nullptr, 1), nullptr);
}

TEST_F(BoundaryTest, TheErrorExtensionIsBuiltIn) {
    EXPECT_NE(host.get_extension(host.self, DV_EXT_ERROR, 1), nullptr);
    EXPECT_EQ(host.get_extension(host.self, DV_EXT_ERROR, 2), nullptr);
    EXPECT_EQ(asked, "");
}

TEST_F(BoundaryTest, AReportedFailureBecomesAnErrorWithItsPlace) {
    const auto error = failure_of([&] {
        host.set_error(host.self, DV_IO, str("cannot write x.csv"));
        return DV_IO;
    });
    EXPECT_EQ(error.status, DV_IO);
    EXPECT_EQ(error.plugin, "lab.tools");
    EXPECT_EQ(error.component, "lab.logger.csv");
    EXPECT_EQ(error.hook, "metrics");
    EXPECT_EQ(error.text, "cannot write x.csv");
    EXPECT_STREQ(error.what(), "lab.logger.csv (plugin lab.tools) failed in metrics: cannot write x.csv");
}

TEST_F(BoundaryTest, AStatusWithoutTextSaysSo) {
    const auto error = failure_of([] { return dv_status{42}; }, "flush");
    EXPECT_EQ(error.text, "component reported code 42 without a message");
    EXPECT_EQ(error.plugin, "lab.tools");
    EXPECT_EQ(error.hook, "flush");
}

TEST_F(BoundaryTest, AnEarlierTextIsNotTakenForALaterFailure) {
    host.set_error(host.self, DV_IO, str("of another call"));
    EXPECT_EQ(failure_of([] { return DV_FAILED; }).text, "component reported code 1 without a message");
}

TEST_F(BoundaryTest, ANestedComponentsFailureKeepsItsOwnPlace) {
    const dv_host& child = boundary.host_for({"lab.parts", "lab.solver.euler", "model.solver"});
    const auto error = failure_of([&]() -> dv_status {
        try {
            call(child, "lab.solver.euler", "step", [&] {
                child.set_error(child.self, DV_FAILED, str("diverged"));
                return DV_FAILED;
            });
        } catch (const dv::ComponentError& inner) {
            return inner.code();  // as the SDK's guard does
        }
        return DV_OK;
    });
    EXPECT_EQ(error.component, "lab.solver.euler");
    EXPECT_EQ(error.hook, "step");
    EXPECT_EQ(error.text, "diverged");
}

TEST_F(BoundaryTest, AnExceptionAcrossTheDoorIsCaughtAllTheSame) {
    const auto error = failure_of([]() -> dv_status { throw std::runtime_error("oops"); });
    EXPECT_EQ(error.text, "threw across the door: oops");
    EXPECT_EQ(failure_of([]() -> dv_status { throw 7; }).text, "threw across the door: unknown exception");
}

TEST_F(BoundaryTest, TextsAreCutAndMadePrintable) {
    const auto error = failure_of([&] {
        host.set_error(host.self, DV_FAILED, str(std::string(1'000'000, 'x')));
        return DV_FAILED;
    });
    EXPECT_EQ(error.text.size(), kMaxText);
    EXPECT_EQ(failure_of([&] {
                  host.set_error(host.self, DV_FAILED, str("\xff\x07"));
                  return DV_FAILED;
              }).text,
              "\uFFFD\\x07");
    EXPECT_EQ(failure_of([&] {
                  host.set_error(host.self, DV_FAILED, {nullptr, 9});
                  return DV_FAILED;
              }).text,
              "component reported code 1 without a message");
}

TEST_F(BoundaryTest, EachThreadHasItsOwnFailure) {
    host.set_error(host.self, DV_IO, str("mine"));
    std::thread([&] {
        EXPECT_EQ(last_failure(host).code, DV_OK);
        host.set_error(host.self, DV_FAILED, str("theirs"));
    }).join();
    EXPECT_EQ(last_failure(host).text, "mine");
}

TEST_F(BoundaryTest, AnOlderPluginsFailureStructIsNotWrittenBeyond) {
    host.set_error(host.self, DV_IO, str("text"));
    const auto* errors = static_cast<const dv_error_1*>(host.get_extension(host.self, DV_EXT_ERROR, 1));
    dv_failure failure{};
    failure.size = offsetof(dv_failure, text);
    const char* untouched = "untouched";
    failure.text = {untouched, 9};
    errors->last(errors->self, &failure);
    EXPECT_EQ(failure.code, DV_IO);
    EXPECT_EQ(failure.text.p, untouched);
    EXPECT_EQ(failure.size, offsetof(dv_failure, text));
}

TEST_F(BoundaryTest, HooksNestAndLeaveInOneStep) {
    const std::uint64_t outer = host.enter(host.self, "forward");
    host.enter(host.self, "step");
    host.leave(host.self, outer);  // the inner one was left out
    const std::uint64_t again = host.enter(host.self, "flush");
    EXPECT_EQ(again, outer);
    host.set_error(host.self, DV_FAILED, str("x"));
    EXPECT_EQ(last_failure(host).hook, "flush");
    host.leave(host.self, again);
}

TEST_F(BoundaryTest, VeryDeepNestingIsSurvived) {
    std::vector<std::uint64_t> tokens;
    for (int i = 0; i < 1000; ++i) tokens.push_back(host.enter(host.self, "deep"));
    while (!tokens.empty()) {
        host.leave(host.self, tokens.back());
        tokens.pop_back();
    }
    EXPECT_EQ(host.enter(host.self, "top"), 0u);
    host.leave(host.self, 0);
}

dv_status creates_nothing(const dv_host*, const dv_config*, void**) { return DV_OK; }
dv_status creates_itself(const dv_host*, const dv_config* config, void** out) {
    *out = const_cast<dv_config*>(config);
    return DV_OK;
}

TEST_F(BoundaryTest, CreateWithoutAnObjectIsAFailure) {
    const dv_config config{};
    dv_component component{sizeof(dv_component), 1,       "dv.logger", "lab.logger.csv", nullptr,
                           creates_itself,       nullptr, nullptr};
    EXPECT_EQ(create_object(host, component, config), &config);
    component.create = creates_nothing;
    try {
        create_object(host, component, config);
        FAIL();
    } catch (const dv::ComponentError& error) {
        EXPECT_EQ(error.text, "factory reported success but returned null");
        EXPECT_EQ(error.hook, "create");
        EXPECT_EQ(error.plugin, "lab.tools");
    }
}

}  // namespace
}  // namespace dvhost::registry
