#include "compose/logger_set.hpp"

#include "compose/check.hpp"
#include "compose/config_view.hpp"
#include "manifest/manifest.hpp"

namespace dvhost::compose {

namespace {

std::uint64_t seed_of(const manifest::Node& root) {
    const manifest::Node* seed = manifest::find_path(root, "run.seed");
    return seed != nullptr && seed->is_int() ? static_cast<std::uint64_t>(seed->as_int()) : 0;
}

manifest::Node loggers_of(const manifest::Node& root) {
    const manifest::Node* list = root.find("logger");
    return list != nullptr && list->is_list() ? *list : manifest::Node(manifest::Node::List{}, {});
}

std::string place_of(std::size_t i) { return "logger." + std::to_string(i); }

/// The table as its component knows it: without the keys that are the host's.
manifest::Node own_table(manifest::Node table, const std::string& place, const registry::Registry& plugins) {
    for (const char* key : {"required", "max_errors"}) table.erase(key);
    return check_component(std::move(table), DV_IFACE_LOGGER, place, plugins);
}

}  // namespace

LoggerSet::LoggerSet(const manifest::Node& manifest, const std::filesystem::path& run_dir, registry::Registry& plugins,
                     logging::Console& console, logging::HostLog& log)
    : services_(seed_of(manifest), console),
      boundary_([&log](const registry::PluginMessage& m) { log.log(m.level, m.from.component, m.text); },
                [this](const registry::ComponentRecord& who, std::string_view id, std::uint32_t version) {
                    return services_.find(who, id, version);
                }),
      assembler_(plugins, boundary_), tables_(loggers_of(manifest)) {
    services_.set_run_dir(run_dir);
    make(Cursors(tables_.as_list().size(), logging::Cursor{}), plugins);
}

LoggerSet::LoggerSet(const manifest::Node& manifest, const std::filesystem::path& run_dir, const logging::SpoolFolder& spool,
                     registry::Registry& plugins, logging::Console& console, logging::HostLog& log)
    : services_(seed_of(manifest), console),
      boundary_([&log](const registry::PluginMessage& m) { log.log(m.level, m.from.component, m.text); },
                [this](const registry::ComponentRecord& who, std::string_view id, std::uint32_t version) {
                    return services_.find(who, id, version);
                }),
      assembler_(plugins, boundary_), tables_(loggers_of(manifest)) {
    services_.set_run_dir(run_dir);
    Cursors cursors;
    std::map<std::string, std::string> positions;
    for (std::size_t i = 0; i < tables_.as_list().size(); ++i) {
        cursors.push_back(spool.read_cursor(place_of(i)));
        if (cursors.back()) positions.emplace(place_of(i), cursors.back()->position);
    }
    services_.set_resume(std::move(positions));
    make(cursors, plugins);
}

void LoggerSet::make(const Cursors& cursors, registry::Registry& plugins) {
    for (std::size_t i = 0; i < cursors.size(); ++i) {
        manifest::Node& table = tables_.as_list()[i];
        const std::string label = table.find("type")->as_string() + " (" + place_of(i) + ")";
        if (!cursors[i]) {
            left_alone_.push_back(label);
            continue;
        }
        table = own_table(table, place_of(i), plugins);
        loggers_.push_back({{assembler_.make_logger(table, place_of(i)), label, false, 3, place_of(i)}, *cursors[i]});
    }
}

std::vector<logging::LoggerEntry> LoggerSet::entries() const {
    std::vector<logging::LoggerEntry> out;
    for (const logging::ReplayedLogger& l : loggers_) out.push_back(l.entry);
    return out;
}

logging::Replay deliver_what_is_left(const std::filesystem::path& run_dir, const std::string& outcome, registry::Registry& plugins,
                                     logging::Console& console, logging::HostLog& log) {
    const logging::SpoolFolder spool(run_dir / ".dvspool");
    if (!std::filesystem::is_directory(spool.path())) return {};
    const logging::SpoolLock lock(spool);
    const manifest::Node manifest = manifest::load({{run_dir / "config.toml"}, {}});
    const dv_config whole = config_view(manifest);
    LoggerSet loggers(manifest, run_dir, spool, plugins, console, log);
    for (const std::string& label : loggers.left_alone()) {
        log.info(label + " has everything already, or cannot be continued: it stays as it is");
    }
    return logging::replay(spool, loggers.take(), &whole, spool.read_outcome().value_or(outcome),
                           [&log](const std::string& text) { log.warn(text); });
}

}  // namespace dvhost::compose
