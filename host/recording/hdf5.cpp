#include "recording/array_file.hpp"
#include "recording/hdf5/door.h"

#include <dv/error.hpp>

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <deque>

namespace dvhost::recording {

namespace {

std::int32_t type_of(const Array& array) {
    switch (array.values.scalar_type()) {
        case at::kFloat: return DVHOST_HDF5_FLOAT32;
        case at::kHalf: return DVHOST_HDF5_FLOAT16;
        case at::kDouble: return DVHOST_HDF5_FLOAT64;
        case at::kLong: return DVHOST_HDF5_INT64;
        case at::kBool: return DVHOST_HDF5_BOOL;
        default:
            throw dv::Error("'" + array.name + "' is of type " + c10::toString(array.values.scalar_type()) +
                            ", which is not written");
    }
}

using Write = decltype(&dvhost_write_hdf5);

Write writer_in(const std::filesystem::path& module) {
    void* library = dlopen(module.c_str(), RTLD_NOW | RTLD_LOCAL);
    void* found = library != nullptr ? dlsym(library, "dvhost_write_hdf5") : nullptr;
    if (found == nullptr) {
        const char* why = dlerror();
        throw dv::Error("HDF5 files cannot be written: " + std::string(why != nullptr ? why : "no reason given") +
                        "; install HDF5 (Debian: libhdf5-dev) and build dvhost again, or take format = [\"npz\"]");
    }
    return reinterpret_cast<Write>(found);
}

/// The content as the door takes it.
struct Lent {
    std::deque<std::vector<std::int64_t>> shapes;
    std::deque<std::vector<const char*>> dimensions;
    std::vector<dvhost_hdf5_array> arrays;
    std::vector<dvhost_hdf5_attribute> attributes;

    explicit Lent(const ArrayFile& content) {
        for (const Array& a : content.arrays) {
            const auto& shape = shapes.emplace_back(a.shape());
            auto& names = dimensions.emplace_back();
            for (const std::string& d : a.dimensions) names.push_back(d.c_str());
            arrays.push_back({a.name.c_str(), type_of(a), static_cast<std::int32_t>(shape.size()), shape.data(),
                              names.data(), a.values.const_data_ptr(), a.all_rows ? nullptr : a.rows.data()});
        }
        for (const auto& [name, text] : content.attributes) attributes.push_back({name.c_str(), text.c_str()});
    }
};

}  // namespace

void write_hdf5(const std::filesystem::path& file, const ArrayFile& content, const std::filesystem::path& module) {
    const Write write = writer_in(module);
    std::error_code made;
    std::filesystem::create_directories(file.parent_path(), made);
    if (made) throw dv::IoError("cannot make the folder " + file.parent_path().string() + ": " + made.message());
    std::filesystem::path temporary = file;
    temporary += ".tmp";
    const Lent lent(content);
    const dvhost_hdf5_content door{lent.arrays.data(), lent.arrays.size(), lent.attributes.data(),
                                   lent.attributes.size()};
    char problem[512] = {};
    std::error_code renamed;
    if (write(temporary.c_str(), &door, problem, sizeof problem) == 0) {
        if (const int fd = open(temporary.c_str(), O_RDONLY | O_CLOEXEC); fd >= 0) {
            fsync(fd);
            close(fd);
        }
        std::filesystem::rename(temporary, file, renamed);
        if (!renamed) return;
    }
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
    throw dv::IoError("cannot write " + file.string() + ": " + (renamed ? renamed.message() : std::string(problem)));
}

}  // namespace dvhost::recording
