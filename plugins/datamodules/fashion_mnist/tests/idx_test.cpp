#include "../idx.hpp"

#include "idx_files.hpp"

#include <dv/error.hpp>

#include <gtest/gtest.h>

#include <string>

namespace dv::fashion_mnist::testing {
namespace {

/// What read_idx() says of a file with these bytes; "" if it reads it.
std::string refusal(const Bytes& bytes, std::size_t n_dimensions = 3) {
    const Folder folder;
    const std::filesystem::path path = folder.write("file", bytes);
    try {
        read_idx(path, n_dimensions);
        return "";
    } catch (const IoError& error) {
        const std::string text = error.what();
        EXPECT_EQ(text.rfind(path.string() + ": ", 0), 0u) << "does not begin with the file: " << text;
        return text.substr(path.string().size() + 2);
    }
}

TEST(Idx, ReadsSizesAndValues) {
    const Folder folder;
    const Bytes content = values(2 * 3 * 4);
    for (const bool zipped : {false, true}) {
        const Bytes file = idx({2, 3, 4}, content);
        const IdxFile read = read_idx(folder.write("file", zipped ? gzip(file) : file), 3);
        EXPECT_EQ(read.header.sizes, (std::vector<std::int64_t>{2, 3, 4}));
        EXPECT_EQ(Bytes(read.values().begin(), read.values().end()), content);
    }
}

TEST(Idx, ReadsTheHeaderAlone) {
    const Folder folder;
    // The stream is cut, but behind the header.
    const Bytes file = gzip(idx({50, 28, 28}, values(50 * 28 * 28)));
    EXPECT_EQ(read_idx_header(folder.write("file", first(file, file.size() / 2)), 3).sizes,
              (std::vector<std::int64_t>{50, 28, 28}));
}

TEST(Idx, ReadsAFileWithoutValues) {
    const Folder folder;
    EXPECT_TRUE(read_idx(folder.write("file", gzip(idx({0}, {}))), 1).values().empty());
}

TEST(Idx, RefusesAMissingFile) {
    try {
        read_idx("/nonexistent/file", 1);
        FAIL() << "was not refused";
    } catch (const IoError& error) {
        EXPECT_EQ(std::string(error.what()), "/nonexistent/file: cannot be read (No such file or directory)");
    }
}

TEST(Idx, RefusesAFolder) {
    const Folder folder;
    EXPECT_THROW(read_idx(folder.path(), 1), IoError);
}

TEST(Idx, RefusesAnotherMagicNumber) {
    Bytes file = idx({1, 1, 1}, {7});
    file[2] = 0x0D;  // floats
    EXPECT_EQ(refusal(file),
              "is no IDX file of unsigned bytes in 3 dimension(s): expected 0x00000803 at its beginning, found "
              "0x00000d03");
    EXPECT_NE(refusal(gzip(file)), "");
    EXPECT_NE(refusal(idx({4}, values(4))).find("found 0x00000801"), std::string::npos);  // labels in place of images
}

TEST(Idx, RefusesAnEmptyFile) {
    EXPECT_NE(refusal({}).find("found nothing"), std::string::npos);
    EXPECT_NE(refusal(gzip({})).find("found nothing"), std::string::npos);
}

TEST(Idx, RefusesAFileThatEndsInItsHeader) {
    const Bytes file = first(idx({2, 3, 4}, {}), 10);
    EXPECT_EQ(refusal(file), "ends inside its header, after 10 of 16 bytes");
    EXPECT_EQ(refusal(gzip(file)), "ends inside its header, after 10 of 16 bytes");
}

TEST(Idx, RefusesTooFewValues) {
    const Bytes file = idx({2, 3, 4}, values(20));
    EXPECT_EQ(refusal(gzip(file)), "holds 36 bytes, but its header (2 × 3 × 4) promises 40; it is cut off");
    EXPECT_EQ(refusal(file).find("promises 2 × 3 × 4 values") == std::string::npos, true);
    EXPECT_EQ(refusal(file), "holds 36 bytes, but its header (2 × 3 × 4) promises 40; it is cut off");
}

TEST(Idx, RefusesWhatIsAppended) {
    const Bytes file = idx({2, 3, 4}, values(25));
    EXPECT_EQ(refusal(file), "holds more than 40 bytes, but its header (2 × 3 × 4) promises 40; something is appended");
    EXPECT_EQ(refusal(gzip(file)), refusal(file));
    const Bytes zipped = gzip(idx({2, 3, 4}, values(24)));
    EXPECT_EQ(refusal(joined(zipped, {1, 2, 3})), "3 bytes follow its gzip stream; something is appended");
}

// At every length, so in the gzip header, in the data, in the checksum, in the length.
TEST(Idx, RefusesATruncatedGzipFile) {
    const Bytes zipped = gzip(idx({2, 3, 4}, values(24)));
    for (std::size_t n = 2; n < zipped.size(); ++n) {
        EXPECT_NE(refusal(first(zipped, n)).find("is cut off: its gzip stream ends"), std::string::npos) << n;
    }
}

TEST(Idx, SaysHowFarATruncatedGzipFileGoes) {
    const Bytes zipped = gzip(idx({10, 28, 28}, values(7840)));
    const std::string text = refusal(first(zipped, zipped.size() - 4));
    EXPECT_EQ(text, "is cut off: its gzip stream ends after 7856 of 7856 bytes");
}

TEST(Idx, RefusesADamagedGzipFile) {
    const Bytes whole = gzip(idx({10, 28, 28}, values(7840)));
    Bytes checksum = whole;
    checksum[whole.size() - 8] ^= 1;
    EXPECT_NE(refusal(checksum).find("its gzip stream is not valid (incorrect data check)"), std::string::npos);
    Bytes method = whole;
    method[2] = 7;
    EXPECT_NE(refusal(method).find("is not a valid gzip file (unknown compression method)"), std::string::npos);
}

// No flipped bit gives other values: each is refused, or it is in a part of the gzip header that means nothing.
TEST(Idx, NoDamageGoesUnnoticed) {
    const Bytes content = idx({3, 4, 4}, values(48));
    const Bytes whole = gzip(content);
    const Folder folder;
    for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
        Bytes damaged = whole;
        damaged[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
        try {
            const IdxFile read = read_idx(folder.write("file", damaged), 3);
            EXPECT_EQ(Bytes(read.bytes.get(), read.bytes.get() + content.size()), content) << "bit " << bit;
        } catch (const IoError&) {
        }
    }
}

TEST(Idx, RefusesSizesThatNoSuchFileCanHold) {
    const Bytes file = idx({0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, values(24));
    EXPECT_NE(
        refusal(file).find("promises 4294967295 × 4294967295 × 4294967295 values in its header, but a file of its "
                           "length holds at most 40 bytes"),
        std::string::npos);
    EXPECT_NE(refusal(gzip(file)).find("it is damaged"), std::string::npos);
}

}  // namespace
}  // namespace dv::fashion_mnist::testing
