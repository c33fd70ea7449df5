#include "suites.hpp"

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <map>
#include <optional>
#include <thread>

namespace dv::testing {
namespace {

constexpr std::int64_t kUnwritten = std::numeric_limits<std::int64_t>::min();
constexpr float kGuard = -12345.0f;
constexpr std::size_t kGuards = 8;

std::size_t values_of(const DataFacts& f) {
    return static_cast<std::size_t>(f.n_frames * f.channels * f.height * f.width);
}

/// Memory for one sample, with guards around it and nothing written yet.
struct Slot {
    explicit Slot(const DataFacts& facts)
        : memory(values_of(facts) + 2 * kGuards, std::numeric_limits<float>::quiet_NaN()),
          labels(static_cast<std::size_t>(facts.n_labels), kUnwritten) {
        std::fill_n(memory.begin(), kGuards, kGuard);
        std::fill_n(memory.end() - kGuards, kGuards, kGuard);
    }
    std::span<float> frames() { return std::span(memory).subspan(kGuards, memory.size() - 2 * kGuards); }
    bool guards_hold() const {
        return std::all_of(memory.begin(), memory.begin() + kGuards, [](float v) { return v == kGuard; }) &&
               std::all_of(memory.end() - kGuards, memory.end(), [](float v) { return v == kGuard; });
    }
    std::vector<float> memory;
    std::vector<std::int64_t> labels;
};

/// A prepared datamodule, and all of its splits.
struct Opened {
    std::shared_ptr<DataModule> data;
    DataFacts facts;
    std::vector<std::pair<Split, std::unique_ptr<Source>>> sources;

