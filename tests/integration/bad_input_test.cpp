/// What a newcomer gets wrong, and what they are told: the place, what was found, what would do.

#include "program.hpp"

namespace dvhost::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class BadInput : public ProgramTest {
protected:
    /// What `dvhost check` says to the tiny manifest with changes.
    Result check(const std::vector<std::string>& overrides) {
        std::vector<std::string> words{"check", tiny()};
        for (const std::string& o : overrides) words.insert(words.end(), {"-o", o});
        return dvhost(words);
    }
    Result check_file(const std::string& text) { return dvhost({"check", file("m.toml", text)}); }
    void expect(const Result& result, int code, const ::testing::Matcher<std::string>& message) {
        EXPECT_EQ(result.code, code) << result.err;
        EXPECT_THAT(result.err, message);
    }
    /// The tiny manifest with one text replaced, so that places are those of a file.
    Result check_with(const std::string& old_text, const std::string& new_text) {
        tiny();
        std::string text = read("tiny.toml");
        const auto at = text.find(old_text);
        EXPECT_NE(at, std::string::npos) << old_text;
        return check_file(text.replace(at, old_text.size(), new_text));
    }
};

TEST_F(BadInput, SyntaxError) { expect(check_file("[run]\nname = \n"), 65, HasSubstr("m.toml:2:")); }
TEST_F(BadInput, NotUtf8) { expect(check_file("[run]\nname = \"\xff\xfe\"\n"), 65, AllOf(HasSubstr("m.toml"), HasSubstr("UTF-8"))); }
TEST_F(BadInput, EmptyFile) { expect(check_file(""), 65, AllOf(HasSubstr("m.toml"), HasSubstr("empty"))); }
TEST_F(BadInput, MissingFile) { expect(dvhost({"check", "nowhere.toml"}), 65, HasSubstr("nowhere.toml")); }

