/// Whatever happens to a file's bytes, looking at it ends in a description or in a refusal.

#include "hostile.hpp"

#include "registry/dependencies.hpp"
#include "registry/note.hpp"
#include "registry/preflight.hpp"
#include "registry/verify.hpp"

#include "elf_builder.hpp"

#include <random>

namespace dvhost::hostile {
namespace {

using registry::ElfError;
using registry::ElfImage;
using registry::NoteError;
using testing::bytes_of;
using testing::content_of;

/// Everything that is read before loading, short of opening a file.
bool looks_like_a_plugin(const std::string& bytes) {
    try {
        const ElfImage image(bytes_of(bytes));
        image.dynamic();
        image.exports();
        image.imports();
        image.build_id();
        return registry::read_notes(image).has_value();
    } catch (const ElfError&) {
        return false;
    } catch (const NoteError&) {
        return false;
    }
}

class Mutator {
public:
    explicit Mutator(std::string original) : original_(std::move(original)) {}

    /// One to eight changes in [begin, end).
    std::string operator()(std::size_t begin, std::size_t end) {
        std::string out = original_;
        for (std::size_t n = 1 + random_() % 8; n > 0; --n) change(out, begin + random_() % (end - begin));
        return out;
    }
    std::size_t size() const { return original_.size(); }

private:
    void change(std::string& bytes, std::size_t at) {
        constexpr std::uint64_t interesting[] = {0,
                                                 1,
                                                 7,
                                                 0x7F,
                                                 0xFF,
                                                 0xFFFF,
                                                 0x7FFFFFFF,
                                                 0xFFFFFFFF,
                                                 0x7FFFFFFFFFFFFFFF,
                                                 0xFFFFFFFFFFFFFFFF,
                                                 0xFFFFFFFFFFFFFFF0,
                                                 0x1000,
                                                 64 * 1024,
                                                 1024 * 1024};
        const std::size_t width = std::min<std::size_t>(std::size_t{1} << (random_() % 4), bytes.size() - at);
        switch (random_() % 4) {
            case 0: bytes[at] = static_cast<char>(bytes[at] ^ (1 << (random_() % 8))); break;
            case 1: bytes[at] = static_cast<char>(random_()); break;
            case 2: {
                const std::uint64_t value = interesting[random_() % std::size(interesting)];
                std::memcpy(bytes.data() + at, &value, width);
                break;
            }
            default: {
                const std::size_t from = random_() % (bytes.size() - width + 1);
                std::memmove(bytes.data() + at, bytes.data() + from, width);
            }
        }
    }
    std::string original_;
    std::mt19937 random_{20240229};
};

TEST(Mutation, OfAWholeFileNeverCrashes) {
    Mutator mutate(content_of(raw_plugin("good")));
    int n_plugins = 0;
    for (int i = 0; i < 60'000; ++i) n_plugins += looks_like_a_plugin(mutate(0, mutate.size())) ? 1 : 0;
    EXPECT_GT(n_plugins, 1000);  // most changes hit nothing that is read
    EXPECT_LT(n_plugins, 60'000);
}

TEST(Mutation, OfHeadersNotesAndTablesNeverCrashes) {
    const std::string small = testing::good_plugin().build();  // every byte is read
    Mutator mutate(small);
    int n_plugins = 0;
    for (int i = 0; i < 60'000; ++i) n_plugins += looks_like_a_plugin(mutate(4, mutate.size())) ? 1 : 0;
    EXPECT_GT(n_plugins, 100);
    EXPECT_LT(n_plugins, 60'000);
}

TEST(Mutation, OfANotesTextNeverCrashes) {
    testing::ElfBuilder builder = testing::good_plugin();
    builder.notes[1].payload +=
        "[[param]]\nname = \"stages\"\ntype = \"list<table>\"\ndefault = []\ndoc = \"d\"\n"
        "[[param.param]]\nname = \"x\"\ntype = \"enum\"\nchoices = [\"a\", \"b\"]\ndefault = \"a\"\n";
    const std::string file = builder.build();
    const std::size_t begin = file.find("format = 1"), end = file.rfind("default = \"a\"") + 13;
    Mutator mutate(file);
    int n_plugins = 0;
    for (int i = 0; i < 60'000; ++i) n_plugins += looks_like_a_plugin(mutate(begin, end)) ? 1 : 0;
    EXPECT_GT(n_plugins, 100);
    EXPECT_LT(n_plugins, 60'000);
}

TEST(Mutation, OfAFileOnDiskIsInspectedAndVerifiedWithoutACrash) {
    const testing::TemporaryFolder folder;
    Mutator mutate(content_of(raw_plugin("good")));
    int n_refused = 0;
    for (int i = 0; i < 2'000; ++i) {
        const auto file = folder.write("mutant.so", mutate(0, 8192));
        try {
            registry::inspect(file);
        } catch (const Refusal& refusal) {
            ++n_refused;
            EXPECT_FALSE(refusal.reason.empty());
        }
        EXPECT_EQ(registry::verify_static(file).size(), 14u);
    }
    EXPECT_GT(n_refused, 0);
}

}  // namespace
}  // namespace dvhost::hostile
