/// dvhost plugins …, and plugins that come from elsewhere.

#include "program.hpp"

#include <sys/stat.h>

namespace dvhost::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class PluginCommands : public ProgramTest {
protected:
    static std::filesystem::path built(const std::string& name) {
        for (const auto& e : std::filesystem::recursive_directory_iterator(DVHOST_PLUGINS)) {
            if (e.path().filename() == name + ".so") return e.path();
        }
        throw std::runtime_error("no plugin " + name);
    }
};

TEST_F(PluginCommands, ListShowsComponentsAndRefusedFiles) {
    std::filesystem::create_directory(folder / "more");
    file("more/broken.so", "hello, I am no plugin");
    const Result result = dvhost({"plugins", "list", "--plugin-path", "more"});
    EXPECT_EQ(result.code, 0);
    EXPECT_THAT(result.out, AllOf(HasSubstr("dynvision.solver.euler"), HasSubstr("refused: "), HasSubstr("not an ELF file")));
    EXPECT_THAT(dvhost({"plugins", "list", "--json"}).out, HasSubstr("\"dvhost.logger.csv\""));
}

TEST_F(PluginCommands, InfoShowsParametersAndAnExample) {
    const Result result = dvhost({"plugins", "info", "early_stopping"});
    EXPECT_EQ(result.code, 0);
    EXPECT_THAT(result.out, AllOf(HasSubstr("patience"), HasSubstr("[[callback]]"), HasSubstr("monitor = ...")));
    EXPECT_THAT(dvhost({"plugins", "info", built("euler").string()}).out, HasSubstr("dynvision.solver.euler"));
    const Result unknown = dvhost({"plugins", "info", "eulre"});
    EXPECT_EQ(unknown.code, 66);
    EXPECT_THAT(unknown.err, HasSubstr("did you mean 'euler'?"));
}

TEST_F(PluginCommands, VerifyJudgesAPlugin) {
    const Result good = dvhost({"plugins", "verify", built("csv").string()});
    EXPECT_EQ(good.code, 0) << good.out;
    EXPECT_THAT(good.out, AllOf(HasSubstr("S01"), HasSubstr("L06"), HasSubstr(" 0 failed")));
    file("bad.so", "text");
    EXPECT_EQ(dvhost({"plugins", "verify", "bad.so"}).code, 67);
}

TEST_F(PluginCommands, DoctorTellsWhatBecameOfEachFile) {
    std::filesystem::create_directory(folder / "more");
    mkfifo((folder / "more/pipe.so").c_str(), 0600);
    std::filesystem::create_directory(folder / "more/folder.so");
    const Result result = dvhost({"plugins", "doctor", "--plugin-path", "more"});
    EXPECT_EQ(result.code, 0);
    EXPECT_THAT(result.out, AllOf(HasSubstr("--plugin-path"), HasSubstr("pipe.so"), HasSubstr("fifo")));
}

TEST_F(PluginCommands, APluginCopiedIntoAFolderIsUsedAtOnce) {
    // The csv plugin under another vendor's name stands for one that was built elsewhere.
    std::string bytes = read(built("csv"));
    for (const std::string old : {"dvhost.logger.csv", "dvhost.csv"}) {
        for (std::size_t at = 0; (at = bytes.find(old, at)) != std::string::npos; ++at) bytes.replace(at, 6, "mylabs");
    }
    environment["XDG_DATA_HOME"] = (folder / "data").string();
    file("data/dvhost/plugins/abi1/theirs.so", bytes);
    const Result result = dvhost({"run", tiny(), "-o", "logger.0.type=mylabs.logger.csv"});
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(read("runs/tiny/version_0/metrics.csv"), HasSubstr("train/loss"));
}

TEST_F(PluginCommands, AModelOfTorchNnModulesTrains) {
    tiny();
    const Result result = dvhost({"run", "tiny.toml", "--plugin-path", TINY_RCNN, "-o",
                                  "model={type=\"tiny_rcnn\", channels=8, recurrence={type=\"self\"}}", "-o", "trainer.max_epochs=15"});
    ASSERT_EQ(result.code, 0) << result.err;
    double first = 0.0, last = 0.0;
    for (const std::string& line : lines(result.err)) {
        const auto at = line.find("train/loss ");
        if (line.rfind("Epoch ", 0) != 0 || at == std::string::npos) continue;
        last = std::stod(line.substr(at + 11));
        if (first == 0.0) first = last;
    }
    EXPECT_LT(last, 0.8 * first) << result.err;
}

TEST_F(PluginCommands, ARefusedPluginStopsOnlyTheRunThatNeedsIt) {
    std::filesystem::create_directory(folder / "more");
    std::string bytes = read(built("jsonl"));
    file("more/half.so", bytes.substr(0, bytes.size() / 2));
    EXPECT_EQ(dvhost({"run", tiny(), "--plugin-path", "more", "-o", "trainer.max_steps=1"}).code, 0);
}

TEST_F(PluginCommands, NewMakesAFolderForEveryKindAndRefusesBadIds) {
    const Result kinds = dvhost({"plugins", "new", "recurence", "my_lab.recurrence.gabor"});
    EXPECT_EQ(kinds.code, 64);
    EXPECT_THAT(kinds.err, HasSubstr("did you mean 'recurrence'?"));
    EXPECT_EQ(dvhost({"plugins", "new", "recurrence", "Gabor"}).code, 64);
    const Result made = dvhost({"plugins", "new", "recurrence", "my_lab.recurrence.gabor"});
    EXPECT_EQ(made.code, 0) << made.err;
    EXPECT_THAT(read("gabor/gabor.cpp"), AllOf(HasSubstr("my_lab.recurrence.gabor"), HasSubstr("struct Gabor"), Not(HasSubstr("@"))));
    EXPECT_EQ(dvhost({"plugins", "new", "recurrence", "my_lab.recurrence.gabor"}).code, 66);
}

TEST_F(PluginCommands, HelpAndVersionExplainThemselves) {
    EXPECT_THAT(dvhost({"--help"}).out, AllOf(HasSubstr("Commands:"), HasSubstr("plugins new")));
    EXPECT_THAT(dvhost({"--version"}).out, AllOf(HasSubstr("dvhost "), HasSubstr("torch_version = \"2.11.0\"")));
    EXPECT_THAT(dvhost({"run", "--help"}).out, HasSubstr("--override"));
    EXPECT_THAT(dvhost({"doctor"}).out, AllOf(HasSubstr("LibTorch"), HasSubstr("plugins")));
}

}  // namespace
}  // namespace dvhost::testing
