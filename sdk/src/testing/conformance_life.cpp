#include <dv/testing/conformance.hpp>

#include <malloc.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

namespace dv::testing {
namespace {

/// What an object must give back when it is destroyed.
struct Holdings {
    std::size_t descriptors = 0, threads = 0;
    std::size_t heap = 0;  // [bytes]
};

std::size_t entries_of(const char* folder) {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

Holdings holdings() {
    const struct mallinfo2 heap = mallinfo2();
    return {entries_of("/proc/self/fd"), entries_of("/proc/self/task"), heap.uordblks + heap.hblkhd};
}

void create_and_destroy(const Subject& subject, int times) {
    for (int i = 0; i < times; ++i) subject.plugin().create(subject.note().id, subject.config());
}

void leaves_nothing_behind(const Subject& subject) {
    constexpr int kTimes = 100;
    constexpr std::size_t kTolerated = 16 * kTimes;  // an object that leaks loses at least one small block
    create_and_destroy(subject, 10);                 // whatever is set up once
    Holdings before = holdings();
    std::size_t least_growth = SIZE_MAX;
    for (int round = 0; round < 8 && least_growth > kTolerated; ++round) {
        create_and_destroy(subject, kTimes);
        const Holdings after = holdings();
        expect(after.descriptors <= before.descriptors, "creating and destroying it ", kTimes, " times left ",
               after.descriptors - before.descriptors, " file(s) open");
        expect(after.threads <= before.threads, "creating and destroying it ", kTimes, " times left ",
               after.threads - before.threads, " thread(s) running");
        least_growth = std::min(least_growth, after.heap > before.heap ? after.heap - before.heap : 0);
        before = after;
    }
    expect(least_growth <= kTolerated, "creating and destroying it ", kTimes, " times left ", least_growth,
           " bytes allocated, every time");
}

/// Configurations that differ from the given one in one parameter, set to `values_of(parameter)`.
std::vector<std::pair<std::string, Config>> variants(const Subject& subject,
                                                     std::vector<Value> (*values_of)(const ParameterNote&)) {
    std::vector<std::pair<std::string, Config>> out;
    for (const ParameterNote& p : subject.note().parameters) {
        for (const Value& value : values_of(p)) {
            Config config = subject.config();
            config.set(p.name, value);
            out.emplace_back(p.name, std::move(config));
        }
    }
    return out;
}

std::vector<Value> wrong_types(const ParameterNote& p) {
    if (p.type == "bool" || p.type == "int" || p.type == "float") return {Value("x")};
    if (p.type == "string" || p.type == "path" || p.type == "enum") return {Value(0)};
    return {};
}

Value of_type(const ParameterNote& p, double value) {
    return p.type == "int" ? Value(static_cast<std::int64_t>(value)) : Value(value);
}

std::vector<Value> extremes(const ParameterNote& p) {
    std::vector<Value> out;
    if (p.type == "bool") return {Value(false), Value(true)};
    if (p.type == "enum" || p.type == "string") {
        for (const std::string& choice : p.choices) out.emplace_back(choice);
    }
    if ((p.type != "int" && p.type != "float") || p.multiple_of) return out;
    const double nudge = p.type == "int" ? 1.0 : 1e-6;
    if (p.min) out.push_back(of_type(p, *p.min));
    if (p.max) out.push_back(of_type(p, *p.max));
    if (p.above) out.push_back(of_type(p, *p.above + nudge * std::max(1.0, std::abs(*p.above))));
    if (p.below) out.push_back(of_type(p, *p.below - nudge * std::max(1.0, std::abs(*p.below))));
    return out;
}

void refusals_have_a_text(const Subject& subject) {
    std::size_t refused = 0;
    for (const auto& [name, config] : variants(subject, wrong_types)) {
        Plugin plugin = subject.plugin();
        const std::string text = refusal_of([&] { plugin.create_unchecked(subject.note().id, config); });
        refused += text.empty() ? 0 : 1;
        expect_balanced(plugin.host());
    }
    if (refused == 0) skip("nothing was found that it refuses");
    subject.plugin().create(subject.note().id, subject.config());  // a refusal does not spoil the next one
}

void bounds_are_bearable(const Subject& subject) {
    for (const auto& [name, config] : variants(subject, extremes)) {
        Plugin plugin = subject.plugin();
        // What two parameters together forbid, only the component knows: a refusal with a text is an answer.
        refusal_of([&] { plugin.create(subject.note().id, config); });
        expect_balanced(plugin.host());
    }
}

void missing_services_are_said(const Subject& subject) {
    for (const char* id : {DV_EXT_PATHS, DV_EXT_CLOCK, DV_EXT_RNG, DV_EXT_CONSOLE, DV_EXT_CHECKPOINT, DV_EXT_FACTORY}) {
        Plugin plugin = subject.plugin();
        plugin.host().withhold(id);
        refusal_of([&] { plugin.create(subject.note().id, subject.config()); });
        expect_balanced(plugin.host());
    }
}

void table_matches_note(const Subject& subject) {
    Plugin plugin = subject.plugin();
    const dv_component& component = plugin.component(subject.note().id);
    expect(component.iface == subject.note().iface, "its table says ", component.iface, ", its note ",
           subject.note().iface);
    expect(component.iface_version == subject.note().iface_version, "its table says version ", component.iface_version,
           ", its note ", subject.note().iface_version);
    expect(!subject.note().doc.empty(), "it has no line of documentation");
    for (const ParameterNote& p : subject.note().parameters) {
        expect(!p.doc.empty(), "its parameter '", p.name, "' has no documentation");
    }
    expect(DV_HAS(&component, destroy) && component.create && component.destroy, "it lacks create or destroy");
}

void two_at_once(const Subject& subject) {
    Plugin plugin = subject.plugin();
    auto first = plugin.create(subject.note().id, subject.config(), "first");
    // A file that belongs to one alone is a reason to refuse the second, with a text.
    std::remove_const_t<decltype(first)> second;
    refusal_of([&] { second = plugin.create(subject.note().id, subject.config(), "second"); });
    expect(!second || first->object() != second->object(), "two create() calls gave the same object");
    first.reset();
    second.reset();
    plugin.create(subject.note().id, subject.config(), "third");
    expect_balanced(plugin.host());
}

}  // namespace

void check_life(const Subject& subject, Checks& check) {
    check("life.table_matches_note", [&] { table_matches_note(subject); });
    check("life.created", [&] {
        Plugin plugin = subject.plugin();
        plugin.create(subject.note().id, subject.config());
        expect_balanced(plugin.host());
    });
    if (check.results().back().verdict != Verdict::pass) return;  // all others would say the same
    check("life.two_at_once", [&] { two_at_once(subject); });
    check("life.leaves_nothing_behind", [&] { leaves_nothing_behind(subject); });
    check("life.refusals_have_a_text", [&] { refusals_have_a_text(subject); });
    check("life.bounds_are_bearable", [&] { bounds_are_bearable(subject); });
    check("life.missing_services_are_said", [&] { missing_services_are_said(subject); });
}

}  // namespace dv::testing
