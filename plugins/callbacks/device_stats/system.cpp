#include "system.hpp"

#include <unistd.h>

#include <fstream>
#include <map>
#include <sstream>

namespace device_stats {

namespace {

/// Of /proc/meminfo, in kB.
std::map<std::string, double> memory(const std::filesystem::path& proc) {
    std::map<std::string, double> out;
    std::ifstream in(proc / "meminfo");
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line);
        std::string key;
        double value = 0.0;
        if (words >> key >> value && key.ends_with(':')) out[key.substr(0, key.size() - 1)] = value;
    }
    return out;
}

double percent_used(double total, double free) { return total > 0.0 ? 100.0 * (total - free) / total : 0.0; }

}  // namespace

Values System::read() {
    Values out;
    std::ifstream stat(proc_ / "stat");
    if (std::string name; stat >> name && name == "cpu") {
        double total = 0.0, idle = 0.0, ticks = 0.0;
        for (int column = 0; column < 8 && stat >> ticks; ++column) {  // user nice system idle iowait irq softirq steal
            total += ticks;
            if (column == 3 || column == 4) idle += ticks;
        }
        const double busy = total - idle;
        if (total > total_) out.emplace_back("cpu_percent", 100.0 * (busy - busy_) / (total - total_));
        busy_ = busy, total_ = total;
    }
    const auto kilobytes = memory(proc_);
    const auto percent = [&](const char* name, const char* total, const char* free) {
        const auto all = kilobytes.find(total), left = kilobytes.find(free);
        if (all != kilobytes.end() && left != kilobytes.end())
            out.emplace_back(name, percent_used(all->second, left->second));
    };
    percent("cpu_vm_percent", "MemTotal", "MemAvailable");
    percent("cpu_swap_percent", "SwapTotal", "SwapFree");
    std::ifstream own(proc_ / "self" / "statm");
    if (double size = 0.0, resident = 0.0; own >> size >> resident) {
        out.emplace_back("process_rss_bytes", resident * static_cast<double>(::sysconf(_SC_PAGESIZE)));
    }
    return out;
}

}  // namespace device_stats
