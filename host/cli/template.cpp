#include "cli/template.hpp"

#include "cli/command.hpp"
#include "registry/note.hpp"
#include "registry/refusal.hpp"

#include <dv/error.hpp>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace dvhost::cli {

namespace fs = std::filesystem;

namespace {

fs::path prefix() { return fs::read_symlink("/proc/self/exe").parent_path().parent_path(); }

fs::path templates_folder() {
    const fs::path folder = prefix() / "share" / "dvhost" / "templates";
    if (!fs::is_directory(folder)) {
        throw registry::Refusal(folder.string(), "this installation has no plugin templates; install dvhost with `cmake --install`",
                                ExitCode::not_found);
    }
    return folder;
}

std::string pascal_case(const std::string& name) {
    std::string out;
    bool capital = true;
    for (const char c : name) {
        if (c == '_') {
            capital = true;
            continue;
        }
        out += capital ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
        capital = false;
    }
    return std::isdigit(static_cast<unsigned char>(out[0])) ? "_" + out : out;
}

std::string filled_in(std::string text, const NewPlugin& plugin) {
    const std::pair<std::string_view, const std::string&> values[] = {
        {"@ID@", plugin.id},         {"@PLUGIN_ID@", plugin.plugin_id}, {"@NAME@", plugin.name}, {"@CLASS_NAME@", plugin.class_name},
        {"@VENDOR@", plugin.vendor}, {"@KIND@", plugin.kind},
    };
    for (const auto& [placeholder, value] : values) {
        for (std::size_t at = 0; (at = text.find(placeholder, at)) != std::string::npos; at += value.size()) {
            text.replace(at, placeholder.size(), value);
        }
    }
    return text;
}

void write(const fs::path& from, const fs::path& to, const NewPlugin& plugin) {
    std::ifstream in(from, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    fs::create_directories(to.parent_path());
    std::ofstream out(to, std::ios::binary);
    out << filled_in(text.str(), plugin);
    out.close();
    if (!in || !out) throw dv::IoError("cannot write " + to.string());
}

}  // namespace

std::vector<std::string> template_kinds() {
    std::vector<std::string> kinds;
    for (const auto& entry : fs::directory_iterator(templates_folder())) {
        if (entry.is_directory()) kinds.push_back(entry.path().filename().string());
    }
    std::sort(kinds.begin(), kinds.end());
    return kinds;
}

NewPlugin new_plugin(const std::string& kind, const std::string& id) {
    if (!registry::well_formed_id(id, 3)) {
        throw UsageError("'" + id + "' is not a component id: write vendor.kind.name, of a-z, 0-9 and _, e.g. my_lab." +
                         (kind == "c" ? "logger" : kind) + ".mine");
    }
    NewPlugin out{.kind = kind, .id = id, .vendor = id.substr(0, id.find('.')), .name = id.substr(id.rfind('.') + 1), .plugin_id = {}, .class_name = {}};
    out.plugin_id = out.vendor + "." + out.name;
    out.class_name = pascal_case(out.name);
    return out;
}

std::size_t instantiate(const NewPlugin& plugin, const fs::path& folder) {
    if (fs::exists(folder) && !(fs::is_directory(folder) && fs::is_empty(folder))) {
        throw dv::IoError(folder.string() + " exists already; choose another folder with --into");
    }
    const fs::path source = templates_folder() / plugin.kind;
    std::size_t n_files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(source)) {
        if (!entry.is_regular_file()) continue;
        const std::string relative = filled_in(fs::relative(entry.path(), source).string(), plugin);
        write(entry.path(), folder / relative, plugin);
        ++n_files;
    }
    return n_files;
}

std::string sdk_package_hint() {
    const fs::path package = prefix() / "lib" / "cmake" / "dvsdk";
    return fs::exists(package) ? package.string() : "PREFIX/lib/cmake/dvsdk  # after: cmake --install " + prefix().string() + " --prefix PREFIX";
}

}  // namespace dvhost::cli
