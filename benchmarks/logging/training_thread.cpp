/// What logging costs the training thread: rows of 1000 scalars into loggers of the build, as a run hands them over.
///
///     bench_logging FOLDER STEPS PAUSE_MS TYPE...      one line of JSON
///
/// Between two rows the thread sleeps for PAUSE_MS, as if it trained; only the call is timed. The manifest comes first, as in a run; the
/// first row, with its 1000 new names, counts.

#include "compose/config_view.hpp"
#include "compose/logger_set.hpp"
#include "logging/log_thread.hpp"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <thread>

namespace {

using namespace dvhost;
namespace fs = std::filesystem;

constexpr int kScalars = 1000;

double seconds(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

loops::Names names() {
    std::vector<std::string> out;
    for (int i = 0; i < kScalars; ++i) out.push_back("train/metric_" + std::to_string(i));
    return std::make_shared<const std::vector<std::string>>(std::move(out));
}

std::uintmax_t bytes_below(const fs::path& folder) {
    std::uintmax_t bytes = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (entry.is_regular_file()) bytes += entry.file_size();
    }
    return bytes;
}

manifest::Node manifest_with(const std::vector<std::string>& types) {
    manifest::Node::List loggers;
    for (const std::string& type : types) {
        manifest::Node table;
        table.set("type", manifest::Node(type, {}));
        loggers.push_back(std::move(table));
    }
    manifest::Node root;
    root.set("logger", manifest::Node(std::move(loggers), {}));
    return root;
}

struct Timing {
    std::vector<double> wall;  // of each row [s]
    double cpu = 0.0;          // of all rows [s]

    double at(double share) const { return wall[static_cast<std::size_t>(share * static_cast<double>(wall.size() - 1))]; }
};

Timing log_rows(logging::LogThread& sink, int steps, int pause_ms) {
    const loops::Names columns = names();
    std::vector<double> values(kScalars);
    Timing timing;
    for (int step = 0; step < steps; ++step) {
        for (int i = 0; i < kScalars; ++i) values[static_cast<std::size_t>(i)] = 1.0 / (1 + step + i);
        const double cpu = seconds(CLOCK_THREAD_CPUTIME_ID), wall = seconds(CLOCK_MONOTONIC);
        sink.row(columns, values, step, 0);
        timing.wall.push_back(seconds(CLOCK_MONOTONIC) - wall);
        timing.cpu += seconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
        if (pause_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
    }
    std::sort(timing.wall.begin(), timing.wall.end());
    return timing;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4) {
        std::cerr << "usage: bench_logging FOLDER STEPS PAUSE_MS TYPE...\n";
        return 64;
    }
    const fs::path folder = fs::absolute(argv[1]);
    const int steps = std::stoi(argv[2]);
    fs::create_directories(folder);
    logging::Console console(2);
    logging::HostLog log(console, DV_LOG_WARNING);
    registry::Registry plugins = registry::Registry::scan(registry::search_path({}, {DVHOST_PLUGINS}));
    const manifest::Node manifest = manifest_with({argv + 4, argv + argc});
    {
        compose::LoggerSet set(manifest, folder, plugins, console, log);
        logging::LogThread sink(set.entries(), [](const std::string& text) { std::cerr << text << "\n"; }, {.folder = folder / ".dvspool"});
        const dv_config whole = compose::config_view(manifest);
        sink.hyperparameters(whole);  // as a run does before its first row, so the log thread is there by then
        const double began = seconds(CLOCK_MONOTONIC);
        const Timing timing = log_rows(sink, steps, std::stoi(argv[3]));
        sink.finish("success");
        const double scalars = static_cast<double>(steps) * kScalars;
        std::cout << "{\"scalars\": " << scalars << ", \"cpu_ns\": " << 1e9 * timing.cpu / scalars
                  << ", \"p50_ns\": " << 1e9 * timing.at(0.5) / kScalars << ", \"p99_ns\": " << 1e9 * timing.at(0.99) / kScalars
                  << ", \"max_ns\": " << 1e9 * timing.wall.back() / kScalars << ", \"all_delivered_s\": " << seconds(CLOCK_MONOTONIC) - began
                  << ", \"bytes\": " << bytes_below(folder) << "}\n";
    }
    plugins.shut_down();
    return 0;
}
