"""What our writers rely on in the tools that read their files, read out of the installed tools and compared with constants/<tool>.txt.

    read_constants.py <tool>          the difference, if there is one
    read_constants.py <tool> --write  accepts what is installed, once our writers fit it

It is run in the tool's environment: environment.py requirements-<tool>.txt read_constants.py <tool>.
"""
import difflib
import importlib
import json
import os
import re
import sys

KINDS = {1: "double", 2: "float", 3: "int64", 4: "uint64", 5: "int32", 8: "bool", 9: "string", 11: "message", 12: "bytes", 13: "uint32",
         14: "enum"}


def values(module, *names):
    """Constants of a module; a name that is gone is a line, too."""
    module = importlib.import_module(module)
    return [f"{module.__name__}.{name} = {getattr(module, name, 'missing')!r}" for name in names]


def enums(module, *names):
    module = importlib.import_module(module)
    return [f"{name}.{member.name} = {int(member)}" for name in names for member in getattr(module, name)]


def fields(module, **messages):
    """Numbers and types of the fields that we write. Nested messages: Outer_Inner."""
    lines = []
    module = importlib.import_module(module)
    for name, wanted in messages.items():
        message = module
        for part in name.split("__"):
            message = getattr(message, part, None)
        known = message.DESCRIPTOR.fields_by_name if message else {}
        for field in wanted.split():
            there = known.get(field)
            lines.append(f"{name.replace('__', '.')}.{field} = " + (f"{there.number} {KINDS.get(there.type, there.type)}" if there else "missing"))
    return lines


def found(module, path, *patterns):
    """The first line of a source file beside a module that a pattern finds."""
    with open(os.path.join(os.path.dirname(importlib.import_module(module).__file__), path), encoding="utf-8") as file:
        text = file.read()
    lines = []
    for pattern in patterns:
        match = re.search(pattern, text)
        lines.append(f"{path}: " + (" ".join(match.group().split()) if match else f"nothing like {pattern}"))
    return lines


def tensorboard():
    lines = []
    for plugin in ("scalar", "histogram", "image", "text", "custom_scalar", "hparams"):
        lines += values(f"tensorboard.plugins.{plugin}.metadata", "PLUGIN_NAME")
    lines += values("tensorboard.plugins.custom_scalar.metadata", "CONFIG_SUMMARY_TAG")
    lines += values("tensorboard.plugins.hparams.metadata", "PLUGIN_DATA_VERSION", "EXPERIMENT_TAG", "SESSION_START_INFO_TAG",
                    "SESSION_END_INFO_TAG")
    lines += values("tensorboard.backend.event_processing.event_accumulator", "DEFAULT_SIZE_GUIDANCE")
    lines += found("tensorboard", "summary/writer/event_file_writer.py", r'file_version="[^"]*"', r'"events\.out\.tfevents[^"]*"')
    lines += found("tensorboard", "compat/tensorflow_stub/pywrap_tensorflow.py", r"return u32\(\(\(x >> .*")
    proto = "tensorboard.compat.proto."
    lines += fields(proto + "event_pb2", Event="wall_time step file_version summary session_log source_metadata", SessionLog="status",
                    SourceMetadata="writer")
    lines += fields(proto + "summary_pb2", Summary="value", Summary__Value="tag simple_value tensor metadata",
                    SummaryMetadata="plugin_data data_class", SummaryMetadata__PluginData="plugin_name content")
    lines += fields(proto + "tensor_pb2", TensorProto="dtype tensor_shape tensor_content float_val string_val")
    lines += fields("tensorboard.plugins.hparams.plugin_data_pb2",
                    HParamsPluginData="version experiment session_start_info session_end_info",
                    SessionStartInfo="hparams group_name start_time_secs", SessionEndInfo="status end_time_secs")
    lines += fields("tensorboard.plugins.hparams.api_pb2", Experiment="time_created_secs hparam_infos metric_infos",
                    HParamInfo="name type", MetricInfo="name display_name", MetricName="group tag")
    return lines + fields("tensorboard.plugins.custom_scalar.layout_pb2", Layout="version category", Category="title chart",
                          Chart="title multiline margin", MultilineChartContent="tag", MarginChartContent="series",
                          MarginChartContent__Series="value lower upper")


def wandb_fields():
    return fields("wandb.proto.wandb_internal_pb2",
                  Record="num history summary config files telemetry metric run exit final header environment",
                  HeaderRecord="version_info", VersionInfo="producer min_consumer",
                  RunRecord="run_id entity project run_group job_type display_name notes tags host starting_step start_time resumed",
                  ConfigRecord="update", ConfigItem="key value_json", HistoryRecord="item step", HistoryStep="num",
                  HistoryItem="nested_key value_json", SummaryRecord="update", SummaryItem="nested_key value_json",
                  FilesRecord="files", FilesItem="path policy type",
                  MetricRecord="name glob_name step_metric options expanded_from_glob", MetricOptions="step_sync hidden defined",
                  RunExitRecord="exit_code runtime")


