// libdvhost_hdf5.so: arrays into an HDF5 file whose dimensions are scales, which is what netCDF-4 is.

#include "door.h"

#include <hdf5.h>
#include <hdf5_hl.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

/// An HDF5 handle, closed. Refuses what HDF5 refused.
class Handle {
public:
    Handle(hid_t id, herr_t (*close)(hid_t), const std::string& what) : id_(id), close_(close) {
        if (id < 0) throw std::runtime_error("HDF5 could not " + what);
    }
    ~Handle() { close_(id_); }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    operator hid_t() const { return id_; }

private:
    hid_t id_;
    herr_t (*close_)(hid_t);
};

void expect(herr_t status, const std::string& what) {
    if (status < 0) throw std::runtime_error("HDF5 could not " + what);
}

hid_t file_type(std::int32_t type) {
    switch (type) {
        case DVHOST_HDF5_FLOAT32:
        case DVHOST_HDF5_FLOAT16: return H5T_IEEE_F32LE;
        case DVHOST_HDF5_FLOAT64: return H5T_IEEE_F64LE;
        case DVHOST_HDF5_INT64: return H5T_STD_I64LE;
        default: return H5T_STD_I8LE;
    }
}

std::size_t size_of(std::int32_t type) {
    switch (type) {
        case DVHOST_HDF5_FLOAT32: return 4;
        case DVHOST_HDF5_FLOAT16: return 2;
        case DVHOST_HDF5_BOOL: return 1;
        default: return 8;
    }
}

/// IEEE half to single.
float widened(std::uint16_t half) {
    const std::uint32_t sign = (half & 0x8000u) << 16, exponent = half >> 10 & 0x1f, fraction = half & 0x3ff;
    std::uint32_t bits = 0;
    if (exponent == 0x1f) {
        bits = sign | 0x7f800000u | fraction << 13;
    } else if (exponent != 0) {
        bits = sign | (exponent + 112) << 23 | fraction << 13;
    } else {  // 0, or a subnormal: fraction · 2⁻²⁴
        const float value = static_cast<float>(fraction) * 0x1p-24f;
        return sign != 0 ? -value : value;
    }
    float out = 0;
    std::memcpy(&out, &bits, sizeof out);
    return out;
}

class Writer {
public:
    Writer(const char* path, const dvhost_hdf5_content& content)
        : content_(content),
          file_(H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose, std::string("create ") + path) {}

