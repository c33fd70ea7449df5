#include "registry/fingerprint.hpp"

#include "registry/note.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dvhost::registry {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// This host's text with one line replaced.
std::string with(const std::string& key, const std::string& value) {
    std::string text = host_fingerprint();
    const std::size_t begin = text.find(key + " = "), end = text.find('\n', begin);
    EXPECT_NE(begin, std::string::npos) << key;
    return text.replace(begin, end - begin, key + " = " + value);
}

FingerprintDifferences compare(const std::vector<std::string>& plugin) {
    return compare_fingerprints(plugin, host_fingerprint());
}

TEST(Fingerprint, OfThisHostNamesEveryField) {
    const std::string text = host_fingerprint();
    for (const char* key :
         {"torch_epoch", "torch_version", "torch_abi", "cxx11_abi", "glibcxx_debug", "gxx_abi", "sanitizers",
          "exceptions", "rtti", "sizeof_tensor", "alignof_tensor", "sizeof_tensor_options", "sizeof_device",
          "sizeof_module", "compiler", "cplusplus", "ndebug"}) {
        EXPECT_NE(text.find(std::string(key) + " = "), std::string::npos) << key;
    }
    EXPECT_NE(text.find("torch_version = \"" + torch_series()), std::string::npos);
}

TEST(Fingerprint, EqualOnesDoNotDiffer) {
    const auto differences = compare({host_fingerprint(), host_fingerprint()});
    EXPECT_THAT(differences.rejected, IsEmpty());
    EXPECT_THAT(differences.warned, IsEmpty());
}

TEST(Fingerprint, EachFieldThatMattersIsRejectedInOneSentence) {
    const std::pair<const char*, const char*> changes[] = {
        {"torch_epoch", "99"},   {"torch_version", "\"9.9.9\""}, {"torch_abi", "7"},
        {"cxx11_abi", "0"},      {"glibcxx_debug", "1"},         {"gxx_abi", "99"},
        {"sanitizers", "\"?\""}, {"exceptions", "false"},        {"rtti", "false"},
        {"sizeof_tensor", "99"}, {"alignof_tensor", "99"},       {"sizeof_tensor_options", "99"},
        {"sizeof_device", "99"}, {"sizeof_module", "99"}};
    for (const auto& [key, value] : changes) {
        const auto differences = compare({with(key, value)});
        EXPECT_EQ(differences.rejected.size(), 1u) << key;
        EXPECT_THAT(differences.warned, IsEmpty()) << key;
    }
}

TEST(Fingerprint, CompilerAndLanguageAreWarnings) {
    for (const auto& [key, value] : {std::pair{"compiler", "\"icc 9\""}, {"cplusplus", "1"}, {"ndebug", "\"maybe\""}}) {
        const auto differences = compare({with(key, value)});
        EXPECT_THAT(differences.rejected, IsEmpty()) << key;
        EXPECT_EQ(differences.warned.size(), 1u) << key;
    }
}

TEST(Fingerprint, SentencesGiveBothValues) {
    const std::string host =
        "torch_version = \"2.11.0\"\nglibcxx_debug = 0\nrtti = true\nsanitizers = \"\"\n"
        "torch_abi = 147211412819673088\ncompiler = \"gcc 12\"\n";
    const std::vector<std::string> plugin = {
        "torch_version = \"2.13.0\"\nglibcxx_debug = 1\nrtti = false\nsanitizers = \"address\"\n"
        "torch_abi = 147774362773094400\ncompiler = \"clang 14\"\n"};
    const auto differences = compare_fingerprints(plugin, host);
    EXPECT_THAT(differences.rejected,
                ElementsAre("built for LibTorch 2.13.0, this host runs 2.11.0",
                            "built for TORCH_ABI_VERSION 0x020d000000000000, host 0x020b000000000000",
                            "built with _GLIBCXX_DEBUG=1, host 0", "built with sanitizer address, host none",
                            "built with run-time type information off, host on"));
    EXPECT_THAT(differences.warned, ElementsAre("built with clang 14, host gcc 12"));
    EXPECT_EQ(
        fingerprint_refusal("lab.model.foo", "0.3.1", differences.rejected),
        "plugin 'lab.model.foo' 0.3.1 can't be used: built for LibTorch 2.13.0, this host runs 2.11.0; built for "
        "TORCH_ABI_VERSION 0x020d000000000000, host 0x020b000000000000; built with _GLIBCXX_DEBUG=1, host 0; built "
        "with sanitizer address, host none; built with run-time type information off, host on. Rebuild it with: "
        "cmake -Ddvsdk_DIR=\u2026 (class T is locked to LibTorch; portable plugins are not).");
}

TEST(Fingerprint, OneOddTranslationUnitIsSeen) {
    const auto differences = compare({host_fingerprint(), with("glibcxx_debug", "1"), with("glibcxx_debug", "1")});
    EXPECT_THAT(differences.rejected, ElementsAre("built with _GLIBCXX_DEBUG=1, host 0"));  // once
}

TEST(Fingerprint, AFieldThatNobodyStatesIsADifference) {
    const auto differences =
        compare_fingerprints(std::vector<std::string>{"rtti = true\n"}, "rtti = true\ncxx11_abi = 1\n");
    EXPECT_THAT(differences.rejected, ElementsAre("its fingerprint lacks 'cxx11_abi'"));
}

TEST(Fingerprint, TheSizeOfModuleIsComparedOnlyWhereBothHaveIt) {
    const std::string host = "rtti = true\nsizeof_module = 400\n";
    EXPECT_THAT(compare_fingerprints(std::vector<std::string>{"rtti = true\n"}, host).rejected, IsEmpty());
    EXPECT_THAT(compare_fingerprints(std::vector<std::string>{"rtti = true\n", "sizeof_module = 8\n"}, host).rejected,
                ElementsAre("torch::nn::Module has 8 bytes, in the host 400"));
    EXPECT_THAT(
        compare_fingerprints(std::vector<std::string>{"rtti = true\nsizeof_module = 8\n"}, "rtti = true\n").rejected,
        IsEmpty());
}

TEST(Fingerprint, ThatIsNotTomlIsAnError) { EXPECT_THROW(compare({"torch_version = \n"}), NoteError); }

}  // namespace
}  // namespace dvhost::registry
