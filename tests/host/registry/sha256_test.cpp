#include "registry/sha256.hpp"

#include "elf_builder.hpp"

#include <gtest/gtest.h>

#include <set>

namespace dvhost::registry {
namespace {

using testing::bytes_of;

// The messages of FIPS 180-4's examples and of NIST's SHA256ShortMsg.rsp.
TEST(Sha256, GivesTheStandardsDigests) {
    EXPECT_EQ(sha256_text(bytes_of("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256_text(bytes_of("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256_text(bytes_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(sha256_text(bytes_of("\xd3")), "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1");
    EXPECT_EQ(sha256_text(bytes_of(std::string(1'000'000, 'a'))),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DoesNotDependOnHowTheBytesArrive) {
    const std::string text(301, 'q');
    for (const std::size_t piece : {1u, 7u, 63u, 64u, 65u, 300u}) {
        Sha256 hash;
        for (std::size_t at = 0; at < text.size(); at += piece) {
            hash.update(bytes_of(std::string_view(text).substr(at, piece)));
        }
        Sha256 whole;
        whole.update(bytes_of(text));
        EXPECT_EQ(hash.digest(), whole.digest()) << "in pieces of " << piece;
    }
}

TEST(Sha256, PadsEveryLengthAroundABlock) {
    // Lengths whose padding just fits, just does not, and fills a block: all digests differ and none reads past its
    // input.
    std::set<std::string> digests;
    for (std::size_t n = 50; n < 70; ++n) digests.insert(sha256_text(bytes_of(std::string(n, 'x'))));
    EXPECT_EQ(digests.size(), 20u);
    EXPECT_EQ(sha256_text(bytes_of(std::string(55, 'a'))),
              "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
    EXPECT_EQ(sha256_text(bytes_of(std::string(56, 'a'))),
              "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
}

}  // namespace
}  // namespace dvhost::registry
