#pragma once
/// Names as numbers, for the spool's records. The training thread gives numbers, the log thread asks for names.

#include "loops/metric_sink.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace dvhost::logging {

class TagTable {
public:
    /// New names are appended to `file`; empty: they are kept in memory only. Throws dv::IoError when it cannot be made.
    explicit TagTable(const std::filesystem::path& file);
    ~TagTable();
    TagTable(const TagTable&) = delete;
    TagTable& operator=(const TagTable&) = delete;

    /// A number per name. The same `names` object again costs a comparison. Valid until the next call. [step]
    const std::vector<std::uint32_t>& numbers(const loops::Names& names);
    /// False once a name could not be written. [step]
    bool is_whole() const { return whole_; }

    /// The name of a number that numbers() gave; stays where it is. [io]
    std::string_view name(std::uint32_t number);

private:
    struct Known {
        loops::Names names;  // held, so that no other list can take its address
        std::vector<std::uint32_t> numbers;
    };
    std::uint32_t number(const std::string& name);
    void write_new();

    int fd_ = -1;
    bool whole_ = true;
    std::uint64_t size_ = 0;
    std::string new_;  // entries for the file
    std::array<Known, 4> known_;  // rows of a step, of an epoch, of a validation, and one more
    std::size_t next_known_ = 0;
    std::unordered_map<std::string_view, std::uint32_t> numbers_;  // keys lie in names_

    std::mutex mutex_;               // guards names_
    std::deque<std::string> names_;  // by number
    std::vector<const std::string*> seen_;  // the log thread's view of names_
};

/// The names in a file that a process left; a last one that was cut off is not among them.
std::vector<std::string> read_tags(const std::filesystem::path& file);

}  // namespace dvhost::logging
