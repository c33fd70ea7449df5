/// Starts dvhost: prepares the environment, then opens the library that is the program.

#include "environment.hpp"

#include <dlfcn.h>
#include <cstdio>
#include <filesystem>

int main(int argc, char** argv) {
    dvhost::prepare_environment();
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
