// A logger that never comes back, as one would whose server takes the connection and says nothing: while DVHOST_TEST_HANGS names the
// hook that it is in.
#include <dv/logger.hpp>

#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace {

struct Hanging final : dv::Logger {
    void metrics(const dv::Row& row) override {
        hang_in("metrics");
        std::ofstream("handed_over.txt", std::ios::app) << row.step << "\n";
    }
    void finalize(std::string_view outcome) override {
        hang_in("finalize");
        std::ofstream("handed_over.txt", std::ios::app) << outcome << "\n";
    }
    std::string position() override { return "the beginning"; }

private:
    void hang_in(std::string_view hook) const {
        const char* asked = std::getenv("DVHOST_TEST_HANGS");
        if (asked == nullptr || hook != asked) return;
        warn("hangs");
        while (true) ::pause();
    }
};

}  // namespace
DV_COMPONENT(Hanging, "example.logger.hanging", "Does not come back");
