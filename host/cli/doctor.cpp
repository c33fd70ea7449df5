#include "cli/errors.hpp"
#include "cli/options.hpp"
#include "cli/table.hpp"
#include "compose/device.hpp"
#include "compose/services.hpp"
#include "registry/fingerprint.hpp"

#include <ATen/Parallel.h>

#include <dlfcn.h>
#include <fstream>
#include <iostream>
#include <sys/statvfs.h>
#include <unistd.h>

namespace dvhost::cli {

namespace {

std::string cpu_model() {
    std::ifstream in("/proc/cpuinfo");
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
    }
    return "unknown";
}

std::string gigabytes(double bytes) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f GiB", bytes / (1 << 30));
    return text;
}

std::string memory() {
    const double page = static_cast<double>(sysconf(_SC_PAGESIZE));
    return gigabytes(page * static_cast<double>(sysconf(_SC_PHYS_PAGES))) + ", free " +
           gigabytes(page * static_cast<double>(sysconf(_SC_AVPHYS_PAGES)));
}

std::string disk_here() {
    struct statvfs disk {};
    if (statvfs(".", &disk) != 0) return "unknown";
    return gigabytes(static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize)) + " free in this folder" +
           (access(".", W_OK) == 0 ? "" : ", which is not writable: runs need -o run.dir=PATH");
}

std::string torch_library() {
    Dl_info info{};
    return dladdr(reinterpret_cast<const void*>(&at::get_num_threads), &info) != 0 ? info.dli_fname : "unknown";
}

std::string fashion_mnist() {
    const std::filesystem::path folder = "/usr/share/datasets/fashion-mnist";
    return std::filesystem::exists(folder / "train-images-idx3-ubyte.gz")
               ? folder.string()
               : "missing: apt-get install dataset-fashion-mnist, or set data.path";
}

std::string plugins_found(const registry::Registry& plugins) {
    std::size_t refused = 0;
    for (const registry::ScanEntry& e : plugins.entries()) refused += e.state == registry::ScanEntry::State::refused ? 1 : 0;
    return std::to_string(plugins.plugins().size()) + " usable, " + std::to_string(refused) +
           " refused (`dvhost plugins doctor` tells why)";
}

}  // namespace

int doctor(const Arguments& arguments) {
    std::vector<std::filesystem::path> paths;
    boost::program_options::options_description description("Options");
    add_plugin_path(description, paths);
    boost::program_options::variables_map values;
    if (!parse(arguments, "doctor", description, "", values)) return 0;

    const compose::CudaState cuda = compose::open_cuda();
    const auto plugins = registry::Registry::scan(registry::search_path({}, paths));
    const char* spin = std::getenv("GOMP_SPINCOUNT");
    const char* wait = std::getenv("OMP_WAIT_POLICY");
    std::cout << aligned({
        {"processor", cpu_model()},
        {"threads", std::to_string(at::get_num_threads()) + " of " + std::to_string(sysconf(_SC_NPROCESSORS_ONLN)) +
                        " cores (OMP_NUM_THREADS changes it)"},
        {"idle threads", wait ? std::string("OMP_WAIT_POLICY=") + wait : std::string("GOMP_SPINCOUNT=") + (spin ? spin : "unset")},
        {"memory", memory()},
        {"disk", disk_here()},
        {"LibTorch", torch_library()},
        {"CUDA", cuda.usable ? "usable" : "not used: " + cuda.reason},
        {"Fashion-MNIST", fashion_mnist()},
        {"cache", compose::user_cache_dir().string()},
        {"plugins", plugins_found(plugins)},
    });
    std::cout << "\n";
    print_version();
    return plugins.plugins().empty() ? static_cast<int>(ExitCode::not_found) : 0;
}

}  // namespace dvhost::cli
