#include "writer.hpp"

#include "run_folder.hpp"

#include <algorithm>
#include <system_error>

namespace checkpoint {

namespace fs = std::filesystem;

Writer::Writer(const dv::Component& component, const std::string& folder, Content content)
    : component_(component),
      host_(component.extension<dv_checkpoint_1>(DV_EXT_CHECKPOINT)),
      folder_(callbacks::in_run_folder(component, "dirpath", folder)),
      content_(content) {
    if (!host_)
        throw dv::Error("this host does not write checkpoints (it offers no dv.checkpoint/1); remove the callback");
}

bool Writer::holds_files() const {
    std::error_code failed;
    return fs::is_directory(folder_, failed) && !fs::is_empty(folder_, failed) && !failed;
}

fs::path Writer::resumed_from() const {
    if (!DV_HAS(host_, resumed_from) || !host_->resumed_from) return {};
    return fs::path(dv::detail::view(host_->resumed_from(host_->self))).lexically_normal();
}

bool Writer::taken(const fs::path& path) const {
    return saved_.contains(path) || fs::is_symlink(path) || fs::exists(path);
}

fs::path Writer::free_path(const std::string& name, const fs::path& own) const {
    fs::path candidate = path(name);
    for (int version = 1; candidate != own && taken(candidate); ++version) {
        candidate = path(name + "-v" + std::to_string(version));
    }
    return candidate;
}

void Writer::save(const fs::path& path, When when) {
    std::error_code failed;
    fs::create_directories(path.parent_path(), failed);
    if (failed) throw dv::IoError("cannot make the folder '" + path.parent_path().string() + "': " + failed.message());
    if (fs::is_symlink(path)) fs::remove(path, failed);  // the file takes its place, not that of what it points to
    saved_.insert(path);
    std::erase(after_link_, path);
    const bool can_wait = DV_HAS(host_, request) && host_->request;
    const auto write = when == When::later && can_wait ? host_->request : host_->save;
    const std::string text = path.string();
    dv::detail::check(component_.host,
                      write(host_->self, dv::detail::borrow(text), content_ == Content::weights ? 1 : 0));
}

bool Writer::is_ours(const fs::path& path) const {
    const std::string inside = path.lexically_relative(folder_).string();
    if (inside.empty() || inside.starts_with("..")) return false;
    const fs::path origin = resumed_from();
    std::error_code failed;
    return origin.empty() || (path != origin && !fs::equivalent(path, origin, failed));
}

void Writer::remove(const fs::path& path) {
    if (!is_ours(path)) return;
    if (link_) {
        after_link_.push_back(path);
    } else {
        remove_now(path);
    }
}

void Writer::remove_now(const fs::path& path) {
    saved_.erase(path);
    if (DV_HAS(host_, remove) && host_->remove) {
        const std::string text = path.string();
        return dv::detail::check(component_.host, host_->remove(host_->self, dv::detail::borrow(text)));
    }
    std::error_code failed;
    fs::remove(path, failed);
    if (failed) component_.warn("the former checkpoint " + path.string() + " stays: " + failed.message());
}

void Writer::link(const fs::path& link, const fs::path& target) {
    if (link_ && link_->link != link) settle(true);
    link_ = {link, target};
    saved_.insert(link);
}

void Writer::settle(bool at_last) {
    if (!link_ || (!at_last && !fs::exists(link_->target))) return;
    const auto [link, target] = *std::exchange(link_, std::nullopt);
    const fs::path beside = link.string() + ".tmp";
    std::error_code failed;
    fs::remove(beside, failed);
    fs::create_directories(link.parent_path(), failed);
    fs::create_symlink(target.lexically_relative(link.parent_path()), beside, failed);
    if (failed) fs::copy_file(target, beside, fs::copy_options::overwrite_existing, failed);
    if (!failed) fs::rename(beside, link, failed);
    if (failed)
        component_.warn("the newest checkpoint is " + target.string() + "; " + link.string() +
                        " stays what it was: " + failed.message());
    for (const fs::path& path : std::exchange(after_link_, {})) remove_now(path);
}

void Writer::expect_links() const {
    const fs::path probe = folder_ / ".link";
    std::error_code failed;
    fs::create_directories(folder_, failed);
    if (!failed) fs::remove(probe, failed);
    if (!failed) fs::create_symlink("nowhere", probe, failed);
    if (failed) {
        throw dv::ParameterError("save_last_as", "is 'link', and no link can be made in " + folder_.string() + ": " +
                                                     failed.message() + "; choose 'file'");
    }
    fs::remove(probe, failed);
}

void Writer::announce(const fs::path& best, const fs::path& last) const {
    if (!DV_HAS(host_, announce) || !host_->announce) return;
    const std::string texts[] = {best.string(), last.string()};
    dv::detail::check(component_.host,
                      host_->announce(host_->self, dv::detail::borrow(texts[0]), dv::detail::borrow(texts[1])));
}

}  // namespace checkpoint