TEST_F(BadInput, UnknownKeyWithSuggestion) {
    expect(check_with("n_timesteps = 3", "n_timestep = 3"), 65,
           AllOf(HasSubstr("m.toml:22:1: [model] unknown key 'n_timestep' for dynvision.model.rcnn; did you mean 'n_timesteps'?"),
                 HasSubstr("known: ")));
}
TEST_F(BadInput, UnknownTableWithSuggestion) {
    expect(check_with("[trainer]", "[trianer]"), 65, HasSubstr("unknown table or key 'trianer'; did you mean 'trainer'?"));
}
TEST_F(BadInput, UnknownTypeWithSuggestion) {
    expect(check_with("type = \"adam\"", "type = \"adm\""), 65,
           AllOf(HasSubstr("[optimizer] no optimizer 'adm'; did you mean 'adam'?"), HasSubstr("have: ")));
}
TEST_F(BadInput, UnknownNestedType) {
    expect(check({"model.recurrence.type=ful"}), 65, HasSubstr("[model.recurrence] no recurrence 'ful'; did you mean 'full'?"));
}
TEST_F(BadInput, WrongType) {
    expect(check_with("lr = 1e-2", "lr = \"fast\""), 65, HasSubstr("[optimizer] 'lr' is a string: must be a number"));
}
TEST_F(BadInput, OutOfRange) {
    expect(check_with("batch_size = 16", "batch_size = 0"), 65,
           AllOf(HasSubstr("m.toml:18:14: [data] 'batch_size' is 0: must be "), HasSubstr("1")));
}
TEST_F(BadInput, NanAndInf) {
    expect(check_with("lr = 1e-2", "lr = nan"), 65, HasSubstr("'lr' is nan: must be a finite number"));
    expect(check_with("lr = 1e-2", "lr = inf"), 65, HasSubstr("'lr' is inf: must be a finite number"));
}
TEST_F(BadInput, NotOneOfTheChoices) {
    expect(check({"trainer.precision=16"}), 65, AllOf(HasSubstr("[trainer] 'precision'"), HasSubstr("must be")));
    expect(check({"trainer.precision=half"}), 65, AllOf(HasSubstr("is \"half\""), HasSubstr("32-true")));
}
TEST_F(BadInput, ASwitchWithAThirdPosition) {
    const auto feedback = [&](const std::string& value) {
        return check({"model={type=\"dyrcnn_x2\",feedback=" + value + "}"});
    };
    for (const char* good : {"true", "false", "\"add\"", "\"mul\""}) EXPECT_EQ(feedback(good).code, 0) << feedback(good).err;
    expect(feedback("\"both\""), 65, HasSubstr("[model] 'feedback' is \"both\": must be one of: false, true, add, mul"));
    expect(feedback("\"true\""), 65, HasSubstr("[model] 'feedback' is \"true\": write true without quotes"));
    expect(feedback("1"), 65, HasSubstr("[model] 'feedback' is an integer: must be one of: false, true, add, mul"));
    expect(check({"trainer.precision=true"}), 65, HasSubstr("[trainer] 'precision' is true: must be one of: 32-true"));
}
TEST_F(BadInput, CompatOfAllTables) {
    tiny();
    const std::string all = read("tiny.toml");
    const auto resolved = [&](const std::string& value) { return dvhost({"check", file("m.toml", "compat = " + value + "\n" + all), "--print"}); };
    const Result dynvision = resolved("\"dynvision-0.1\"");
    EXPECT_EQ(dynvision.code, 0) << dynvision.err;
    std::map<std::string, std::string> of_table;
    std::string table;
    for (const std::string& line : lines(dynvision.out)) {
        if (line.starts_with("[")) table = line.substr(0, line.find(' '));
        if (line.starts_with("compat = ")) of_table[table] = line.substr(0, line.find("  "));
    }
    EXPECT_EQ(of_table["[trainer]"], "compat = \"lightning\"");  // which DynVision trains with
    EXPECT_EQ(of_table["[model]"], "compat = \"dynvision-0.1\"");
    EXPECT_EQ(of_table["[[loss]]"], "compat = \"dynvision-0.1\"");
    EXPECT_EQ(of_table["[[logger]]"], "compat = \"none\"");  // formats stay
    expect(resolved("\"dynvison\""), 65, HasSubstr("m.toml:1:10: 'compat' is \"dynvison\": must be one of: none, lightning, dynvision-0.1"));
    expect(resolved("0.1"), 65, HasSubstr("'compat' is a float"));
}
TEST_F(BadInput, SecretsHaveNoPlaceInAManifest) {
    for (const std::string key : {"api_key", "auth_token", "token", "password", "client_secret"}) {
        const Result result = check_with("type = \"csv\"", "type = \"csv\"\n" + key + " = \"hunter2\"");
        expect(result, 65, AllOf(HasSubstr("m.toml:40:1: [logger.0] '" + key + "' has no place in a manifest"), HasSubstr("environment")));
        EXPECT_THAT(result.err + result.out, Not(HasSubstr("hunter2")));
    }
}
TEST_F(BadInput, AddressesWithPasswordsHaveNoPlaceInAManifest) {
    const Result result = check_with("type = \"csv\"", "type = \"csv\"\nname = \"https://me:hunter2@host/a\"");
    expect(result, 65, HasSubstr("m.toml:40:8: [logger.0] 'name' is an address with a password in it"));
    EXPECT_THAT(result.err + result.out, Not(HasSubstr("hunter2")));
    for (const std::string override : {"logger.0.name=\"https://me:hunter2@host\"", "logger.0.api_key=\"hunter2\""}) {
        const Result given = check({override});
        expect(given, 65, HasSubstr("command line (-o " + override.substr(0, override.find('=')) + ")"));
        EXPECT_THAT(given.err + given.out, Not(HasSubstr("hunter2")));
    }
    const Result harmless = check({"run.name=\"https://host:80/a@b\"", "logger.0.name=\"https://me@host\"", "logger.0.prefix=\"a:b@c\""});
    EXPECT_EQ(harmless.code, 0) << harmless.err;
}
TEST_F(BadInput, MissingRequiredKey) {
    expect(check({"callback+={type=\"early_stopping\"}"}), 65,
           AllOf(HasSubstr("[callback."), HasSubstr("misses the required key 'monitor'")));
}
TEST_F(BadInput, MissingTable) {
    expect(check_with("[optimizer]\ntype = \"adam\"\nlr = 1e-2\n", ""), 65, HasSubstr("[optimizer] is missing: add [optimizer]"));
}
TEST_F(BadInput, OneTableWhereAListIsMeant) {
    expect(check_with("[[logger]]", "[logger]"), 65, AllOf(HasSubstr("[logger] is a table"), HasSubstr("[[logger]]")));
}
TEST_F(BadInput, FiveErrorsAreReportedAtOnce) {
    const Result result = check({"trainer.max_epoch=3", "data.batch_size=-1", "optimizer.type=adma", "model.dt=-2.0", "logger.0.type=cvs"});
    expect(result, 65, AllOf(HasSubstr("max_epoch'"), HasSubstr("batch_size"), HasSubstr("adma"), HasSubstr("'dt' is -2"),
                             HasSubstr("cvs"), HasSubstr("5 problems")));
}
TEST_F(BadInput, AmbiguousShortName) {
    // A second plugin whose component shares the last part of its id.
    std::filesystem::create_directory(folder / "more");
    std::filesystem::path csv;
    for (const auto& e : std::filesystem::recursive_directory_iterator(DVHOST_PLUGINS)) {
        if (e.path().filename() == "csv.so") csv = e.path();
    }
    std::string bytes = read(csv);
    for (std::size_t at = 0; (at = bytes.find("dvhost.logger.csv", at)) != std::string::npos; ++at) bytes.replace(at, 6, "mylabs");
    for (std::size_t at = 0; (at = bytes.find("dvhost.csv", at)) != std::string::npos; ++at) bytes.replace(at, 6, "mylabs");
    file("more/csv.so", bytes);
    const Result result = dvhost({"check", tiny(), "--plugin-path", "more"});
    expect(result, 65, AllOf(HasSubstr("[logger.0] type 'csv' is ambiguous"), HasSubstr("dvhost.logger.csv"), HasSubstr("mylabs.logger.csv")));
    EXPECT_EQ(dvhost({"check", tiny(), "--plugin-path", "more", "-o", "logger.0.type=mylabs.logger.csv"}).code, 0);
}

