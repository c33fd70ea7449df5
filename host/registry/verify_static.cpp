#include "registry/dependencies.hpp"
#include "registry/fingerprint.hpp"
#include "registry/library_search.hpp"
#include "registry/note.hpp"
#include "registry/preflight.hpp"
#include "registry/printable.hpp"
#include "registry/schema_check.hpp"
#include "registry/verify.hpp"

#include <algorithm>

namespace dvhost::registry {
namespace {

std::string joined(const std::vector<std::string>& texts) {
    std::string out;
    for (const std::string& text : texts) out += (out.empty() ? "" : "; ") + text;
    return out;
}

/// Libraries with our notes among the needed ones: plugins find each other by id, not by file.
std::vector<std::string> needed_plugins(const PluginFile& file, const ElfImage& image) {
    std::vector<std::string> out;
    const ElfDynamic dynamic = image.dynamic();
    const LibrarySearch search(file.path(), dynamic);
    for (const std::string_view name : dynamic.needed) {
        const auto path = search.find(name);
        if (!path) continue;
        try {
            const PluginFile library = PluginFile::open(*path);
            if (read_notes(ElfImage(library.bytes()))) out.push_back(printable(name));
        } catch (const NoteError&) {
            out.push_back(printable(name));  // notes of ours, if damaged ones
        } catch (const ElfError&) {
            continue;  // whatever it is, it is no plugin
        }
    }
    return out;
}

bool only_origin(std::string_view folders) {
    while (!folders.empty()) {
        const std::size_t end = std::min(folders.find(':'), folders.size());
        const std::string_view folder = folders.substr(0, end);
        if (!folder.starts_with("$ORIGIN") && !folder.starts_with("${ORIGIN}")) return false;
        folders.remove_prefix(std::min(end + 1, folders.size()));
    }
    return true;
}

class StaticChecks {
public:
    explicit StaticChecks(const std::filesystem::path& path) : path_(path) {}

    std::vector<CheckResult> run() {
        try {
            const PluginFile file = PluginFile::open(path_);
            note_result("S01", "a regular file of " + std::to_string(file.bytes().size()) + " bytes", file.warning(),
                        "chmod o-w");
            with_file(file);
        } catch (const Refusal& refusal) {
            fail(next_id(), refusal.reason, "see the reason");
        }
        while (results_.size() < kCount) add(next_id(), Verdict::skip, "an earlier check failed", "");
        return std::move(results_);
    }

private:
    static constexpr std::size_t kCount = 14;

    void with_file(const PluginFile& file) {
        const ElfImage image = checked_image(file);  // a refusal is S02's
        try {
            image.exports(), image.imports();
        } catch (const ElfError& error) {
            fail("S02", error.what(), "build it anew");
            return;
        }
        pass("S02", "an ELF shared object for x86-64");
        std::optional<PluginInfo> info;
        try {
            info = read_notes(image);
        } catch (const NameError& error) {
            pass("S03", "notes can be read");
            fail("S04", error.what(), "ids are vendor.kind.name, of a-z, 0-9 and _");
            return;
        } catch (const NoteError& error) {
            fail("S03", error.what(), "docs/plugin_notes.md; DV_COMPONENT and dv_add_plugin() write good notes");
            return;
        } catch (const ElfError& error) {
            fail("S03", error.what(), "declare the note's variable with aligned(4)");
            return;
        }
        if (!info) {
            fail("S03", "no dvhost note; not a plugin", "build it with dv_add_plugin()");
            return;
        }
        pass("S03", std::to_string(info->components.size()) + " component(s)");
        pass("S04", info->id);
        schema(*info);
        image_checks(file, image);
        fingerprint(*info);
        license(*info);
    }

    void schema(const PluginInfo& info) {
        std::vector<std::string> problems;
        for (const ComponentInfo& component : info.components) {
            const auto found = schema_problems(component);
            problems.insert(problems.end(), found.begin(), found.end());
        }
        judge("S05", problems, "defaults lie within their limits, everything is documented",
              "correct the dv::p() declarations");
    }

