#pragma once
/// Where checkpoints lie and who writes them: the host, through dv.checkpoint/1.

#include <dv/component.hpp>

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace checkpoint {

class Writer {
public:
    enum class Content { everything, weights };
    enum class When {
        later,  ///< beside the training, with what all callbacks made of the phase in hand
        now,    ///< before save() returns
    };

    /// `folder` is seen from the run's folder. `component` must outlive the writer. Throws dv::ParameterError when
    /// there is no such folder, dv::Error when this host writes no checkpoints.
    Writer(const dv::Component& component, const std::string& folder, Content content);

    const std::filesystem::path& folder() const { return folder_; }
    bool holds_files() const;
    /// The file that this run went on from; empty: it began anew.
    std::filesystem::path resumed_from() const;

    std::filesystem::path path(const std::string& name) const { return folder_ / (name + ".ckpt"); }
    /// path(name), or the first of name-v1, name-v2, ... that is not taken. `own` does not count as taken.
    std::filesystem::path free_path(const std::string& name, const std::filesystem::path& own) const;

    /// A host of minor 0 knows `now` only. Throws dv::ComponentError with what the host reported.
    void save(const std::filesystem::path& path, When when);
    /// Removes a file that save() or link() made, once everything saved before is on disk. Left alone are the file that the run
    /// went on from, and what lies outside of the folder. One that cannot be removed is a warning: the run has better things to
    /// do than stop.
    void remove(const std::filesystem::path& path);

    /// Makes `link` a relative link to `target`, as soon as that is on disk; a copy where there are no links. What is removed in
    /// the meantime goes after that, so that there always is something behind the link.
    void link(const std::filesystem::path& link, const std::filesystem::path& target);
    /// Moves a link whose target has come. `at_last`: whether it has or not.
    void settle(bool at_last = false);
    /// Throws dv::ParameterError when the folder's file system has no links.
    void expect_links() const;

    /// What `--ckpt best` and `--ckpt last` mean; empty: nothing.
    void announce(const std::filesystem::path& best, const std::filesystem::path& last) const;

private:
    struct Link {
        std::filesystem::path link, target;
    };
    bool taken(const std::filesystem::path& path) const;
    bool is_ours(const std::filesystem::path& path) const;
    void remove_now(const std::filesystem::path& path);

    const dv::Component& component_;
    const dv_checkpoint_1* host_;
    std::filesystem::path folder_;
    Content content_;
    std::set<std::filesystem::path> saved_;          // perhaps not on disk yet
    std::optional<Link> link_;                       // not made yet
    std::vector<std::filesystem::path> after_link_;  // to be removed when it is
};

}  // namespace checkpoint
