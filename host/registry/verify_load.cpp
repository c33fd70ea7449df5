#include "registry/dependencies.hpp"
#include "registry/library.hpp"
#include "registry/note.hpp"
#include "registry/preflight.hpp"
#include "registry/printable.hpp"
#include "registry/process_state.hpp"
#include "registry/verify.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>

namespace dvhost::registry {
namespace {

constexpr std::chrono::seconds kMostLoadTime{2};

std::string joined(const std::vector<std::string>& texts) {
    std::string out;
    for (const std::string& text : texts) out += (out.empty() ? "" : "; ") + text;
    return out;
}

/// What is written to standard output and standard error while this lives.
class CapturedOutput {
public:
    CapturedOutput() : memory_(memfd_create("captured output", MFD_CLOEXEC)) {
        std::fflush(nullptr);
        for (int i = 0; i < 2; ++i) {
            saved_[i] = dup(kStandard[i]);
            dup2(memory_, kStandard[i]);
        }
    }
    ~CapturedOutput() {
        restore();
        close(memory_);
    }
    CapturedOutput(const CapturedOutput&) = delete;
    CapturedOutput& operator=(const CapturedOutput&) = delete;

    /// Ends the capture.
    std::string text() {
        restore();
        char buffer[4096];
        const ssize_t n = pread(memory_, buffer, sizeof buffer, 0);
        return n > 0 ? printable({buffer, static_cast<std::size_t>(n)}) : "";
    }

private:
    static constexpr int kStandard[] = {STDOUT_FILENO, STDERR_FILENO};

    void restore() {
        if (saved_[0] < 0) return;
        std::fflush(nullptr);
        for (int i = 0; i < 2; ++i) {
            dup2(saved_[i], kStandard[i]);
            close(saved_[i]);
            saved_[i] = -1;
        }
    }
    int memory_;
    int saved_[2] = {-1, -1};
};

class LoadChecks {
public:
    explicit LoadChecks(const std::function<void(const CheckResult&)>& report) : report_(report) {}

    std::vector<CheckResult> run(const std::filesystem::path& path) {
        try {
            const PluginFile file = PluginFile::open(path);
            const Inspection inspection = inspect_file(file);
            if (!inspection.info) throw Refusal(path.string(), "no dvhost note; not a plugin", ExitCode::rejected);
            const ElfImage image = checked_image(file);
            check_entry_symbol(file, image);
            check_needed_libraries(file, image);
            check_imports(file, image);
            load(file, *inspection.info);
        } catch (const Refusal& refusal) {
            add(Verdict::fail, refusal.reason, "see the reason");
        }
        while (results_.size() < kCount) add(Verdict::skip, "an earlier check failed", "");
        return std::move(results_);
    }

private:
    static constexpr std::size_t kCount = 6;

    void load(const PluginFile& file, const PluginInfo& info) {
        std::vector<std::string> changed;
        std::string printed;
        std::chrono::steady_clock::duration taken{};
        const auto library = [&] {
            CapturedOutput output;
            const ProcessState before = process_state();
            const auto start = std::chrono::steady_clock::now();
            auto loaded = std::make_unique<Library>(file);
            taken = std::chrono::steady_clock::now() - start;
            changed = changes(before, process_state());
            printed = output.text();
            return loaded;
        }();
        const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(taken).count();
        judge(taken <= kMostLoadTime, "loaded in " + std::to_string(milliseconds) + " ms",
              "do nothing at load; open() is the place for work");
        judge(changed.empty(), changed.empty() ? "the process is as before" : joined(changed),
              "take back what a static initialiser does, or do it in open()");
        judge(printed.empty(), printed.empty() ? "printed nothing" : "printed: " + printed,
              "log through the host: Component::info()");
        library->read_tables();
        add(Verdict::pass, "the descriptor lies inside the plugin", "");
        library->compare_with(info);
        add(Verdict::pass, "the tables are what the note says", "");
        load_again(file);
    }

    void load_again(const PluginFile& file) {
        const ProcessState before = process_state();
        const Library again(file);
        const auto changed = changes(before, process_state());
        judge(changed.empty(), changed.empty() ? "loading it again changes nothing" : joined(changed),
              "keep static initialisers free of effects");
    }

    void judge(bool good, const std::string& reason, const char* fix) {
        add(good ? Verdict::pass : Verdict::fail, reason, good ? "" : fix);
    }
    void add(Verdict verdict, std::string reason, std::string fix) {
        results_.push_back({"L0" + std::to_string(results_.size() + 1), verdict, std::move(reason), std::move(fix)});
        if (report_) report_(results_.back());
    }

    const std::function<void(const CheckResult&)>& report_;
    std::vector<CheckResult> results_;
};

}  // namespace

std::vector<CheckResult> verify_load(const std::filesystem::path& path,
                                     const std::function<void(const CheckResult&)>& report) {
    return LoadChecks(report).run(path);
}

}  // namespace dvhost::registry
