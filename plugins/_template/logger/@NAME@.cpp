// A logger receives what a run measures. The host calls it from one thread of its own, never from the training thread:
// write it as plain single-threaded code and do not worry about being slow.
#include <dv/logger.hpp>

#include <fstream>
#include <iomanip>
#include <limits>

namespace {

/// One line per number, "step name value": made for grep, awk and gnuplot.
struct @CLASS_NAME@ final : dv::Logger {
    // Each parameter is declared once: name in the manifest, member, default, one line of documentation, limits. The
    // host checks the manifest against this before any of this code runs, so nothing needs to be checked here.
    std::string file;
    std::int64_t digits = 0;
    static constexpr auto params =
        dv::schema(dv::p("file", &@CLASS_NAME@::file, "metrics.txt", "file name in the run's folder"),
                   dv::p("digits", &@CLASS_NAME@::digits, 6, "significant digits", dv::range{1, 17}));

    std::ofstream out;

    // Members are filled; acquire what is needed, or throw. The text of what is thrown is what the user reads.
    void open() override {
        // Services of the host are found by name and may be absent in an older host, so ask.
        const auto* paths = extension<dv_paths_1>(DV_EXT_PATHS);
        if (!paths) throw dv::Error("this host offers no run folder (dv.paths) to write '" + file + "' to");
        const dv_str folder = paths->run_dir(paths->self);
        path_ = std::string(folder.p, folder.n) + "/" + file;
        out.open(path_);
        out << std::setprecision(static_cast<int>(digits));
        check();
    }

    void scalar(std::string_view name, double value, std::int64_t step) override {
        out << step << ' ' << name << ' ' << value << '\n';
        check();
    }

    // After flush() whoever opens the file sees every number logged so far.
    void flush() override {
        out.flush();
        check();
    }

private:
    // A full disk must be said: a logger that loses numbers in silence is worse than none.
    void check() const {
        if (!out) throw dv::IoError("cannot write " + path_);
    }
    std::string path_;
};

}  // namespace

DV_COMPONENT(@CLASS_NAME@, "@ID@", "Writes one number a line");
