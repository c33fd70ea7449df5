#include "hparams_file.hpp"

#include "line_file.hpp"
#include "yaml_text.hpp"

#include <dv/error.hpp>

#include <system_error>

namespace loggers {

void write_hparams(const std::filesystem::path& folder, const dv_config& manifest) {
    std::string text;
    yaml::append_table(text, manifest, manifest.root);
    const std::filesystem::path target = folder / "hparams.yaml", fresh = folder / "hparams.yaml.tmp";
    LineFile file(fresh, 1);
    file.add(text, 0.0);
    file.sync();
    std::error_code failed;
    std::filesystem::rename(fresh, target, failed);
    if (failed) throw dv::IoError("cannot write '" + target.string() + "': " + failed.message());
}

}  // namespace loggers