    void run() {
        for (std::uint64_t i = 0; i < content_.n_attributes; ++i) {
            const dvhost_hdf5_attribute& a = content_.attributes[i];
            expect(H5LTset_attribute_string(file_, "/", a.name, a.text), std::string("write the attribute ") + a.name);
        }
        // A dimension is a variable of its own: the array of that name, or its indices.
        for (std::uint64_t i = 0; i < content_.n_arrays; ++i) {
            const dvhost_hdf5_array& array = content_.arrays[i];
            for (std::int32_t d = 0; d < array.n_dimensions; ++d) add_scale(array.dimensions[d], array.shape[d]);
        }
        for (std::uint64_t i = 0; i < content_.n_arrays; ++i) {
            const dvhost_hdf5_array& array = content_.arrays[i];
            if (is_scale(array)) continue;
            write(array);
            attach(array);
        }
        expect(H5Fflush(file_, H5F_SCOPE_GLOBAL), "flush the file");
    }

private:
    static bool is_scale(const dvhost_hdf5_array& array) {
        return array.n_dimensions == 1 && std::strcmp(array.name, array.dimensions[0]) == 0;
    }
    void add_scale(const std::string& name, std::int64_t size) {
        const auto [known, is_new] = scales_.try_emplace(name, size);
        if (!is_new) {
            if (known->second != size) throw std::runtime_error("the dimension " + name + " has two sizes");
            return;
        }
        const auto* end = content_.arrays + content_.n_arrays;
        const auto* own = std::find_if(content_.arrays, end,
                                       [&](const dvhost_hdf5_array& a) { return is_scale(a) && name == a.name; });
        if (own != end) {
            write(*own);
        } else {
            std::vector<std::int64_t> indices(static_cast<std::size_t>(size));
            for (std::size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<std::int64_t>(i);
            const char* dimension = name.c_str();
            write({name.c_str(), DVHOST_HDF5_INT64, 1, &size, &dimension, indices.data(), nullptr});
        }
        const Handle scale(H5Dopen2(file_, name.c_str(), H5P_DEFAULT), H5Dclose, "open " + name);
        expect(H5DSset_scale(scale, name.c_str()), "make a scale of " + name);
    }
    void attach(const dvhost_hdf5_array& array) {
        const Handle data(H5Dopen2(file_, array.name, H5P_DEFAULT), H5Dclose, std::string("open ") + array.name);
        for (std::int32_t d = 0; d < array.n_dimensions; ++d) {
            const Handle scale(H5Dopen2(file_, array.dimensions[d], H5P_DEFAULT), H5Dclose,
                               std::string("open ") + array.dimensions[d]);
            expect(H5DSattach_scale(data, scale, static_cast<unsigned>(d)),
                   std::string("name the dimensions of ") + array.name);
        }
    }

    void write(const dvhost_hdf5_array& array) {
        const std::string what = std::string("write ") + array.name;
        std::vector<hsize_t> shape(array.shape, array.shape + array.n_dimensions);
        const Handle space(
            shape.empty() ? H5Screate(H5S_SCALAR) : H5Screate_simple(array.n_dimensions, shape.data(), nullptr),
            H5Sclose, what);
        const Handle options(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, what);
        const bool is_empty = std::find(shape.begin(), shape.end(), 0u) != shape.end();
        if (shape.size() > 1 && !is_empty) compress(options, shape);
        const Handle data(
            H5Dcreate2(file_, array.name, file_type(array.type), space, H5P_DEFAULT, options, H5P_DEFAULT), H5Dclose,
            what);
        if (is_empty) return;
        if (shape.empty()) return put(data, H5S_ALL, H5S_ALL, array, 0, 1, what);
        const std::size_t row = row_values(shape);
        if (array.rows == nullptr && array.type != DVHOST_HDF5_FLOAT16)
            return put(data, H5S_ALL, H5S_ALL, array, 0, row * shape[0], what);
        std::vector<hsize_t> start(shape.size(), 0), count = shape;
        count[0] = 1;
        const Handle one_row(H5Screate_simple(array.n_dimensions, count.data(), nullptr), H5Sclose, what);
        for (hsize_t i = 0; i < shape[0]; ++i) {
            start[0] = i;
            expect(H5Sselect_hyperslab(space, H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr), what);
            const std::size_t from =
                array.rows != nullptr ? static_cast<std::size_t>(array.rows[i]) : static_cast<std::size_t>(i);
            put(data, one_row, space, array, from * row, row, what);
        }
    }
    static std::size_t row_values(const std::vector<hsize_t>& shape) {
        std::size_t n = 1;
        for (std::size_t d = 1; d < shape.size(); ++d) n *= shape[d];
        return n;
    }
    /// One presentation per chunk, so that writing and reading by presentation touch each chunk once; at most 64 Ki values.
    static void compress(hid_t options, const std::vector<hsize_t>& shape) {
        std::vector<hsize_t> chunk = shape;
        chunk[0] = 1;
        for (std::size_t d = 1; d < chunk.size(); ++d) {
            hsize_t n = 1;
            for (const hsize_t c : chunk) n *= c;
            if (n > 65536) chunk[d] = std::max<hsize_t>(1, chunk[d] / ((n + 65535) / 65536));
        }
        expect(H5Pset_chunk(options, static_cast<int>(chunk.size()), chunk.data()), "lay out chunks");
        expect(H5Pset_shuffle(options), "shuffle");
        expect(H5Pset_deflate(options, 4), "compress");
    }
    static void put(hid_t data, hid_t memory, hid_t file, const dvhost_hdf5_array& array, std::size_t first,
                    std::size_t n, const std::string& what) {
        const char* values = static_cast<const char*>(array.values) + first * size_of(array.type);
        if (array.type != DVHOST_HDF5_FLOAT16)
            return expect(H5Dwrite(data, file_type(array.type), memory, file, H5P_DEFAULT, values), what);
        std::vector<float> wide(n);
        for (std::size_t i = 0; i < n; ++i) {
            std::uint16_t half = 0;
            std::memcpy(&half, values + i * sizeof half, sizeof half);
            wide[i] = widened(half);
        }
        expect(H5Dwrite(data, H5T_NATIVE_FLOAT, memory, file, H5P_DEFAULT, wide.data()), what);
    }

    const dvhost_hdf5_content& content_;
    Handle file_;
    std::map<std::string, std::int64_t> scales_;
};

}  // namespace

extern "C" __attribute__((visibility("default"))) int dvhost_write_hdf5(const char* path,
                                                                        const dvhost_hdf5_content* content, char* error,
                                                                        uint64_t error_size) {
    try {
        H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // errors are reported here, not printed there
        Writer(path, *content).run();
        return 0;
    } catch (const std::exception& problem) {
        std::snprintf(error, error_size, "%s", problem.what());
        return 1;
    }
}
