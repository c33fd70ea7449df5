// The format against numpy.lib.format: what NumPy writes is read, what is written here is what NumPy writes.

#include <dv/error.hpp>
#include <dv/npy.hpp>

#include <gmock/gmock.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace {

using dv::npy::Array;
using dv::npy::Shape;
using dv::npy::Type;
using dv::npy::Writer;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class Npy : public testing::Test {
protected:
    Npy() : folder_(std::filesystem::path(testing::TempDir()) / "dv_npy_XXXXXX") {
        std::string name = folder_.string();
        folder_ = mkdtemp(name.data());
    }
    ~Npy() override { std::filesystem::remove_all(folder_); }

    std::filesystem::path file(const std::string& bytes) const {
        const auto path = folder_ / "a.npy";
        std::ofstream(path, std::ios::binary) << bytes;
        return path;
    }
    std::string contents(const std::filesystem::path& path) const {
        std::ostringstream out;
        out << std::ifstream(path, std::ios::binary).rdbuf();
        return out.str();
    }
    std::filesystem::path folder_;
};

/// A file of version 1 with this dict and these bytes after it.
std::string npy(std::string dict, const std::string& values, char version = 1) {
    dict += std::string((64 - (10 + dict.size() + 1) % 64) % 64, ' ') + "\n";
    std::string out("\x93NUMPY");
    out += version;
    out += '\0';
    out += static_cast<char>(dict.size() & 0xff);
    out += static_cast<char>(dict.size() >> 8);
    if (version > 1) out += std::string(2, '\0');
    return out + dict + values;
}

std::string bytes_of(std::initializer_list<float> values) {
    std::string out;
    for (const float v : values) out.append(reinterpret_cast<const char*>(&v), sizeof v);
    return out;
}

std::string refusal(const std::filesystem::path& path) {
    try {
        const Array array(path);
    } catch (const dv::IoError& error) {
        return error.what();
    }
    return "it was read";
}

const std::string kDict = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }";

TEST_F(Npy, ReadsWhatNumPyWrites) {
    const Array array(file(npy(kDict, bytes_of({1.0f, 2.0f, 3.0f, 4.0f}))));
    EXPECT_EQ(array.type(), Type::float32);
    EXPECT_THAT(array.shape(), ElementsAre(2, 2));
    float third = 0;
    std::memcpy(&third, array.bytes().data() + 2 * sizeof(float), sizeof third);
    EXPECT_EQ(third, 3.0f);
}

