#include "host_seat.hpp"

#include <dv/binding.hpp>
#include <dv/error.hpp>
#include <dv/random.hpp>

#include <exception>
#include <fstream>
#include <utility>

namespace dv::testing {

void Host::Table::last_error(void* self, dv_failure* out) {
    const Host& owner = Seat::of(self).owner;
    const std::scoped_lock lock(owner.mutex_);
    const auto trail = owner.trails_.find(std::this_thread::get_id());
    if (trail == owner.trails_.end()) return;
    const Failure& f = trail->second.failure;  // stays where it is until this thread's next report
    out->code = f.code;
    out->plugin = detail::borrow(f.plugin);
    out->component = detail::borrow(f.component);
    out->hook = detail::borrow(f.hook);
    out->text = detail::borrow(f.text);
}

dv_str Host::Table::run_dir(void* self) { return detail::borrow(Seat::of(self).owner.folders().run); }
dv_str Host::Table::resume_position(void* self) { return detail::borrow(*Seat::of(self).owner.resume_position); }
dv_str Host::Table::cache_dir(void* self) { return detail::borrow(Seat::of(self).owner.folders().cache); }

double Host::Table::monotonic(void* self) { return Seat::of(self).owner.clock.monotonic; }
double Host::Table::wall(void* self) { return Seat::of(self).owner.clock.wall; }

std::uint64_t Host::Table::seed(void* self) { return Seat::of(self).owner.seed; }
std::uint64_t Host::Table::derive(void* self, dv_str purpose) {
    const Seat& seat = Seat::of(self);
    return derive_key(seat.owner.seed, seat.place + "/" + std::string(detail::view(purpose)));
}

std::int32_t Host::Table::interactive(void* self) { return Seat::of(self).owner.console.interactive ? 1 : 0; }
std::int32_t Host::Table::width(void* self) { return Seat::of(self).owner.console.width; }
void Host::Table::status(void* self, dv_str line) {
    Host& owner = Seat::of(self).owner;
    const std::scoped_lock lock(owner.mutex_);
    if (owner.console.interactive) owner.console.status = detail::view(line);
}
void Host::Table::print(void* self, dv_str line) {
    Host& owner = Seat::of(self).owner;
    const std::scoped_lock lock(owner.mutex_);
    owner.console.printed.emplace_back(detail::view(line));
}

bool Host::write_checkpoint(const SavedCheckpoint& checkpoint) {
    std::ofstream out(checkpoint.path);
    out << "checkpoint\n";
    if (!out.flush()) return false;
    const std::scoped_lock lock(mutex_);
    checkpoints_.push_back(checkpoint);
    return true;
}

dv_status Host::save_checkpoint(const Seat& seat, std::string_view path, bool weights_only) {
    if (!checkpoint_failure.empty()) {
        report(seat, DV_IO, checkpoint_failure);
        return DV_IO;
    }
    if (write_checkpoint({std::filesystem::path(path), weights_only, false})) return DV_OK;
    report(seat, DV_IO, "cannot write " + std::string(path));
    return DV_IO;
}

void Host::settle_checkpoints() {
    bool failed = false;
    for (const Pending& pending : std::exchange(pending_, {})) {
        if (!pending.remove) {
            failed |= !checkpoint_failure.empty() || !write_checkpoint(pending.file);
        } else if (!failed) {
            std::filesystem::remove(pending.file.path);
        }
    }
}

dv_status Host::Table::save(void* self, dv_str path, std::int32_t weights_only) {
    const Seat& seat = Seat::of(self);
    return seat.owner.save_checkpoint(seat, detail::view(path), weights_only != 0);
}
dv_status Host::Table::request(void* self, dv_str path, std::int32_t weights_only) {
    Seat::of(self).owner.pending_.push_back({{std::filesystem::path(detail::view(path)), weights_only != 0, true}, false});
    return DV_OK;
}
dv_status Host::Table::remove(void* self, dv_str path) {
    Seat::of(self).owner.pending_.push_back({{std::filesystem::path(detail::view(path)), false, false}, true});
    return DV_OK;
}
dv_status Host::Table::announce(void* self, dv_str best, dv_str last) {
    Seat::of(self).owner.announced_ = {std::string(detail::view(best)), std::string(detail::view(last))};
    return DV_OK;
}
dv_str Host::Table::resumed_from(void* self) { return detail::borrow(Seat::of(self).owner.resumed_from); }

dv_status Host::Table::create(void* self, dv_str iface, const dv_node* table, dv_str name, dv_child* out) {
    const Seat& seat = Seat::of(self);
    try {
        seat.owner.create_(seat.host, detail::view(iface), value_of(table), detail::view(name), *out);
        return DV_OK;
    } catch (const ComponentError& error) {
        return error.code();  // the child has reported it
    } catch (const std::exception& error) {
        seat.owner.report(seat, DV_NOT_FOUND, error.what());
        return DV_NOT_FOUND;
    }
}

void Host::Table::destroy(void* self, dv_child* child) { Seat::of(self).owner.destroy_(*child); }

}  // namespace dv::testing
