#pragma once
/// What a zip says of its records. LibTorch's reader finds and reads them, and compares no checksum.

#include <cstddef>
#include <cstdint>
#include <istream>
#include <map>
#include <string>
#include <string_view>

namespace dvhost::checkpoint {

/// The central directory of a zip (of zip64, too). Source: PKWARE, APPNOTE.TXT 6.3.10, sections 4.3.12 to 4.3.16 and 4.5.3.
class ZipDirectory {
public:
    /// Throws dv::Error when there is none, or it is damaged.
    explicit ZipDirectory(std::istream& in);

    /// Throws dv::Error naming the record when these are not the bytes that were written. `name` is without the folder that all
    /// records lie in. A zip in which no record has a checksum (torch.serialization.set_crc32_options(False)) is believed.
    void expect_undamaged(std::string_view name, const void* bytes, std::size_t n_bytes) const;

private:
    std::map<std::string, std::uint32_t, std::less<>> checksums_;  // CRC-32 by name
    bool has_checksums_ = false;
};

}  // namespace dvhost::checkpoint
