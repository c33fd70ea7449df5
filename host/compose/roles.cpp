#include "compose/roles.hpp"

#include "registry/note.hpp"

#include <dv/note.hpp>

namespace dvhost::compose {

namespace {

/// A host struct's parameters by the same road as a plugin's: its note text, read back.
template <class Keys>
std::vector<registry::ParameterSchema> keys_of() {
    std::string text(dv::detail::component_text<Keys>(nullptr, "dvhost.keys", 1, "dvhost.keys.host", ""), '\0');
    dv::detail::component_text<Keys>(text.data(), "dvhost.keys", 1, "dvhost.keys.host", "");
    return registry::read_component_note(text, "the host's keys").parameters;
}

}  // namespace

std::vector<Role> roles() {
    using Need = Role::Need;
    return {
        {"run", "", false, Need::never, "what to do, under which name and seed", keys_of<RunKeys>()},
        {"trainer", "", false, Need::never, "how long and how; Lightning's flags", keys_of<TrainerKeys>()},
        {"engine", "", false, Need::never, "how temporal models are computed", keys_of<EngineKeys>()},
        {"plugins", "", false, Need::never, "where plugins are", keys_of<PluginKeys>()},
        {"data", "dv.datamodule", false, Need::always, "the samples", keys_of<DataKeys>()},
        {"model", "dv.model", false, Need::always, "the network", {}},
        {"weights", "", false, Need::never, "what the model starts from (docs/weights.md)", keys_of<WeightsKeys>()},
        {"loss", "dv.loss", true, Need::to_score, "what is minimised: the weighted sum of these", keys_of<LossKeys>()},
        {"metric", "dv.metric", true, Need::never, "what is measured over an epoch", {}},
        {"optimizer", "dv.optimizer", false, Need::to_fit, "how weights change; several for a model that optimizes itself", keys_of<OptimizerKeys>(), true},
        {"schedule", "dv.schedule", false, Need::never, "how learning rates change; several multiply; absent: they stay", keys_of<ScheduleKeys>(), true},
        {"recorder", "", true, Need::never, "which responses of layers are written to a file (docs/recording.md)", keys_of<RecorderKeys>()},
        {"callback", "dv.callback", true, Need::never, "what else happens along the way", keys_of<CallbackKeys>(), false, "dv.torch_callback"},
        {"logging", "", false, Need::never, "how numbers get from training to the loggers (docs/logging.md)", keys_of<LoggingKeys>()},
        {"logger", "dv.logger", true, Need::never, "where numbers go", keys_of<LoggerKeys>()},
        {"strategy", "dv.strategy", false, Need::never, "where it runs; absent: single_device", {}},
    };
}

}  // namespace dvhost::compose
