#include "recording/array_file.hpp"

#include <dv/error.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace dvhost::testing {
namespace {

using recording::ArrayFile;
using recording::write_npz;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Npz : public ::testing::Test {
protected:
    std::filesystem::path folder;
    Npz() {
        std::string name = (std::filesystem::temp_directory_path() / "dvhost-npz-XXXXXX").string();
        folder = mkdtemp(name.data());
    }
    ~Npz() override { std::filesystem::remove_all(folder); }

    static ArrayFile content() {
        return {{{"a", at::arange(6, at::kFloat).view({3, 2}), {2, 0}, false, {"presentation", "unit"}},
                 {"mask", at::arange(2, at::kLong).eq(0), {}, true, {"time_bin"}}},
                {{"dt_ms", "2"}}};
    }
    static std::string read(const std::filesystem::path& file) {
        std::ifstream in(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    }
    template <class T>
    static T number(const std::string& bytes, std::size_t at) {
        T value;
        std::memcpy(&value, bytes.data() + at, sizeof value);
        return value;
    }
};

// The first entry, field by field: APPNOTE 4.3.7, then numpy.lib.format.
TEST_F(Npz, BeginsWithAStoredEntryOfAnNpy) {
    write_npz(folder / "x.npz", content());
    const std::string bytes = read(folder / "x.npz");
    EXPECT_THAT(bytes, StartsWith("PK\x03\x04"));
    EXPECT_EQ(number<std::uint16_t>(bytes, 8), 0);  // stored
    const std::size_t n_name = number<std::uint16_t>(bytes, 26), n_extra = number<std::uint16_t>(bytes, 28);
    EXPECT_EQ(bytes.substr(30, n_name), "a.npy");
    const std::uint32_t size = number<std::uint32_t>(bytes, 18);
    const std::string npy = bytes.substr(30 + n_name + n_extra, size);
    EXPECT_EQ(number<std::uint32_t>(bytes, 14),
              crc32(0, reinterpret_cast<const Bytef*>(npy.data()), static_cast<uInt>(npy.size())));
    EXPECT_THAT(npy, StartsWith("\x93NUMPY\x01"));
    EXPECT_THAT(npy, HasSubstr("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }"));
    const std::size_t header = 10 + number<std::uint16_t>(npy, 8);
    EXPECT_EQ(header % 64, 0u);
    const float expected[] = {4, 5, 0, 1};  // rows 2 and 0
    ASSERT_EQ(npy.size(), header + sizeof expected);
    EXPECT_EQ(std::memcmp(npy.data() + header, expected, sizeof expected), 0);
}

TEST_F(Npz, TheSameArraysGiveTheSameBytes) {
    write_npz(folder / "x.npz", content());
    write_npz(folder / "y.npz", content());
    EXPECT_EQ(read(folder / "x.npz"), read(folder / "y.npz"));
}

TEST_F(Npz, LargeFilesAreListedWithSizesOf64Bits) {
    write_npz(folder / "x.npz", content(), /*always_zip64=*/true);
    const std::string bytes = read(folder / "x.npz");
    EXPECT_EQ(number<std::uint32_t>(bytes, 18), 0xffffffffu);
    EXPECT_NE(bytes.find("PK\x06\x06"), std::string::npos);
    EXPECT_NE(bytes.find("PK\x06\x07"), std::string::npos);
}

TEST_F(Npz, AFailedWriteLeavesTheFormerFile) {
    write_npz(folder / "x.npz", content());
    const std::string before = read(folder / "x.npz");
    std::filesystem::create_directory(folder / "x.npz.tmp");
    EXPECT_THROW(write_npz(folder / "x.npz", content()), dv::IoError);
    EXPECT_EQ(read(folder / "x.npz"), before);
}

#ifdef DVHOST_HDF5_MODULE
TEST_F(Npz, Hdf5IsWrittenByItsOwnLibrary) {
    recording::write_hdf5(folder / "x.h5", content(), DVHOST_HDF5_MODULE);
    EXPECT_THAT(read(folder / "x.h5"), StartsWith("\x89HDF\r\n\x1a\n"));
    EXPECT_FALSE(std::filesystem::exists(folder / "x.h5.tmp"));
}

TEST_F(Npz, Hdf5SaysWhatItCouldNotDo) {
    ArrayFile bad = content();
    bad.arrays.push_back({"b", at::arange(5, at::kFloat), {}, true, {"time_bin"}});
    try {
        recording::write_hdf5(folder / "x.h5", bad, DVHOST_HDF5_MODULE);
        FAIL() << "no error";
    } catch (const dv::IoError& error) {
        EXPECT_THAT(error.what(), HasSubstr("the dimension time_bin has two sizes"));
    }
    EXPECT_FALSE(std::filesystem::exists(folder / "x.h5.tmp"));
}
#endif

TEST_F(Npz, WithoutTheLibraryHdf5IsExplained) {
    try {
        recording::write_hdf5(folder / "x.h5", content(), folder / "none.so");
        FAIL() << "no error";
    } catch (const dv::Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("libhdf5-dev"));
    }
}

}  // namespace
}  // namespace dvhost::testing