    std::size_t n_values() const { return values_of(facts); }
    const Source& any() const { return *sources.front().second; }
};

constexpr const char* name_of(Split split) {
    constexpr const char* names[] = {"train", "val", "test", "predict"};
    return names[static_cast<int>(split)];
}

Opened opened(const Subject& subject) {
    Opened out;
    out.data = subject.make<DataModule>();
    try {
        out.data->prepare();
    } catch (const ComponentError& error) {
        if (error.code() == DV_IO || error.code() == DV_NOT_FOUND) skip("its data is not here: ", error.text);
        throw;
    }
    out.facts = out.data->facts();
    for (const Split split : {Split::train, Split::val, Split::test, Split::predict}) {
        for (auto& source : out.data->sources(split)) out.sources.emplace_back(split, std::move(source));
    }
    expect(!out.sources.empty(), "it opens no split: each of train, val, test and predict is null");
    return out;
}

Random random_for(std::int64_t index, std::uint32_t epoch = 0) {
    return {61, static_cast<std::uint64_t>(index), epoch, Purpose::augment};
}

/// Up to n positions, spread over the source.
std::vector<std::int64_t> positions(const Source& source, std::int64_t n) {
    std::vector<std::int64_t> out;
    const std::int64_t size = source.size();
    for (std::int64_t i = 0; i < std::min(n, size); ++i) out.push_back(size <= n ? i : i * (size - 1) / (n - 1));
    return out;
}

Slot read(const Opened& opened, const Source& source, std::int64_t index) {
    Slot slot(opened.facts);
    source.read(index, random_for(index), {slot.frames(), slot.labels.data()});
    return slot;
}

bool equal(const Slot& a, const Slot& b) { return a.memory == b.memory && a.labels == b.labels; }

void facts_are_consistent(const Subject& subject) {
    const Opened o = opened(subject);
    const DataFacts& f = o.facts;
    expect(f.n_frames > 0 && f.channels > 0 && f.height > 0 && f.width > 0 && f.n_classes >= 0 &&
               (f.n_labels == 1 || f.n_labels == f.n_frames),
           "a sample is said to be ", f.n_frames, " x ", f.channels, " x ", f.height, " x ", f.width, " with ",
           f.n_classes, " classes and ", f.n_labels, " labels");
    const DataFacts again = o.data->facts();
    expect(again.n_frames == f.n_frames && again.channels == f.channels && again.height == f.height &&
               again.width == f.width && again.n_classes == f.n_classes && again.n_labels == f.n_labels,
           "facts() twice gives different facts");
    std::map<Split, std::size_t> n_seen;
    for (const auto& [split, source] : o.sources) {
        const auto reopened = o.data->sources(split);
        const std::size_t which = n_seen[split]++;
        expect(source->size() > 0, "its ", name_of(split), " split is open and has ", source->size(), " samples");
        expect(which < reopened.size() && reopened[which]->size() == source->size(), "opened again, its ", name_of(split),
               " split has another size");
    }
}

void samples_are_written_in_full(const Subject& subject) {
    const Opened o = opened(subject);
    for (const auto& [split, source] : o.sources) {
        for (const std::int64_t index : positions(*source, 200)) {
            Slot slot = read(o, *source, index);
            const auto missing = std::ranges::count_if(slot.frames(), [](float v) { return std::isnan(v); });
            expect(missing == 0, name_of(split), " sample ", index, ": ", missing, " of ", o.n_values(),
                   " values are not written (or are NaN)");
            expect(slot.guards_hold(), name_of(split), " sample ", index, " is written beyond its slot");
            expect(std::ranges::find(slot.labels, kUnwritten) == slot.labels.end(), name_of(split), " sample ", index,
                   ": a label is not written");
        }
    }
}

void labels_are_in_range(const Subject& subject) {
    const Opened o = opened(subject);
    for (const auto& [split, source] : o.sources) {
        for (const std::int64_t index : positions(*source, 200)) {
            for (const std::int64_t label : read(o, *source, index).labels) {
                expect(label >= -1 && label < std::max<std::int64_t>(o.facts.n_classes, 0), name_of(split), " sample ",
                       index, " has label ", label, " of ", o.facts.n_classes, " classes; -1 stands for none");
            }
        }
    }
}

void a_key_gives_one_sample(const Subject& subject) {
    const Opened o = opened(subject), other = opened(subject);
    for (std::size_t s = 0; s < o.sources.size(); ++s) {
        const auto& [split, source] = o.sources[s];
        const Source* second = other.sources.at(s).second.get();
        for (const std::int64_t index : positions(*source, 20)) {
            const Slot first = read(o, *source, index);
            expect(equal(read(o, *source, index), first), name_of(split), " sample ", index,
                   " read twice with the same random key differs");
            expect(equal(read(other, *second, index), first), name_of(split), " sample ", index,
                   " differs between two instances with the same random key");
        }
    }
}

void other_epochs_are_read(const Subject& subject) {
    const Opened o = opened(subject);
    for (std::uint32_t epoch = 1; epoch < 4; ++epoch) {
        Slot slot(o.facts);
        o.any().read(0, random_for(0, epoch), {slot.frames(), slot.labels.data()});
        expect(std::ranges::none_of(slot.frames(), [](float v) { return std::isnan(v); }), "in epoch ", epoch,
               " sample 0 is not written in full");
        expect(slot.labels == read(o, o.any(), 0).labels, "in epoch ", epoch, " sample 0 has another label");
    }
}

void threads_read_the_same(const Subject& subject) {
    constexpr std::size_t kThreads = 4;
    const Opened o = opened(subject);
    const auto indices = positions(o.any(), 64);
    std::vector<Slot> serial;
    for (const std::int64_t index : indices) serial.push_back(read(o, o.any(), index));
    std::vector<std::string> problems(kThreads);
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            try {
                for (std::size_t i = 0; i < indices.size(); ++i) {
                    const std::size_t at = (i + t * indices.size() / kThreads) % indices.size();
                    if (!equal(read(o, o.any(), indices[at]), serial[at])) {
                        problems[t] = cat("sample ", indices[at], " read by four threads at a time differs");
                    }
                }
            } catch (const std::exception& error) {
                problems[t] = error.what();
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::string& problem : problems) expect(problem.empty(), problem);
}

void positions_outside_are_refused(const Subject& subject) {
    const Opened o = opened(subject);
    for (const auto& [split, source] : o.sources) {
        for (const std::int64_t index : {source->size(), source->size() + 1000, std::int64_t{-1}}) {
            expect(!refusal_of([&] { read(o, *source, index); }).empty(), name_of(split), " sample ", index, " of ",
                   source->size(), " is read without an error");
        }
    }
}

}  // namespace

void check_datamodule(const Subject& subject, Checks& check) {
    check("datamodule.facts_are_consistent", [&] { facts_are_consistent(subject); });
    check("datamodule.samples_are_written_in_full", [&] { samples_are_written_in_full(subject); });
    check("datamodule.labels_are_in_range", [&] { labels_are_in_range(subject); });
    check("datamodule.a_key_gives_one_sample", [&] { a_key_gives_one_sample(subject); });
    check("datamodule.other_epochs_are_read", [&] { other_epochs_are_read(subject); });
    check("datamodule.threads_read_the_same", [&] { threads_read_the_same(subject); });
    check("datamodule.positions_outside_are_refused", [&] { positions_outside_are_refused(subject); });
}

}  // namespace dv::testing
