#include "checkpoint/checkpoint.hpp"

#include "checkpoint/atomic_file.hpp"

#include <caffe2/serialize/inline_container.h>

namespace dvhost::checkpoint {

namespace {

using Pairs = PickleValue::Pairs;

PickleValue text(std::string s) { return {std::move(s)}; }
PickleValue integer(std::int64_t v) { return {v}; }

PickleValue state_dict(dv::Model& model) {
    Pairs items;
    for (const dv::NamedTensor& t : model.parameters()) items.emplace_back(text(t.name), PickleValue{t.tensor});
    return {PickleValue::OrderedDict{std::move(items)}};
}

PickleValue option_value(const dv::GroupOption& option) {
    if (option.is_flag) return {option.values.at(0) != 0.0};
    if (option.values.size() == 1) return {option.values[0]};
    PickleValue::Tuple values;
    for (const double v : option.values) values.items.push_back({v});
    return {std::move(values)};
}

/// One torch optimizer state dict: {"state": {index: {...}}, "param_groups": [{..., "params": [index, ...]}]}.
PickleValue optimizer_state(const dv::Optimizer& optimizer) {
    Pairs by_parameter;
    for (const dv::OptimizerState& s : optimizer.state()) {
        if (by_parameter.empty() || std::get<std::int64_t>(by_parameter.back().first.value) != s.parameter) {
            by_parameter.emplace_back(integer(s.parameter), PickleValue{PickleValue::Dict{}});
        }
        std::get<PickleValue::Dict>(by_parameter.back().second.value).items.emplace_back(text(s.key), PickleValue{s.tensor});
    }
    PickleValue::List groups;
    std::int64_t next = 0;
    const auto all = optimizer.groups();
    for (std::size_t g = 0; g < all.size(); ++g) {
        Pairs group;
        for (const dv::GroupOption& option : optimizer.options(g)) group.emplace_back(text(option.key), option_value(option));
        group.emplace_back(text("name"), text(all[g].name));
        PickleValue::List indices;
        for (std::size_t i = 0; i < all[g].parameters.size(); ++i) indices.push_back(integer(next++));
        group.emplace_back(text("params"), PickleValue{std::move(indices)});
        groups.push_back({PickleValue::Dict{std::move(group)}});
    }
    Pairs whole;
    whole.emplace_back(text("state"), PickleValue{PickleValue::Dict{std::move(by_parameter)}});
    whole.emplace_back(text("param_groups"), PickleValue{std::move(groups)});
    return {PickleValue::Dict{std::move(whole)}};
}

}  // namespace

PickleValue gather(const loops::Experiment& experiment, const loops::Progress& progress, const Context& context,
                   Content content) {
    Pairs keys;
    keys.emplace_back(text("epoch"), integer(progress.epoch));
    keys.emplace_back(text("global_step"), integer(progress.global_step));
    keys.emplace_back(text("pytorch-lightning_version"), text("2.6.0"));  // the version whose layout this is
    keys.emplace_back(text("state_dict"), state_dict(*experiment.model));
    keys.emplace_back(text("hyper_parameters"), context.hyper_parameters);
    if (content == Content::everything) keys.emplace_back(text("callbacks"), PickleValue{PickleValue::Dict{}});
    if (content == Content::everything && experiment.optimizer) {
        keys.emplace_back(text("optimizer_states"), PickleValue{PickleValue::List{optimizer_state(*experiment.optimizer)}});
        keys.emplace_back(text("lr_schedulers"), PickleValue{PickleValue::List{}});
    }
    Pairs own;
    own.emplace_back(text("format"), integer(1));
    own.emplace_back(text("batches"), integer(progress.batches));
    own.emplace_back(text("samples"), integer(progress.samples));
    own.emplace_back(text("skipped_steps"), integer(progress.skipped_steps));
    own.emplace_back(text("batch_idx"), integer(progress.batch_idx));
    own.emplace_back(text("seed"), text(std::to_string(context.seed)));
    own.emplace_back(text("manifest"), text(context.manifest));
    keys.emplace_back(text("dvhost"), PickleValue{PickleValue::Dict{std::move(own)}});
    return {PickleValue::Dict{std::move(keys)}};
}

void write_file(const std::filesystem::path& file, const PickleValue& value) {
    const Pickled pickled = pickle(value);
    AtomicFile out(file);
    {
        // The zip writer is never told of a failed write: it would throw from its destructor.
        caffe2::serialize::PyTorchStreamWriter zip([&](const void* data, std::size_t n) {
            out.write(data, n);
            return n;
        });
        zip.writeRecord("data.pkl", pickled.bytes.data(), pickled.bytes.size());
        zip.writeRecord("byteorder", "little", 6);
        for (std::size_t i = 0; i < pickled.storages.size(); ++i) {
            const c10::Storage& storage = pickled.storages[i].storage();
            zip.writeRecord("data/" + std::to_string(i), storage.data(), storage.nbytes());
        }
        zip.writeEndOfFile();
    }
    out.commit();
}

}  // namespace dvhost::checkpoint
