/// Starts dvhost: prepares the environment, then opens the library that is the program.
///
/// LibTorch's OpenMP runtime reads its settings when it is loaded, so they must be in place before. By default it lets idle
/// threads spin for long; where anything else runs, steps then slow down several times, on some machines up to 80 times. A very short
/// spin, then sleep, bounds that, at a price on a machine of one's own (docs/performance.md has both figures). Whoever sets
/// GOMP_SPINCOUNT or OMP_WAIT_POLICY keeps their own choice.

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <dlfcn.h>
#include <filesystem>

namespace {

void prepare_environment() {
    if (std::getenv("OMP_WAIT_POLICY") == nullptr) setenv("GOMP_SPINCOUNT", "300", /*overwrite=*/0);
    // When this program began, for "first step after …": the kernel only knows when the process did, perhaps as a shell.
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    char text[32];
    std::snprintf(text, sizeof text, "%lld.%09ld", static_cast<long long>(now.tv_sec), now.tv_nsec);
    setenv("DVHOST_STARTED_AT", text, /*overwrite=*/1);
}

}  // namespace

int main(int argc, char** argv) {
    prepare_environment();
    std::error_code unknown;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", unknown);
    const auto library = program.parent_path().parent_path() / "lib" / "dvhost" / "libdvhost.so";
    void* opened = dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (opened == nullptr) {
        std::fprintf(stderr, "dvhost: this installation is incomplete: %s\n", dlerror());
        return 66;
    }
    const auto run = reinterpret_cast<int (*)(int, char**)>(dlsym(opened, "dvhost_main"));
    if (run == nullptr) {
        std::fprintf(stderr, "dvhost: %s is not dvhost's library: %s\n", library.c_str(), dlerror());
        return 66;
    }
    return run(argc, argv);
}