    void image_checks(const PluginFile& file, const ElfImage& image) {
        std::vector<std::string> exported, unique;
        for (const ElfSymbol& symbol : image.exports()) {
            exported.push_back(printable(symbol.name));
            if (symbol.unique) unique.push_back(printable(symbol.name));
        }
        const bool entry_alone = exported == std::vector<std::string>{"dv_plugin_entry"};
        judge("S06", entry_alone ? std::vector<std::string>{} : std::vector<std::string>{exported_text(exported)},
              "exports dv_plugin_entry alone", "link with the version script of dv_add_plugin()");

        const ElfDynamic dynamic = image.dynamic();
        std::vector<std::string> unsafe;
        if (dynamic.text_relocations) unsafe.push_back("text relocations");
        if (image.executable_stack()) unsafe.push_back("an executable stack");
        judge("S07", unsafe, "no text relocations, no executable stack",
              "compile with -fPIC; link with -z noexecstack");

        needed("S08", file, image);
        const std::string_view folders = dynamic.runpath.empty() ? dynamic.rpath : dynamic.runpath;
        judge("S09", only_origin(folders) ? std::vector<std::string>{} : std::vector<std::string>{printable(folders)},
              "rpath only below $ORIGIN", "link with -rpath $ORIGIN or none");
        judge("S10",
              dynamic.bind_now ? std::vector<std::string>{} : std::vector<std::string>{"symbols are bound lazily"},
              "bound when loaded", "link with -z now");
        judge("S11", unique, "no process-wide unique symbols", "compile with -fno-gnu-unique");
        refusal_of(
            "S12", [&] { check_imports(file, image); }, "all imports are offered", "link with -z defs");
    }

    static std::string exported_text(const std::vector<std::string>& names) {
        return "exports " + std::to_string(names.size()) + " names, expected dv_plugin_entry alone" +
               (names.empty() ? "" : ": " + joined(names));
    }

    void needed(const char* id, const PluginFile& file, const ElfImage& image) {
        const auto plugins = needed_plugins(file, image);
        if (!plugins.empty()) {
            fail(id, "needs other plugins: " + joined(plugins), "ask for components by id through dv.factory");
            return;
        }
        refusal_of(
            id, [&] { check_needed_libraries(file, image); }, "all needed libraries are there", "see the reason");
    }

    void fingerprint(const PluginInfo& info) {
        if (info.fingerprints.empty()) {
            add("S13", Verdict::skip, "class portable has none", "");
            return;
        }
        try {
            const auto differences = compare_fingerprints(info.fingerprints, host_fingerprint());
            if (!differences.rejected.empty()) {
                fail("S13", joined(differences.rejected), "rebuild it with: cmake -Ddvsdk_DIR=\u2026");
            } else {
                note_result("S13", "built like this host", joined(differences.warned),
                            "build it with the host's compiler");
            }
        } catch (const NoteError& error) {
            fail("S13", error.what(), "include the SDK's headers unchanged");
        }
    }

    void license(const PluginInfo& info) {
        judge("S14", info.license.empty() ? std::vector<std::string>{"no license"} : std::vector<std::string>{},
              info.license, "dv_add_plugin(... LICENSE <SPDX id>)");
    }

    template <class Check>
    void refusal_of(const char* id, const Check& check, const std::string& good, const std::string& fix) {
        try {
            check();
            pass(id, good);
        } catch (const Refusal& refusal) {
            fail(id, refusal.reason, fix);
        }
    }
    void judge(const char* id, const std::vector<std::string>& problems, const std::string& good, const char* fix) {
        problems.empty() ? pass(id, good) : fail(id, joined(problems), fix);
    }
    void note_result(const char* id, const std::string& good, const std::string& warning, const char* fix) {
        warning.empty() ? pass(id, good) : add(id, Verdict::warn, warning, fix);
    }
    void pass(std::string id, std::string reason) { add(std::move(id), Verdict::pass, std::move(reason), ""); }
    void fail(std::string id, std::string reason, std::string fix) {
        add(std::move(id), Verdict::fail, std::move(reason), std::move(fix));
    }
    void add(std::string id, Verdict verdict, std::string reason, std::string fix) {
        results_.push_back({std::move(id), verdict, std::move(reason), std::move(fix)});
    }
    std::string next_id() const {
        const std::string number = std::to_string(results_.size() + 1);
        return (number.size() < 2 ? "S0" : "S") + number;
    }

    std::filesystem::path path_;
    std::vector<CheckResult> results_;
};

}  // namespace

std::string_view verdict_text(Verdict verdict) {
    switch (verdict) {
        case Verdict::pass: return "pass";
        case Verdict::fail: return "fail";
        case Verdict::warn: return "warn";
        default: return "skip";
    }
}

std::vector<CheckResult> verify_static(const std::filesystem::path& path) { return StaticChecks(path).run(); }

}  // namespace dvhost::registry