TEST_F(BadInput, InsideNestedTables) {
    expect(check_with("conv = { channels = 4, stride = 2 }", "conv = { channels = 0, strid = 2 }"), 65,
           AllOf(HasSubstr("[model.layer.0.conv] 'channels' is 0: must be at least 1"),
                 HasSubstr("[model.layer.0.conv] unknown key 'strid'"), HasSubstr("did you mean 'stride'?"), HasSubstr("2 problems")));
    expect(check_with("[[model.layer]]\nname = \"V1\"\nconv", "[[model.layer]]\nconv"), 65,
           HasSubstr("[model.layer.0] misses the required key 'name'"));
}
TEST_F(BadInput, KeysThatContradictEachOther) {
    expect(check({"trainer.enable_progress_bar=false", "callback+={type=\"progress\"}"}), 65,
           HasSubstr("'enable_progress_bar' is false, but there is a [[callback]] of type 'progress'"));
    expect(check({"trainer.limit_val_batches=1.5"}), 65, HasSubstr("for a number of batches write an integer"));
    EXPECT_EQ(check({"trainer.limit_val_batches=2"}).code, 0);
}
TEST_F(BadInput, WhatAModelOnlyKnowsItselfIsRefusedAtTheStart) {
    tiny();
    const Result result = dvhost({"run", "tiny.toml", "-o", "model.dt=50.0"});
    expect(result, 68, AllOf(HasSubstr("dynvision.model.rcnn"), HasSubstr("allow_unstable")));
}
TEST_F(BadInput, PathsAreSeenFromTheManifestThatNamesThem) {
    file("sub/m.toml", "[data]\ntype = \"fashion_mnist\"\npath = \"images\"\n[model]\ntype = \"rcnn\"\n");
    const Result result = dvhost({"check", "sub/m.toml", "--print", "-o", "run.stages=[]"});
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr((folder / "sub/images").string()));
}