def wandb():
    return wandb_fields() + found("wandb", "sdk/wandb_settings.py", r'return "run" if not .*') + found(
        "wandb", "cli/beta_sync.py", r'are named like "[^"]*"')


def wandb_datastore():
    return values("wandb.sdk.internal.datastore", "LEVELDBLOG_HEADER_LEN", "LEVELDBLOG_BLOCK_LEN", "LEVELDBLOG_FULL", "LEVELDBLOG_FIRST",
                  "LEVELDBLOG_MIDDLE", "LEVELDBLOG_LAST", "LEVELDBLOG_HEADER_IDENT", "LEVELDBLOG_HEADER_MAGIC",
                  "LEVELDBLOG_HEADER_VERSION") + wandb_fields()


def mlflow():
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    lines = values("mlflow.utils.validation", "MAX_METRICS_PER_BATCH", "MAX_PARAMS_TAGS_PER_BATCH", "MAX_ENTITIES_PER_BATCH",
                   "MAX_BATCH_LOG_REQUEST_SIZE", "MAX_ENTITY_KEY_LENGTH", "MAX_PARAM_VAL_LENGTH", "MAX_TAG_VAL_LENGTH",
                   "MAX_EXPERIMENT_NAME_LENGTH")
    status = importlib.import_module("mlflow.entities.run_status").RunStatus
    lines += [f"RunStatus.{status.to_string(number)} = {number}" for number in status.all_status()]
    store = importlib.import_module("mlflow.store.tracking.file_store").FileStore
    lines += [f"FileStore.{name} = {getattr(store, name, 'missing')!r}" for name in (
        "ARTIFACTS_FOLDER_NAME", "METRICS_FOLDER_NAME", "PARAMS_FOLDER_NAME", "TAGS_FOLDER_NAME", "META_DATA_FILE_NAME")]
    return lines + found("mlflow", "server/__init__.py", r'"/health"') + found("mlflow", "utils/cli_args.py", r'"--workers"')


def comet():
    os.environ |= {"COMET_DISABLE_AUTO_LOGGING": "1", "DO_NOT_TRACK": "1", "COMET_INTERNAL_SENTRY_DSN": ""}
    package = os.path.dirname(importlib.import_module("comet_ml").__file__)
    lines = found("comet_ml", "config/config_map.py", r'"comet.offline_sampling_size": .*')
    lines += found("comet_ml", "messages.py", *(rf'type = "{kind}"' for kind in (
        "metric_msg", "parameter_msg", "log_other", "file_upload", "system_details", "standard_output")))
    for name in ("experiment", "metric-msg", "parameter-msg", "log-other-msg", "file-upload-msg", "system-details-msg"):
        with open(os.path.join(package, "schemas", f"offline-{name}.schema.json"), encoding="utf-8") as file:
            schema = json.load(file)
        lines += [f"{name}: needs {', '.join(sorted(schema.get('required', [])))}",
                  f"{name}: knows {', '.join(sorted(schema.get('properties', {})))}",
                  f"{name}: others {schema.get('additionalProperties', True)}"]
    return lines


def neptune():
    proto = "neptune_api.proto.neptune_pb.ingest.v1.common_pb2"
    return (values("neptune_scale.sync.operations_repository", "DB_VERSION", "BACKWARD_COMPATIBLE_DB_VERSIONS")
            + enums("neptune_scale.sync.operations_repository", "OperationType")
            + found("neptune_scale", "sync/operations_repository.py", *(rf"CREATE TABLE IF NOT EXISTS {table} \([^)]*\)" for table in (
                "run_operations", "metadata", "run_operation_submission", "file_upload_requests", "operation_errors")))
            + fields(proto, Run="run_id creation_time family experiment_id",
                     UpdateRunSnapshot="step timestamp assign modify_sets append", Step="whole micro",
                     Value="float64 int64 bool string histogram", Histogram="bin_edges counts", Histogram__Counts="values",
                     ModifySet="string", ModifyStringSet="values"))


def main():
    tool = sys.argv[1]
    path = os.path.join(os.path.dirname(__file__), "constants", tool + ".txt")
    installed = [line + "\n" for line in globals()[tool.replace("-", "_")]()]
    if sys.argv[2:] == ["--write"]:
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(installed)
        return
    with open(path, encoding="utf-8") as file:
        relied_on = file.readlines()
    difference = list(difflib.unified_diff(relied_on, installed, f"what our writer relies on ({path})", f"what is installed ({tool})", n=1))
    if difference:
        sys.exit("".join(difference) + f"FAILED: {tool} has changed. Let our writer follow, then accept it with {__file__} {tool} --write")
    print(f"{tool}: {len(installed)} constants are as our writer expects them")


if __name__ == "__main__":
    main()
