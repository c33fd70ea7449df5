#pragma once
/// Named arrays and what is known about them, on their way into a file.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace dvhost::recording {

/// One array; names of its dimensions are those of docs/recording.md.
struct Array {
    std::string name;
    at::Tensor values;               ///< CPU, contiguous: float32, float16, float64, int64, bool
    std::vector<std::int64_t> rows;  ///< which rows of `values`, in order, make up the array; empty with `all_rows`
    bool all_rows = true;
    std::vector<std::string> dimensions;  ///< one per dimension of `values`
    bool on_disk = false;                 ///< `values` is a disk_array()

    std::vector<std::int64_t> shape() const;
    std::uint64_t n_bytes() const;
    std::uint64_t row_bytes() const;
};

struct ArrayFile {
    std::vector<Array> arrays;
    std::map<std::string, std::string> attributes;
    std::uint64_t n_bytes() const;
};

/// A zip of .npy files, stored, as numpy.savez writes it: np.load(file) opens it. Attributes become the array "attributes", a JSON
/// text. By way of a temporary file. Entries and files above 4 GiB are in zip64 form, which smaller ones also take with
/// `always_zip64`. Throws dv::IoError.
void write_npz(const std::filesystem::path& file, const ArrayFile& content, bool always_zip64 = false);

/// The HDF5 (netCDF-4) form: every dimension is a scale, so that xarray, netCDF4, MATLAB and R see named dimensions; float16 becomes
/// float32, bool int8. `module` is the library that links HDF5: libdvhost_hdf5.so beside dvhost's own. By way of a temporary file.
/// Throws dv::IoError, dv::Error when the module is not there.
void write_hdf5(const std::filesystem::path& file, const ArrayFile& content, const std::filesystem::path& module);

}  // namespace dvhost::recording