TEST_F(BadInput, IncludeCycle) {
    file("a.toml", "include = [\"b.toml\"]\n[run]\nseed = 1\n");
    file("b.toml", "include = [\"a.toml\"]\n");
    expect(dvhost({"check", "a.toml"}), 65, AllOf(HasSubstr("a.toml"), HasSubstr("b.toml")));
}
TEST_F(BadInput, MissingInclude) {
    expect(check_file("include = [\"gone.toml\"]\n"), 65, AllOf(HasSubstr("m.toml:1:"), HasSubstr("gone.toml")));
}
TEST_F(BadInput, IncludeOfSomethingElse) {
    file("picture.png", std::string("\x89PNG\r\n\x1a\n\0\0\0", 11));
    expect(check_file("include = [\"picture.png\"]\n"), 65, HasSubstr("picture.png"));
}
TEST_F(BadInput, OverrideOfAPathThatDoesNotExist) {
    expect(check({"logger.3.type=csv"}), 65, HasSubstr("logger.3.type"));
    expect(check({"model.dt.deep=1"}), 65, HasSubstr("model.dt"));
    expect(check({"nothing.at.all=1"}), 65, HasSubstr("nothing"));
}
TEST_F(BadInput, NoPluginsFound) {
    // The program copied to a place with no plugins beside it.
    std::filesystem::create_directories(folder / "p/bin");
    std::filesystem::create_directories(folder / "p/lib/dvhost");
    const std::filesystem::path program = DVHOST_PROGRAM;
    std::filesystem::copy_file(program, folder / "p/bin/dvhost");
    std::filesystem::create_symlink(program.parent_path().parent_path() / "lib/dvhost/libdvhost.so", folder / "p/lib/dvhost/libdvhost.so");
    environment["XDG_DATA_HOME"] = (folder / "none").string();
    environment["DVHOST_PLUGIN_PATH"] = "";
    const Result result = Process({(folder / "p/bin/dvhost").string(), "check", tiny()}, folder, environment).wait();
    expect(result, 66, AllOf(HasSubstr("no plugins found"), HasSubstr("lib/dvhost/plugins"), HasSubstr("--plugin-path")));
}

TEST_F(BadInput, UnknownCommandAndOption) {
    expect(dvhost({"rum"}), 64, HasSubstr("did you mean 'run'?"));
    expect(dvhost({"run", "--fast"}), 64, HasSubstr("--fast"));
    expect(dvhost({"run"}), 64, HasSubstr("which manifest?"));
}

class BadData : public BadInput {
protected:
    Result run_on(const std::string& data_folder) {
        tiny();
        return dvhost({"run", "tiny.toml", "-o", "data={type=\"fashion_mnist\",path=\"" + data_folder + "\"}"});
    }
    static std::string big_endian(std::uint32_t v) {
        return {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8), static_cast<char>(v)};
    }
    void write_set(const std::string& prefix, std::uint32_t n, std::size_t n_pixels) {
        file("d/" + prefix + "-images-idx3-ubyte", big_endian(2051) + big_endian(n) + big_endian(28) + big_endian(28) + std::string(n_pixels, '\x40'));
        file("d/" + prefix + "-labels-idx1-ubyte", big_endian(2049) + big_endian(n) + std::string(n, '\x01'));
    }
};

TEST_F(BadData, FilesMissing) {
    expect(run_on("nowhere"), 68, AllOf(HasSubstr("nowhere"), HasSubstr("path")));
}
TEST_F(BadData, FileTruncated) {
    write_set("train", 40, 40 * 784 - 100);
    write_set("t10k", 20, 20 * 784);
    expect(run_on("d"), 68, AllOf(HasSubstr("train-images"), Not(HasSubstr("crash"))));
}
TEST_F(BadData, WrongMagic) {
    write_set("train", 40, 40 * 784);
    write_set("t10k", 20, 20 * 784);
    file("d/train-images-idx3-ubyte", "this is no IDX file, whatever its name says");
    expect(run_on("d"), 68, AllOf(HasSubstr("train-images"), HasSubstr("expected 0x00000803")));
}

}  // namespace
}  // namespace dvhost::testing
