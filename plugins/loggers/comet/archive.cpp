#include "archive.hpp"

#include <dv/error.hpp>

#include <zip.h>

#include <memory>
#include <string>

namespace comet {

namespace {

struct Discard {
    void operator()(zip_t* archive) const { ::zip_discard(archive); }
};

}  // namespace

void zip_folder(const std::filesystem::path& folder, const std::filesystem::path& target) {
    int code = 0;
    std::unique_ptr<zip_t, Discard> archive(::zip_open(target.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code));
    if (!archive) {
        zip_error_t error;
        ::zip_error_init_with_code(&error, code);
        const std::string text = "cannot make '" + target.string() + "': " + ::zip_error_strerror(&error);
        ::zip_error_fini(&error);
        throw dv::IoError(text);
    }
    const auto fail = [&] {
        throw dv::IoError("cannot write '" + target.string() + "': " + ::zip_strerror(archive.get()));
    };
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (!entry.is_regular_file()) continue;
        zip_source_t* source = ::zip_source_file(archive.get(), entry.path().c_str(), 0, -1);
        if (source == nullptr) fail();
        if (::zip_file_add(archive.get(), entry.path().filename().c_str(), source, ZIP_FL_ENC_UTF_8) < 0) {
            ::zip_source_free(source);
            fail();
        }
    }
    if (::zip_close(archive.get()) != 0) fail();
    archive.release();
}

}  // namespace comet
