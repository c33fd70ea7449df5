#pragma once
/// Plugin templates: the folders plugins/_template/<kind>, installed as share/dvhost/templates, with placeholders filled in.

#include <filesystem>
#include <string>
#include <vector>

namespace dvhost::cli {

struct NewPlugin {
    std::string kind;        ///< the template: "recurrence", ..., or "c"
    std::string id;          ///< "my_lab.recurrence.gabor"
    std::string vendor;      ///< "my_lab"
    std::string name;        ///< "gabor"
    std::string plugin_id;   ///< "my_lab.gabor"
    std::string class_name;  ///< "Gabor"
};

/// The kinds there is a template for. Throws registry::Refusal (66) when the installation has none.
std::vector<std::string> template_kinds();

/// Splits and checks an id. Throws UsageError that says what an id is.
NewPlugin new_plugin(const std::string& kind, const std::string& id);

/// Copies the template to `folder`, which must not exist or be empty; returns the number of files. Throws dv::IoError.
std::size_t instantiate(const NewPlugin& plugin, const std::filesystem::path& folder);

/// Where find_package would find dvsdk in this installation, or what to put there.
std::string sdk_package_hint();

}  // namespace dvhost::cli
