#include <dv/npy.hpp>
#include <dv/testing/load.hpp>
#include <dv/torch/datamodule.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <vector>

namespace {

using dv::npy::Shape;
using dv::npy::Type;
using dv::testing::Config;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class NpyData : public testing::Test {
protected:
    NpyData() : folder_(std::filesystem::path(testing::TempDir()) / "dv_npy_XXXXXX") {
        std::string name = folder_.string();
        folder_ = mkdtemp(name.data());
    }
    ~NpyData() override { std::filesystem::remove_all(folder_); }

    template <class T>
    std::string file(const std::string& name, Type type, const Shape& shape, const std::vector<T>& values) const {
        const auto path = folder_ / name;
        dv::npy::Writer writer(path, type, shape);
        writer.append(std::as_bytes(std::span(values)));
        writer.commit();
        return path.string();
    }
    /// Values 0, 1, 2, … of this shape.
    std::string frames(const std::string& name, const Shape& shape) const {
        std::vector<float> values(1);
        for (const std::int64_t n : shape) values.resize(values.size() * static_cast<std::size_t>(n));
        for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
        return file(name, Type::float32, shape, values);
    }
    std::string labels(const std::string& name, const Shape& shape, const std::vector<std::int64_t>& values) const {
        return file(name, Type::int64, shape, values);
    }

    static std::shared_ptr<dv::DataModule> made(const Config& config) {
        dv::testing::Plugin plugin(DV_PLUGIN_UNDER_TEST);
        auto data = plugin.make<dv::DataModule>("npy", config);
        data->prepare();
        return data;
    }
    static std::string refusal(const Config& config) {
        try {
            made(config);
        } catch (const dv::ComponentError& error) {
            return error.text;
        }
        return "it was accepted";
    }
    std::filesystem::path folder_;
};

struct Sample {
    std::vector<float> values;
    std::vector<std::int64_t> labels;
};
Sample read(const dv::DataModule& data, dv::Split split, std::int64_t index) {
    const dv::DataFacts f = data.facts();
    Sample out{std::vector<float>(static_cast<std::size_t>(f.n_frames * f.channels * f.height * f.width)),
               std::vector<std::int64_t>(static_cast<std::size_t>(f.n_labels), -7)};
    data.source(split)->read(index, dv::Random(1, 0, 0, dv::Purpose::augment), {out.values, out.labels.data()});
    return out;
}

TEST_F(NpyData, ReadsStillImagesWithLabels) {
    const auto data =
        made({{"train", frames("x.npy", {3, 1, 2, 2})}, {"train_labels", labels("y.npy", {3}, {2, 0, 4})}});
    EXPECT_EQ(data->facts().n_frames, 1);
    EXPECT_EQ(data->facts().n_classes, 5);
    EXPECT_EQ(data->facts().n_labels, 1);
    EXPECT_EQ(data->source(dv::Split::train)->size(), 3);
    const Sample second = read(*data, dv::Split::train, 1);
    EXPECT_THAT(second.values, ElementsAre(4, 5, 6, 7));
    EXPECT_THAT(second.labels, ElementsAre(0));
    EXPECT_EQ(data->source(dv::Split::val), nullptr);
    EXPECT_EQ(data->source(dv::Split::predict), nullptr);
}

TEST_F(NpyData, ReadsSequencesWithOneLabelPerFrame) {
    const auto data = made({{"train", frames("x.npy", {2, 3, 1, 1, 2})},
                            {"train_labels", labels("y.npy", {2, 3}, {-1, 0, 1, 1, 1, -1})},
                            {"val", frames("v.npy", {1, 3, 1, 1, 2})},
                            {"val_labels", labels("w.npy", {1}, {2})}});
    EXPECT_EQ(data->facts().n_frames, 3);
    EXPECT_EQ(data->facts().n_labels, 3);
    EXPECT_EQ(data->facts().n_classes, 3);
    EXPECT_THAT(read(*data, dv::Split::train, 0).labels, ElementsAre(-1, 0, 1));
    EXPECT_THAT(read(*data, dv::Split::train, 1).labels, ElementsAre(1, 1, -1));
    EXPECT_THAT(read(*data, dv::Split::train, 1).values, ElementsAre(6, 7, 8, 9, 10, 11));
    EXPECT_THAT(read(*data, dv::Split::val, 0).labels, ElementsAre(2, 2, 2)) << "one label stands for every frame";
}

TEST_F(NpyData, TakesBytesAsSharesOfWhiteAndFloatsAsTheyAre) {
    const std::string bytes = file<std::uint8_t>("b.npy", Type::uint8, {1, 1, 1, 2}, {0, 255});
    const std::string doubles = file<double>("d.npy", Type::float64, {1, 1, 1, 2}, {0.5, -2.0});
    EXPECT_THAT(read(*made({{"test", bytes}}), dv::Split::test, 0).values, ElementsAre(0.0f, 1.0f));
    EXPECT_THAT(read(*made({{"test", doubles}}), dv::Split::test, 0).values, ElementsAre(0.5f, -2.0f));
    EXPECT_THAT(read(*made({{"test", bytes}, {"scale", 2.0}}), dv::Split::test, 0).values, ElementsAre(0.0f, 510.0f));
}

TEST_F(NpyData, ReadsLabelsOfThirtyTwoBits) {
    const auto data = made({{"test", frames("x.npy", {2, 1, 1, 1})},
                            {"test_labels", file<std::int32_t>("y.npy", Type::int32, {2}, {1, -1})}});
    EXPECT_EQ(data->facts().n_classes, 2);
    EXPECT_THAT(read(*data, dv::Split::test, 1).labels, ElementsAre(-1));
}

TEST_F(NpyData, PredictsWithoutLabels) {
    const auto data = made({{"predict", frames("x.npy", {2, 1, 1, 1})}, {"n_classes", 3}});
    EXPECT_EQ(data->facts().n_classes, 3);
    EXPECT_THAT(read(*data, dv::Split::predict, 1).labels, ElementsAre(-1));
    EXPECT_EQ(data->source(dv::Split::train), nullptr);
}

TEST_F(NpyData, PredictsTheTestFramesWhenNothingElseIsNamed) {
    EXPECT_EQ(made({{"test", frames("x.npy", {5, 1, 1, 1})}})->source(dv::Split::predict)->size(), 5);
}

TEST_F(NpyData, ReadsWhatNumPyWrote) {
    const std::filesystem::path here = DV_NPY_DATA;
    const auto data =
        made({{"train", (here / "frames.npy").string()}, {"train_labels", (here / "labels.npy").string()}});
    EXPECT_EQ(data->facts().n_classes, 3);
    EXPECT_NEAR(read(*data, dv::Split::train, 2).values[1], std::sin(49.0f), 1e-6);
    EXPECT_THAT(read(*data, dv::Split::train, 5).labels, ElementsAre(2));
}

TEST_F(NpyData, NamesWhatIsMissing) {
    EXPECT_THAT(refusal({}), HasSubstr("name at least one file"));
    EXPECT_THAT(refusal({{"train", (folder_ / "none.npy").string()}}),
                AllOf(HasSubstr("none.npy"), HasSubstr("No such file")));
    EXPECT_THAT(refusal({{"test", frames("x.npy", {1, 1, 1, 1})}, {"val_labels", labels("y.npy", {1}, {0})}}),
                AllOf(HasSubstr("val_labels"), HasSubstr("without 'val'")));
}

TEST_F(NpyData, RefusesFramesOfTheWrongRankOrType) {
    EXPECT_THAT(refusal({{"train", frames("x.npy", {3, 2, 2})}}),
                AllOf(HasSubstr("[3, 2, 2]"), HasSubstr("array[:, None]")));
    EXPECT_THAT(refusal({{"train", frames("x.npy", {0, 1, 2, 2})}}), HasSubstr("nothing in it"));
    EXPECT_THAT(refusal({{"train", labels("x.npy", {1, 1, 1, 1}, {0})}}),
                AllOf(HasSubstr("int64"), HasSubstr("astype('float32')")));
}

TEST_F(NpyData, RefusesLabelsThatDoNotFit) {
    const std::string x = frames("x.npy", {2, 3, 1, 1, 1});
    const auto with = [&](const std::string& y) { return refusal({{"train", x}, {"train_labels", y}}); };
    EXPECT_THAT(with(labels("y.npy", {3}, {0, 0, 0})),
                AllOf(HasSubstr("y.npy"), HasSubstr("[3]"), HasSubstr("2 samples")));
    EXPECT_THAT(with(labels("y.npy", {2, 2}, {0, 0, 0, 0})), HasSubstr("[2] or [2, 3]"));
    EXPECT_THAT(with(labels("y.npy", {2}, {0, -3})), AllOf(HasSubstr("label -3"), HasSubstr("position 1")));
    EXPECT_THAT(with(frames("y.npy", {2})), AllOf(HasSubstr("float32"), HasSubstr("astype('int64')")));
}

TEST_F(NpyData, RefusesSplitsThatDiffer) {
    EXPECT_THAT(refusal({{"train", frames("a.npy", {1, 1, 2, 2})}, {"test", frames("b.npy", {1, 3, 2, 2})}}),
                AllOf(HasSubstr("a.npy"), HasSubstr("b.npy"), HasSubstr("[1, 1, 2, 2]"), HasSubstr("[1, 3, 2, 2]")));
}

TEST_F(NpyData, RefusesTooFewClasses) {
    EXPECT_THAT(
        refusal(
            {{"train", frames("x.npy", {1, 1, 1, 1})}, {"train_labels", labels("y.npy", {1}, {6})}, {"n_classes", 5}}),
        AllOf(HasSubstr("n_classes"), HasSubstr("label 6"), HasSubstr("at least 7")));
}

TEST_F(NpyData, NamesASampleThatIsNotThere) {
    const auto data = made({{"test", frames("x.npy", {2, 1, 1, 1})}});
    EXPECT_THROW(read(*data, dv::Split::test, 2), dv::ComponentError);
}

}  // namespace
