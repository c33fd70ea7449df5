#pragma once
/// The commands of `dvhost`, as a table: what --help lists is what there is.

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace dvhost::cli {

using Arguments = std::vector<std::string>;

struct Command {
    std::string_view name;       ///< "run", "plugins list"
    std::string_view usage;      ///< what follows the name
    std::string_view summary;    ///< one line
    int (*run)(const Arguments& arguments);
};

/// In the order in which --help lists them.
std::span<const Command> commands();

/// A command line that makes no sense: 64, with what would.
struct UsageError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

int run(const Arguments& arguments);
int fit(const Arguments& arguments);
int validate(const Arguments& arguments);
int test(const Arguments& arguments);
int predict(const Arguments& arguments);
int verify(const Arguments& arguments);
int check(const Arguments& arguments);
int describe(const Arguments& arguments);
int plugins_list(const Arguments& arguments);
int plugins_info(const Arguments& arguments);
int plugins_new(const Arguments& arguments);
int plugins_verify(const Arguments& arguments);
int plugins_doctor(const Arguments& arguments);
int logs_recover(const Arguments& arguments);
int logs_sync(const Arguments& arguments);
int checkpoint_inspect(const Arguments& arguments);
int checkpoint_diff(const Arguments& arguments);
int checkpoint_convert(const Arguments& arguments);
int tune_lr(const Arguments& arguments);
int tune_batch_size(const Arguments& arguments);
int schema(const Arguments& arguments);
int doctor(const Arguments& arguments);

}  // namespace dvhost::cli
