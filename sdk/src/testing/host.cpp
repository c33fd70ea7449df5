#include "host_seat.hpp"

#include <dv/binding.hpp>

#include <cstdlib>
#include <stdexcept>
#include <system_error>

namespace dv::testing {
namespace {

std::filesystem::path fresh_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "dv_testing_XXXXXX").string();
    if (!mkdtemp(name.data())) {
        throw std::system_error(errno, std::generic_category(), "cannot make a temporary folder " + name);
    }
    return name;
}

}  // namespace

Host::Host() = default;

Host::~Host() {
    if (folders_.root.empty()) return;
    std::error_code ignored;  // a test may have made files that cannot be removed; they are the system's to clean
    std::filesystem::remove_all(folders_.root, ignored);
}

const Host::Folders& Host::folders() const {
    std::call_once(folders_made_, [this] {
        folders_.root = fresh_folder();
        folders_.run = (folders_.root / "run").string();
        folders_.cache = (folders_.root / "cache").string();
        std::filesystem::create_directories(folders_.run);
        std::filesystem::create_directories(folders_.cache);
    });
    return folders_;
}

const dv_host* Host::for_component(std::string plugin, std::string component, std::string place) {
    const std::scoped_lock lock(mutex_);
    seats_.push_back(std::make_unique<Seat>(*this, std::move(plugin), std::move(component), std::move(place)));
    return &seats_.back()->host;
}

std::string Host::place_of(const dv_host& host) { return Seat::of(host.self).place; }

std::string Host::log_text(dv_log_level level) const {
    const std::scoped_lock lock(mutex_);
    std::string text;
    for (const LogLine& line : log_) {
        if (line.level >= level) text += line.text + "\n";
    }
    return text;
}

Failure Host::last_failure() const {
    const std::scoped_lock lock(mutex_);
    const auto trail = trails_.find(std::this_thread::get_id());
    return trail == trails_.end() ? Failure{} : trail->second.failure;
}

void Host::forget_failure() {
    const std::scoped_lock lock(mutex_);
    trails_[std::this_thread::get_id()].failure = {};
}

std::size_t Host::open_hooks() const {
    const std::scoped_lock lock(mutex_);
    std::size_t open = 0;
    for (const auto& [thread, trail] : trails_) open += trail.hooks.size();
    return open;
}

void Host::set_factory(Create create, Destroy destroy) {
    create_ = std::move(create);
    destroy_ = std::move(destroy);
}

void Host::report(const Seat& seat, std::int32_t code, std::string_view text) {
    const std::scoped_lock lock(mutex_);
    Trail& trail = trails_[std::this_thread::get_id()];
    const char* hook = trail.hooks.empty() ? "" : trail.hooks.back().second;
    trail.failure = {code, seat.plugin, seat.component, hook, std::string(text)};
}

void Host::Table::set_error(void* self, std::int32_t code, dv_str message) {
    const Seat& seat = Seat::of(self);
    seat.owner.report(seat, code, detail::view(message));
}

void Host::Table::log(void* self, std::int32_t level, dv_str message, dv_str, std::int32_t) {
    const Seat& seat = Seat::of(self);
    const std::scoped_lock lock(seat.owner.mutex_);
    seat.owner.log_.push_back({level, seat.component, std::string(detail::view(message))});
}

std::uint64_t Host::Table::enter(void* self, const char* hook) {
    Host& owner = Seat::of(self).owner;
    const std::scoped_lock lock(owner.mutex_);
    owner.hooks_.push_back(hook);
    owner.trails_[std::this_thread::get_id()].hooks.emplace_back(owner.next_token_, hook);
    return owner.next_token_++;
}

void Host::Table::leave(void* self, std::uint64_t token) {
    Host& owner = Seat::of(self).owner;
    const std::scoped_lock lock(owner.mutex_);
    auto& hooks = owner.trails_[std::this_thread::get_id()].hooks;
    if (hooks.empty() || hooks.back().first != token) {
        ++owner.misplaced_leaves_;
    } else {
        hooks.pop_back();
    }
}

const void* Host::Table::get_extension(void* self, const char* id, std::uint32_t min_version) {
    const Seat& seat = Seat::of(self);
    const std::string_view name(id);
    if (min_version > 1 || seat.owner.withheld_.contains(name)) return nullptr;
    if (name == DV_EXT_ERROR) return &seat.error;
    if (name == DV_EXT_PATHS) return &seat.paths;
    if (name == DV_EXT_CLOCK) return &seat.clock;
    if (name == DV_EXT_RNG) return &seat.rng;
    if (name == DV_EXT_CONSOLE) return &seat.console;
    if (name == DV_EXT_CHECKPOINT) return seat.owner.minor == 0 ? &seat.first_checkpoint : &seat.checkpoint;
    if (name == DV_EXT_RESUME && seat.owner.resume_position) return &seat.resume;
    if (name == DV_EXT_FACTORY && seat.owner.create_) return &seat.factory;
    return nullptr;
}

}  // namespace dv::testing
