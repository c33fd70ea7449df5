#include "registry/module.hpp"

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace dvhost::registry {

Module::Module(void* handle) {
    link_map* map = nullptr;
    if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0 || !map) throw std::runtime_error("the loader does not know it");
    address_ = map->l_ld;
    struct Search {
        Module* module;
        const void* dynamic;
    } search{this, map->l_ld};
    const auto visit = [](dl_phdr_info* info, std::size_t, void* data) -> int {
        auto& [module, dynamic] = *static_cast<Search*>(data);
        std::vector<Range> ranges;
        for (int i = 0; i < info->dlpi_phnum; ++i) {
            const ElfW(Phdr)& p = info->dlpi_phdr[i];
            if (p.p_type != PT_LOAD || (p.p_flags & PF_R) == 0) continue;
            const std::uintptr_t begin = info->dlpi_addr + p.p_vaddr;
            ranges.push_back({begin, begin + p.p_memsz, (p.p_flags & PF_X) != 0});
        }
        module->ranges_ = std::move(ranges);
        return module->holds(dynamic, 1) ? 1 : 0;
    };
    if (dl_iterate_phdr(visit, &search) != 1) throw std::runtime_error("the loader does not know its segments");
}

bool Module::holds(const void* pointer, std::size_t size) const {
    const auto at = reinterpret_cast<std::uintptr_t>(pointer);
    return std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& range) {
        return at >= range.begin && at < range.end && size <= range.end - at;
    });
}

bool Module::holds_code(const void* pointer) const {
    const auto at = reinterpret_cast<std::uintptr_t>(pointer);
    return std::any_of(ranges_.begin(), ranges_.end(),
                       [&](const Range& range) { return range.executable && at >= range.begin && at < range.end; });
}

bool Module::holds_text(const char* text, std::size_t limit) const {
    const auto at = reinterpret_cast<std::uintptr_t>(text);
    for (const Range& range : ranges_) {
        if (at < range.begin || at >= range.end) continue;
        return std::memchr(text, 0, std::min<std::size_t>(limit, range.end - at)) != nullptr;
    }
    return false;
}

std::string mapped_file(const void* address) {
    const auto wanted = reinterpret_cast<std::uintptr_t>(address);
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        // 7f12a000-7f12b000 r--p 00000000 fd:01 1234 /path
        std::istringstream words(line);
        std::uintptr_t begin = 0, end = 0;
        char dash = 0;
        std::string permissions, offset, device, inode;
        words >> std::hex >> begin >> dash >> end >> permissions >> offset >> device >> inode;
        if (wanted >= begin && wanted < end) return device + " " + inode;
    }
    return "";
}

}  // namespace dvhost::registry
