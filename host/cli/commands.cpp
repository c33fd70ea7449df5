#include "cli/command.hpp"

#include <array>

namespace dvhost::cli {

std::span<const Command> commands() {
    static constexpr std::array table{
        Command{"run", "MANIFEST... [-o KEY=VALUE]... [--resume | --ckpt best|last|FILE]", "train, validate, test, predict: the manifest's stages",
                run},
        Command{"fit", "MANIFEST... [--resume | --ckpt best|last|FILE]", "train", fit},
        Command{"validate", "MANIFEST... [--ckpt best|last|FILE]", "measure on the validation split", validate},
        Command{"test", "MANIFEST... [--ckpt best|last|FILE]", "measure on the test split", test},
        Command{"predict", "MANIFEST... [--weights FILE] [--out FILE]", "the model's outputs for the data's predict split, as a .npy file",
                predict},
        Command{"check", "MANIFEST... [-o KEY=VALUE]...", "all that is wrong with a manifest, without running plugin code", check},
        Command{"describe", "MANIFEST... [-o KEY=VALUE]...", "the model: layers, shapes, equations, delays, cost", describe},
        Command{"verify", "--suite NAME | --cases FILE", "models and parts against values known beforehand, one line per case", verify},
        Command{"plugins list", "[--json]", "the components there are, and files that were refused", plugins_list},
        Command{"plugins info", "ID|FILE", "parameters, an example table, and origin of a component or plugin", plugins_info},
        Command{"plugins new", "KIND ID [--into FOLDER]", "a new plugin that builds and passes its tests", plugins_new},
        Command{"plugins verify", "FILE [--json]", "is a plugin well made? static and load checks", plugins_verify},
        Command{"plugins doctor", "", "where plugins are looked for, and what became of each file", plugins_doctor},
        Command{"logs recover", "RUN", "after a kill: what was logged and did not reach the loggers", logs_recover},
        Command{"logs sync", "RUN", "after a run in which a logger failed: what that logger lost", logs_sync},
        Command{"tune lr", "MANIFEST... [--min-lr X] [--max-lr X] [--steps N]", "a learning rate, from a short run in which it grows", tune_lr},
        Command{"tune batch-size", "MANIFEST... [--mode power|binsearch]", "the largest batch that fits into memory", tune_batch_size},
        Command{"checkpoint inspect", "FILE [--json]", "what is in a checkpoint or a file of weights; runs nothing of it", checkpoint_inspect},
        Command{"checkpoint diff", "A B [--tolerance X] [--weights]", "in what two checkpoints differ; exit code 1 if they do", checkpoint_diff},
        Command{"checkpoint convert", "FILE OUT [--to safetensors|pt|ckpt]", "weights for other programs, or a checkpoint of today's format", checkpoint_convert},
        Command{"schema", "[--json | --markdown manifest|plugins]", "every key of a manifest, from the plugins' own declarations", schema},
        Command{"doctor", "", "what this machine has, and what is missing", doctor},
    };
    return table;
}

}  // namespace dvhost::cli
