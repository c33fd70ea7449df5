/// Writes down all that a logger of SDK 1.0 gets to see: its parameters, one of each type, and every call.

#include <dv/logger.hpp>

#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace {

enum class Colour { red, green };

struct Ink {
    double thickness = 0;
    bool wet = false;
    static constexpr auto params =
        dv::schema(dv::p("thickness", &Ink::thickness, 0.5, "of a line", dv::unit{"mm"}, dv::above{0.0}),
                   dv::p("wet", &Ink::wet, true, "dries later"));
};

struct Recorder final : dv::Logger {
    std::string file;
    bool flag = false;
    std::int64_t count = 0;
    double factor = 0;
    Colour colour = Colour::red;
    std::filesystem::path place;
    std::optional<std::int64_t> limit;
    std::vector<double> weights;
    std::vector<std::string> words;
    Ink ink;
    std::vector<Ink> inks;
    static constexpr auto params = dv::schema(
        dv::p("file", &Recorder::file, "capsule.txt", "output file, seen from the run's folder"),
        dv::p("flag", &Recorder::flag, false, "a bool"), dv::p("count", &Recorder::count, 3, "an int", dv::range{1, 9}),
        dv::p("factor", &Recorder::factor, 0.25, "a float", dv::at_least{0.0}),
        dv::p("colour", &Recorder::colour, Colour::green, "an enum", dv::choices("red", "green")),
        dv::p("place", &Recorder::place, "", "a path"),
        dv::p("limit", &Recorder::limit, dv::unset, "an int that may be absent"),
        dv::p("weights", &Recorder::weights, dv::list(0.5, 2.0), "a list of floats"),
        dv::p("words", &Recorder::words, dv::list("one", "two"), "a list of strings"),
        dv::p("ink", &Recorder::ink, dv::table, "a table"),
        dv::p("inks", &Recorder::inks, dv::empty, "a list of tables"));

    ~Recorder() override {
        if (out_) std::fclose(out_);
    }

    void open() override {
        const auto* paths = extension<dv_paths_1>(DV_EXT_PATHS);
        const auto* clock = extension<dv_clock_1>(DV_EXT_CLOCK);
        if (!paths || !clock || clock->wall(clock->self) <= 0)
            throw dv::Error("the host of 1.0 offered dv.paths and dv.clock");
        if (extension<dv_paths_1>("dv.no_such_extension")) throw dv::Error("an extension that nobody has was offered");
        const auto path = std::filesystem::path(dv::detail::view(paths->run_dir(paths->self))) / file;
        out_ = std::fopen(path.c_str(), "w");
        if (!out_) throw dv::IoError("cannot create " + path.string());
        write_parameters();
        info("the capsule is open");
    }

    void hyperparameters(const dv_config& manifest) override {
        const dv_node* run = manifest.get(manifest.root, dv::detail::borrow("run"));
        const dv_node* name = run ? manifest.get(run, dv::detail::borrow("name")) : nullptr;
        dv_str text{};
        if (!name || manifest.as_string(name, &text) != DV_OK) throw dv::Error("the manifest has a run.name");
        std::fprintf(out_, "manifest run.name %s\n", std::string(dv::detail::view(text)).c_str());
    }
    void metrics(const dv::Row& row) override {
        for (const dv_metric& m : row.metrics) {
            std::fprintf(out_, "metric %lld %lld %s %.17g\n", static_cast<long long>(row.step),
                         static_cast<long long>(row.epoch), std::string(dv::detail::view(m.name)).c_str(), m.value);
        }
        if (row.wall_time <= 0) throw dv::Error("a row has the time");
    }
    void flush() override { std::fflush(out_); }
    void finalize(std::string_view outcome) override {
        std::fprintf(out_, "finalize %s\n", std::string(outcome).c_str());
    }

private:
    void write_parameters() {
        std::fprintf(out_, "flag %d\ncount %lld\nfactor %g\ncolour %d\nplace %s\nlimit %lld\n", flag,
                     static_cast<long long>(count), factor, static_cast<int>(colour), place.filename().c_str(),
                     static_cast<long long>(limit.value_or(-1)));
        for (const double weight : weights) std::fprintf(out_, "weight %g\n", weight);
        for (const std::string& word : words) std::fprintf(out_, "word %s\n", word.c_str());
        std::fprintf(out_, "ink %g %d\n", ink.thickness, ink.wet);
        for (const Ink& other : inks) std::fprintf(out_, "inks %g %d\n", other.thickness, other.wet);
    }

    std::FILE* out_ = nullptr;
};

}  // namespace
DV_COMPONENT(Recorder, "capsule.logger.recorder", "Writes down all that a logger of SDK 1.0 gets to see");
