#include "portable_suites.hpp"

#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>

namespace dv::testing {
namespace {

/// A logger with its host.
struct Bench {
    explicit Bench(const Subject& subject)
        : plugin(subject.plugin()), logger(plugin.make<Logger>(subject.note().id, subject.config())) {}
    Plugin plugin;
    LoggerHandle logger;

    void end() {
        logger.flush();
        logger.finalize();
        expect_balanced(plugin.host());
    }
};

/// Content of all files below the run's folder.
std::map<std::string, std::string> files_of(const Host& host) {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(host.run_dir())) {
        if (!entry.is_regular_file()) continue;
        std::ifstream in(entry.path(), std::ios::binary);
        files[entry.path().string()] = {std::istreambuf_iterator<char>(in), {}};
    }
    return files;
}

void names_may_be_any_text(const Subject& subject) {
    Bench bench(subject);
    std::int64_t step = 0;
    for (const char* name :
         {"train/loss", "naïve/größe", "漢字", "🧠/rate", "a,b", "say \"hi\"", "two\nlines", "tab\t", " "}) {
        bench.logger.metrics({{name, 0.5}}, step++, 0, 1.7e9);
        bench.logger.text(name, name, step);
    }
    bench.end();
}

void values_may_be_no_numbers(const Subject& subject) {
    Bench bench(subject);
    using Limits = std::numeric_limits<double>;
    bench.logger.metrics({{"nan", std::nan("")},
                          {"inf", Limits::infinity()},
                          {"-inf", -Limits::infinity()},
                          {"max", Limits::max()},
                          {"tiny", Limits::denorm_min()},
                          {"-0", -0.0}},
                         0, 0, 1.7e9);
    bench.end();
}

void metrics_may_come_and_go(const Subject& subject) {
    Bench bench(subject);
    bench.logger.metrics({{"train/loss", 1.0}}, 0, 0, 1.7e9);
    bench.logger.metrics({{"val/loss", 1.0}, {"train/loss", 0.9}}, 1, -1, 1.7e9);
    bench.logger.metrics({}, 2, 0, 1.7e9);
    bench.logger.metrics({{"train/loss", 0.8}}, 1, 0, 1.6e9);  // a step and a clock that go back
    bench.end();
}

void a_long_run_passes(const Subject& subject) {
    Bench bench(subject);
    constexpr std::int64_t kRows = 10'000;
    for (std::int64_t step = 0; step < kRows; ++step) {
        const double x = static_cast<double>(step);
        bench.logger.metrics({{"train/loss", 1 / (1 + x)}, {"train/accuracy", x / kRows}, {"lr", 1e-3}}, step,
                             step / 100, 1.7e9 + x);
    }
    bench.end();
}

void the_manifest_is_taken(const Subject& subject) {
    Bench bench(subject);
    bench.logger.hyperparameters(Config{{"run", Config{{"name", "größe \"1\""}, {"seed", 42}}},
                                        {"model", Config{{"dt", 2.0}, {"layers", list(1, 2)}, {"on", true}}},
                                        {"logger", list(Config{{"type", "csv"}}, Config{{"type", "x"}})},
                                        {"empty", Config{}},
                                        {"nothing", list()}});
    bench.logger.metrics({{"train/loss", 1.0}}, 0, 0, 1.7e9);
    bench.end();
}

void a_finished_file_is_taken(const Subject& subject) {
    Bench bench(subject);
    const auto path = bench.plugin.host().run_dir() / "größe.ckpt";
    std::ofstream(path) << "weights";
    bench.logger.artifact("checkpoint/größe", path.string());
    refusal_of([&] { bench.logger.artifact("absent", (path / "no such file").string()); });
    bench.end();
}

void flush_is_durable(const Subject& subject) {
    Bench bench(subject);
    bench.logger.metrics({{"first", 0.25}}, 0, 0, 1.7e9);
    bench.logger.flush();
    const auto before = files_of(bench.plugin.host());
    if (before.empty()) skip("it writes no file into the run's folder");
    bench.logger.metrics({{"first", 0.75}}, 1, 0, 1.7e9);
    bench.logger.flush();
    expect(files_of(bench.plugin.host()) != before,
           "after metrics() and flush(), who opens the files in the run's folder does not find the new row");
    bench.end();
}

void any_end_passes(const Subject& subject) {
    for (const char* outcome : {"success", "failed", "interrupted", "an outcome of a newer host"}) {
        Bench bench(subject);
        bench.logger.metrics({{"train/loss", 1.0}}, 0, 0, 1.7e9);
        bench.logger.finalize(outcome);
        expect_balanced(bench.plugin.host());
    }
    Bench without_finalize(subject);
    without_finalize.logger.metrics({{"train/loss", 1.0}}, 0, 0, 1.7e9);
}

/// While it lives, no file of this process can grow beyond `limit` bytes; writing then fails instead of raising a
/// signal.
class SmallDisk {
public:
    explicit SmallDisk(rlim_t limit) {
        getrlimit(RLIMIT_FSIZE, &limit_before_);
        struct sigaction ignore {};
        ignore.sa_handler = SIG_IGN;
        sigaction(SIGXFSZ, &ignore, &action_before_);
        const rlimit small{limit, limit_before_.rlim_max};
        setrlimit(RLIMIT_FSIZE, &small);
    }
    ~SmallDisk() {
        setrlimit(RLIMIT_FSIZE, &limit_before_);
        sigaction(SIGXFSZ, &action_before_, nullptr);
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;

private:
    rlimit limit_before_{};
    struct sigaction action_before_ {};
};

void a_full_disk_is_said(const Subject& subject) {
    constexpr rlim_t kLimit = 4096;
    Bench bench(subject);
    std::string said;
    const auto attempt = [&](const std::function<void()>& body) {
        const std::string text = refusal_of(body);
        if (said.empty()) said = text;
    };
    {
        const SmallDisk disk(kLimit);
        for (std::int64_t step = 0; step < 2000; ++step) {
            attempt([&] {
                bench.logger.metrics({{"train/loss", 1.0 / static_cast<double>(step + 3)}}, step, 0, 1.7e9);
            });
        }
        attempt([&] { bench.logger.flush(); });
        attempt([&] { bench.logger.finalize(); });
    }
    bool reached = false;
    for (const auto& [path, content] : files_of(bench.plugin.host())) reached |= content.size() >= kLimit;
    expect_balanced(bench.plugin.host());
    if (!reached && said.empty()) skip("it filled no file in the run's folder");
    expect(!said.empty(),
           "writing failed because the disk is full, and it reported nothing: rows were lost in silence");
}

void newer_hosts_are_understood(const Subject& subject) {
    Bench bench(subject);
    const dv_metric metric{{"loss", 4}, 0.5};
    struct {
        dv_row known;
        std::uint64_t added[8];
    } row{{0, 1, &metric, 3, 0, 1.7e9}, {~0u, ~0u}};
    row.known.size = sizeof row;
    const Made& made = bench.logger.made();
    expect(made.vtable<dv_logger_1>().metrics(made.object(), &row.known) == DV_OK,
           "it refuses a dv_row of a newer host, which is larger");
    bench.end();
}

}  // namespace

void check_logger(const Subject& subject, Checks& check) {
    check("logger.takes_metrics", [&] {
        const auto made = subject.plugin().create(subject.note().id, subject.config());
        expect(made->vtable<dv_logger_1>().metrics != nullptr, "metrics() is the one slot that every logger must fill");
    });
    if (check.results().back().verdict != Verdict::pass) return;
    check("logger.names_may_be_any_text", [&] { names_may_be_any_text(subject); });
    check("logger.values_may_be_no_numbers", [&] { values_may_be_no_numbers(subject); });
    check("logger.metrics_may_come_and_go", [&] { metrics_may_come_and_go(subject); });
    check("logger.a_long_run_passes", [&] { a_long_run_passes(subject); });
    check("logger.the_manifest_is_taken", [&] { the_manifest_is_taken(subject); });
    check("logger.a_finished_file_is_taken", [&] { a_finished_file_is_taken(subject); });
    check("logger.flush_is_durable", [&] { flush_is_durable(subject); });
    check("logger.any_end_passes", [&] { any_end_passes(subject); });
    check("logger.a_full_disk_is_said", [&] { a_full_disk_is_said(subject); });
    check("logger.newer_hosts_are_understood", [&] { newer_hosts_are_understood(subject); });
}

}  // namespace dv::testing
