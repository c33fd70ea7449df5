// Loggers that break one promise each; the suite must notice. `Plain` breaks none.
#include <dv/logger.hpp>

#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <set>
#include <thread>

namespace {

/// Appends lines to a file in the run's folder.
struct Plain : dv::Logger {
    std::int64_t every = 1;
    static constexpr auto params =
        dv::schema(dv::p("every", &Plain::every, 1, "writes every so many rows", dv::range{1, 100}));

    std::unique_ptr<std::FILE, int (*)(std::FILE*)> out{nullptr, std::fclose};
    void open() override {
        const auto* paths = extension<dv_paths_1>(DV_EXT_PATHS);
        if (!paths) throw dv::Error("this logger needs a run folder, and the host offers no dv.paths");
        const std::string path = std::string(dv::detail::view(paths->run_dir(paths->self))) + "/rows.txt";
        out.reset(std::fopen(path.c_str(), "wb"));
        if (!out) throw dv::IoError("cannot write " + path);
    }
    virtual void line(std::string_view text) {
        if (std::fwrite(text.data(), 1, text.size(), out.get()) != text.size())
            throw dv::IoError("cannot write rows.txt");
    }
    void scalar(std::string_view name, double value, std::int64_t step) override {
        line(std::to_string(step) + " " + std::string(name) + " " + std::to_string(value) + "\n");
    }
    void flush() override {
        if (std::fflush(out.get()) != 0) throw dv::IoError("cannot write rows.txt");
    }
};
DV_COMPONENT(Plain, "test.logger.plain", "Breaks no promise");

struct Lossy final : Plain {
    void line(std::string_view text) override { (void)!std::fwrite(text.data(), 1, text.size(), out.get()); }
    void flush() override { std::fflush(out.get()); }
};
DV_COMPONENT(Lossy, "test.logger.lossy", "Says nothing when the disk is full");

struct Lazy final : Plain {
    void flush() override {}
};
DV_COMPONENT(Lazy, "test.logger.lazy", "Does not flush");

struct Ascii final : Plain {
    void scalar(std::string_view name, double, std::int64_t) override {
        for (const char c : name) {
            if (static_cast<unsigned char>(c) > 127) throw dv::Error("only ASCII");
        }
    }
};
DV_COMPONENT(Ascii, "test.logger.ascii", "Refuses names that are not ASCII");

struct Finite final : Plain {
    void scalar(std::string_view, double value, std::int64_t) override {
        if (!std::isfinite(value)) throw dv::Error("only finite values");
    }
};
DV_COMPONENT(Finite, "test.logger.finite", "Refuses NaN");

struct FixedColumns final : Plain {
    std::set<std::string> columns;
    void metrics(const dv::Row& row) override {
        std::set<std::string> names;
        for (const dv_metric& m : row.metrics) names.emplace(dv::detail::view(m.name));
        if (columns.empty()) columns = names;
        if (names != columns) throw dv::Error("the columns have changed");
    }
};
DV_COMPONENT(FixedColumns, "test.logger.fixed_columns", "Refuses a metric that comes later");

struct Short final : Plain {
    int rows = 0;
    void metrics(const dv::Row&) override {
        if (++rows > 3000) throw dv::Error("too many rows");
    }
};
DV_COMPONENT(Short, "test.logger.short", "Takes 3000 rows only");

struct Flat final : Plain {
    void hyperparameters(const dv_config& manifest) override {
        for (std::uint64_t i = 0; i < manifest.count(manifest.root); ++i) {
            if (manifest.kind(manifest.item(manifest.root, i)) == DV_KIND_LIST) throw dv::Error("no lists, please");
        }
    }
};
DV_COMPONENT(Flat, "test.logger.flat", "Cannot take a manifest with lists");

struct NoFiles final : Plain {
    void artifact(std::string_view, std::string_view) override { throw dv::Error("no files, please"); }
};
DV_COMPONENT(NoFiles, "test.logger.no_files", "Cannot take a file");

struct HappyEnd final : Plain {
    void finalize(std::string_view outcome) override {
        if (outcome != "success") throw dv::Error("only success");
    }
};
DV_COMPONENT(HappyEnd, "test.logger.happy_end", "Takes one outcome only");

struct LeaksDescriptor final : Plain {
    void open() override {
        Plain::open();
        if (dup(1) < 0) throw dv::IoError("no descriptor");
    }
};
DV_COMPONENT(LeaksDescriptor, "test.logger.leaks_descriptor", "Leaves a descriptor open");

struct LeaksMemory final : Plain {
    void open() override {
        Plain::open();
        lost = new char[64];
        lost[0] = 'x';
    }
    volatile char* lost = nullptr;
};
DV_COMPONENT(LeaksMemory, "test.logger.leaks_memory", "Leaves memory allocated");

struct LeaksThread final : Plain {
    void open() override {
        Plain::open();
        std::thread([] { std::this_thread::sleep_for(std::chrono::hours(1)); }).detach();
    }
};
DV_COMPONENT(LeaksThread, "test.logger.leaks_thread", "Leaves a thread running");

struct Trusting final : Plain {
    void open() override {
        Plain::open();
        const auto* clock = extension<dv_clock_1>(DV_EXT_CLOCK);
        started = clock->wall(clock->self);
    }
    double started = 0;
};
DV_COMPONENT(Trusting, "test.logger.trusting", "Does not look whether a service is there");

}  // namespace
