#include "registry/registry.hpp"

#include <algorithm>
#include <cstdlib>

namespace dvhost::registry {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

}  // namespace

std::vector<SearchDirectory> search_path(const std::vector<fs::path>& from_manifest,
                                         const std::vector<fs::path>& from_command_line) {
    std::vector<SearchDirectory> out;
    for (const fs::path& path : from_manifest) out.push_back({path, "manifest [plugins] paths"});
    for (const fs::path& path : from_command_line) out.push_back({path, "--plugin-path"});

    std::string rest = environment("DVHOST_PLUGIN_PATH");
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(':'), rest.size());
        if (end > 0) out.push_back({rest.substr(0, end), "DVHOST_PLUGIN_PATH"});
        rest.erase(0, end + 1);
    }

    if (const std::string data = environment("XDG_DATA_HOME"); !data.empty()) {
        out.push_back({fs::path(data) / "dvhost/plugins", "XDG_DATA_HOME"});
    } else if (const std::string home = environment("HOME"); !home.empty()) {
        out.push_back({fs::path(home) / ".local/share/dvhost/plugins", "XDG_DATA_HOME"});
    }

    std::error_code failed;
    const fs::path program = fs::read_symlink("/proc/self/exe", failed);
    if (!failed) {
        out.push_back({program.parent_path().parent_path() / "lib/dvhost/plugins", "beside the program"});
    }
    return out;
}

}  // namespace dvhost::registry
