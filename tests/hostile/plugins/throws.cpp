// Loggers that fail in every way that C++ offers.
#include <dv/logger.hpp>

#include <csignal>
#include <stdexcept>

namespace {

struct ThrowsInOpen final : dv::Logger {
    void open() override { throw std::runtime_error("cannot write /no/such/place"); }
};

struct ThrowsInHook final : dv::Logger {
    void metrics(const dv::Row&) override { throw std::runtime_error("disk full"); }
    void flush() override { throw 42; }
    void finalize(std::string_view) override { throw dv::IoError("gone"); }
};

/// A base without virtual functions keeps no exception from leaving: the hook is noexcept all the same.
struct DiesInHook final : dv::Logger {
    void metrics(const dv::Row&) override { die(); }
    void flush() override { std::raise(SIGSEGV); }

private:
    static void die() noexcept { throw_anyway(); }
    static void throw_anyway() { throw std::runtime_error("against my own promise"); }
};

struct Refuses final : dv::Logger {
    int level = 0;
    static constexpr auto params = dv::schema(dv::p("level", &Refuses::level, 3, "how loud", dv::range{0, 9}));
    void open() override { throw dv::ParameterError("level", "must be even"); }
};

struct Works final : dv::Logger {};

}  // namespace
DV_COMPONENT(ThrowsInOpen, "hostile.logger.throws_in_open", "Throws in open()");
DV_COMPONENT(ThrowsInHook, "hostile.logger.throws_in_hook", "Throws in its hooks");
DV_COMPONENT(DiesInHook, "hostile.logger.dies_in_hook", "Breaks noexcept, and crashes");
DV_COMPONENT(Refuses, "hostile.logger.refuses", "Refuses its parameters");
DV_COMPONENT(Works, "hostile.logger.works", "Does nothing, well");
