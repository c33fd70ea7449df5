#pragma once
/// Weights from a file into a model: dvhost's checkpoints, PyTorch's .pt and .pth, safetensors.
///
///     const WeightsReport report = load_weights(model, {.path = "trained.safetensors"});

#include <dv/torch/model.hpp>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace dvhost::checkpoint {

enum class WeightsFormat {
    automatic,  ///< by the file's first bytes
    safetensors,
    pytorch  ///< a zip of torch.save, or the stream that torch.save wrote before 1.6
};

struct WeightsRequest {
    std::filesystem::path path = {};
    WeightsFormat format = WeightsFormat::automatic;
    std::string key =
        {};  ///< "a.b": where in the file the tensors are; empty: in "state_dict" if there is one, else at the top
    std::string prefix = {};  ///< taken off the names that begin with it
    std::vector<std::pair<std::string, std::string>> translate =
        {};                  ///< (from, to) in names; the first `from` that occurs is replaced
    std::string table = {};  ///< a translation known by name (translation_names()); `translate` comes before it
    std::vector<std::string> match = {};                   ///< only parameters whose name fits one of these; empty: all
    std::vector<std::string> keep_on_shape_mismatch = {};  ///< names that keep the model's own value when shapes differ
    bool strict = true;  ///< missing and unexpected names are an error; else they are only reported
};

/// What happened, in the model's names.
struct WeightsReport {
    std::vector<std::string> loaded;
    std::vector<std::string> kept;        ///< own value kept, for their shapes differ
    std::vector<std::string> missing;     ///< not in the file
    std::vector<std::string> unexpected;  ///< in the file, not in the model
    /// Name patterns of what the original project trains after loading; empty: the table does not say.
    std::vector<std::string> trained_after;
    /// One line for the log: "12 tensors; not in the file: 'classifier.weight'".
    std::string text() const;
};

/// Copies a file's tensors into the model's own (their dtype and device stay). Keys with ".source." and aliases "tstep_X.tau" of
/// "tau_X" are tolerated. Nothing is changed when it throws: dv::IoError for a file that cannot be read, dv::Error for names that
/// do not fit (all of them), differing shapes (both of them) and values that are not finite (by parameter). The file is data: nothing
/// in it is ever run. [main]
WeightsReport load_weights(dv::Model& model, const WeightsRequest& request);

/// "alexnet", "cordsnet", ...
std::vector<std::string> translation_names();

/// All tensors of a file, as it names them. Throws dv::IoError.
std::vector<dv::NamedTensor> read_weights(const std::filesystem::path& path,
                                          WeightsFormat format = WeightsFormat::automatic, const std::string& key = {});

}  // namespace dvhost::checkpoint