TEST_F(Npy, ReadsOneDimensionAndNone) {
    EXPECT_THAT(Array(file(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }", "abc"))).shape(),
                ElementsAre(3));
    const Array scalar(file(npy("{'descr': '<i8', 'fortran_order': False, 'shape': (), }", std::string(8, '\1'))));
    EXPECT_EQ(scalar.n_values(), 1u);
}

TEST_F(Npy, ReadsVersionsTwoAndThreeAndPythonTwosNumbers) {
    for (const char version : {'\2', '\3'}) {
        const Array array(
            file(npy("{'shape': (2L, 1L), 'fortran_order': False, 'descr': '<f4'}", bytes_of({1.0f, 2.0f}), version)));
        EXPECT_THAT(array.shape(), ElementsAre(2, 1));
    }
}

TEST_F(Npy, WritesWhatNumPyWrites) {
    const auto path = folder_ / "deeper" / "b.npy";
    const std::string values = bytes_of({1.0f, 2.0f, 3.0f, 4.0f});
    Writer writer(path, Type::float32, {2, 2});
    const std::span whole(reinterpret_cast<const std::byte*>(values.data()), values.size());
    writer.append(whole.first(4));
    writer.append(whole.subspan(4));
    EXPECT_FALSE(std::filesystem::exists(path));
    writer.commit();
    EXPECT_EQ(contents(path), npy(kDict, values));
    EXPECT_FALSE(std::filesystem::exists(path.string() + ".tmp"));
}

TEST_F(Npy, WritesShapesOfAnyRank) {
    for (const Shape& shape : {Shape{}, Shape{3}, Shape{2, 0}, Shape{1, 2, 3, 4, 5}}) {
        const auto path = folder_ / "c.npy";
        Writer writer(path, Type::int64, shape);
        std::size_t n = 8;
        for (const std::int64_t d : shape) n *= static_cast<std::size_t>(d);
        writer.append(std::vector<std::byte>(n));
        writer.commit();
        EXPECT_EQ(Array(path).shape(), shape);
    }
}

TEST_F(Npy, AWriterThatIsGivenUpLeavesTheFormerFile) {
    const auto path = file("the former one");
    {
        Writer writer(path, Type::uint8, {4});
        writer.append(std::vector<std::byte>(2));
        EXPECT_THROW(writer.commit(), dv::Error);
        EXPECT_THROW(writer.append(std::vector<std::byte>(3)), dv::Error);
    }
    EXPECT_EQ(contents(path), "the former one");
    EXPECT_FALSE(std::filesystem::exists(path.string() + ".tmp"));
}

TEST_F(Npy, NamesAFolderThatCannotBeWritten) {
    try {
        Writer("/proc/nowhere/x.npy", Type::uint8, {1});
        FAIL() << "it was written";
    } catch (const dv::IoError& error) {
        EXPECT_THAT(error.what(), HasSubstr("/proc/nowhere"));
    }
}

TEST_F(Npy, RefusesWhatIsNoNpyFile) {
    EXPECT_THAT(refusal(folder_ / "none.npy"), AllOf(HasSubstr("none.npy"), HasSubstr("No such file")));
    EXPECT_THAT(refusal(folder_), HasSubstr("is no file"));
    EXPECT_THAT(refusal(file("")), HasSubstr("is empty"));
    EXPECT_THAT(refusal(file("\x89PNG and so on")), HasSubstr("is no .npy file"));
    EXPECT_THAT(refusal(file("PK\x03\x04 and so on")), HasSubstr("np.save"));
    EXPECT_THAT(refusal(file(std::string("\x93NUMPY\x07\x00", 8))), HasSubstr("version 7"));
}

TEST_F(Npy, RefusesFilesOfAnotherLength) {
    const std::string whole = npy(kDict, bytes_of({1.0f, 2.0f, 3.0f, 4.0f}));
    EXPECT_THAT(refusal(file(whole.substr(0, whole.size() - 1))),
                AllOf(HasSubstr("cut short"), HasSubstr("[2, 2]"), HasSubstr("144 bytes"), HasSubstr("143")));
    EXPECT_THAT(refusal(file(whole + "x")), HasSubstr("too long"));
    EXPECT_THAT(refusal(file(whole.substr(0, 40))), HasSubstr("ends inside its header"));
}

TEST_F(Npy, SaysHowToSaveWhatItDoesNotRead) {
    const auto with = [&](const char* descr, const char* order) {
        return refusal(
            file(npy(std::string("{'descr': ") + descr + ", 'fortran_order': " + order + ", 'shape': (2, 2), }", "")));
    };
    EXPECT_THAT(with("'<f4'", "True"), HasSubstr("np.ascontiguousarray"));
    EXPECT_THAT(with("'>f8'", "False"), HasSubstr("astype('<f8')"));
    EXPECT_THAT(with("'<c16'", "False"), AllOf(HasSubstr("'<c16'"), HasSubstr("float32, float64, uint8")));
    EXPECT_THAT(with("[('a', '<f4')]", "False"), HasSubstr("records"));
}

TEST_F(Npy, RefusesDamagedHeaders) {
    const auto with = [&](const std::string& dict) { return refusal(file(npy(dict, ""))); };
    EXPECT_THAT(with("{'descr': '<f4', 'fortran_order': False}"), HasSubstr("without"));
    EXPECT_THAT(with("{'descr': '<f4', 'fortran_order': Maybe, 'shape': ()}"), HasSubstr("True or False"));
    EXPECT_THAT(with("{'descr': '<f4', 'colour': 1}"), HasSubstr("'colour'"));
    EXPECT_THAT(with("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999)}"),
                HasSubstr("too large"));
    EXPECT_THAT(with("{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999999999999,)}"),
                HasSubstr("too large"));
}

/// Every single changed byte of a header is read or refused; nothing else happens.
TEST_F(Npy, SurvivesEveryDamagedByte) {
    const std::string whole = npy(kDict, bytes_of({1.0f, 2.0f, 3.0f, 4.0f}));
    int refused = 0;
    for (std::size_t i = 0; i < 128; ++i) {
        for (const unsigned char value : {0x00, 0x27, 0x28, 0x39, 0x7b, 0xff}) {
            std::string damaged = whole;
            damaged[i] = static_cast<char>(value);
            try {
                dv::npy::read_header({reinterpret_cast<const std::byte*>(damaged.data()), damaged.size()}, "it");
            } catch (const dv::IoError&) {
                ++refused;
            }
        }
    }
    EXPECT_GT(refused, 200);
}

}  // namespace
