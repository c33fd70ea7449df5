/* dv/abi.h: the door between the host and a plugin, in C11.
 *
 * A plugin is a shared library that exports one function, dv_plugin_entry(). Everything else is reached through the tables
 * below. A plugin written against this header alone (C, C++, Rust, ...) needs no other part of the SDK and no LibTorch.
 *
 * Rules for both sides
 *   - Every struct that may grow starts with `size`, the sizeof its writer saw. A field f exists iff
 *     size >= offsetof(f) + sizeof(f) (DV_HAS below). Structs only grow at the end; nothing is reordered, retyped or removed.
 *   - A null function pointer means "not implemented"; its comment says what happens then.
 *   - Functions return dv_status: 0, or a code of dv_code after a call of dv_host.set_error() with a sentence for people.
 *   - Strings are UTF-8, not NUL-terminated, and borrowed for the call. Returned strings live until the next call on the
 *     same object. Who creates destroys, through the pair in the table; no malloc/free crosses the door.
 *   - Nothing is thrown across the door. Unknown enum values are tolerated.
 *   - Thread tags: [main] the thread that composes the run; [step] the training thread, one call at a time per object;
 *     [io] the host's logging thread, one call at a time per object; [any] from any thread, concurrently.
 *
 * Layout: x86-64 System V, 8-byte alignment. Kept as data in sdk/abi/abi-1.golden; a test compares.
 */
#ifndef DV_ABI_H
#define DV_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DV_ABI_MAJOR 1
#define DV_ABI_MINOR 1
#define DV_PLUGIN_MAGIC 0x44564831u /* 'DVH1' */

/* True if the struct behind `s` reaches as far as its field `f`. */
#define DV_HAS(s, f) ((s)->size >= offsetof(__typeof__(*(s)), f) + sizeof((s)->f))

typedef int32_t dv_status;

enum dv_code {
  DV_OK = 0,
  DV_FAILED = 1,          /* anything that has no code of its own; the text says what */
  DV_UNKNOWN = 2,         /* something was thrown that carried no text */
  DV_BAD_PARAMETER = 3,   /* a parameter that only the component could check */
  DV_NOT_FOUND = 4,       /* a file, a component or a key is absent */
  DV_IO = 5,              /* reading or writing failed */
  DV_WRONG_TYPE = 6,      /* a configuration value has another type than asked for */
  DV_REFUSED = 7          /* the host refuses this call from here (wrong thread, wrong time) */
};

typedef struct dv_str {
  const char* p;
  size_t n;
} dv_str;

/* ---------------------------------------------------------------------------------------------------------------------
 * Configuration: a host-owned tree of values, already checked against the component's schema: typed, in range, defaults
 * filled in. Nodes live until the run ends, so they may be kept. All functions [any].
 * ------------------------------------------------------------------------------------------------------------------ */

enum dv_kind { DV_KIND_BOOL = 1, DV_KIND_INT = 2, DV_KIND_FLOAT = 3, DV_KIND_STRING = 4, DV_KIND_LIST = 5, DV_KIND_TABLE = 6 };

typedef struct dv_node dv_node; /* opaque */

typedef struct dv_where {
  uint32_t size;
  uint32_t line, column; /* 1-based; 0 when the value has no place in a file */
  uint32_t reserved;
  dv_str origin; /* file name, or "command line", "default", ... */
} dv_where;

typedef struct dv_config {
  uint32_t size;
  uint32_t reserved;
  const dv_node* root;                                             /* the component's own table */
  int32_t (*kind)(const dv_node* node);                            /* dv_kind */
  const dv_node* (*get)(const dv_node* table, dv_str key);         /* null when absent */
  uint64_t (*count)(const dv_node* list_or_table);                 /* 0 for scalars */
  const dv_node* (*item)(const dv_node* list_or_table, uint64_t i); /* i-th element or value; null past the end */
  dv_str (*key)(const dv_node* table, uint64_t i);                 /* i-th key, in manifest order */
  dv_status (*as_bool)(const dv_node* node, int32_t* out);
  dv_status (*as_int)(const dv_node* node, int64_t* out);
  dv_status (*as_float)(const dv_node* node, double* out);         /* accepts an int too */
  dv_status (*as_string)(const dv_node* node, dv_str* out);
  void (*where)(const dv_node* node, dv_where* out);
} dv_config;

/* ---------------------------------------------------------------------------------------------------------------------
 * Host services. Each component gets its own dv_host: `self` says who is calling. Valid until destroy() returns.
 * ------------------------------------------------------------------------------------------------------------------ */

enum dv_log_level { DV_LOG_DEBUG = 1, DV_LOG_INFO = 2, DV_LOG_WARNING = 3, DV_LOG_ERROR = 4 };

typedef struct dv_host {
  uint32_t size;
  uint16_t abi_major, abi_minor;
  void* self;
  /* [any] Stores the text for the status about to be returned (thread-local; copied). */
  void (*set_error)(void* self, int32_t code, dv_str message);
  /* [any] One line for the host's log. `file` may be empty. */
  void (*log)(void* self, int32_t level, dv_str message, dv_str file, int32_t line);
  /* [any] A table of host functions by id and least version; null when not offered. Lives as long as the dv_host. */
  const void* (*get_extension)(void* self, const char* id, uint32_t min_version);
  /* [any] Leaves a breadcrumb "this component is now in `hook`" for crash messages and errors, and takes it back.
   * `hook` must be a string literal. Calls nest; leave() gets what enter() gave. */
  uint64_t (*enter)(void* self, const char* hook);
  void (*leave)(void* self, uint64_t token);
} dv_host;

/* Extensions. Each table starts with size and the `self` to hand back as first argument. */

#define DV_EXT_ERROR "dv.error" /* version 1 */
typedef struct dv_failure {
  uint32_t size;
  int32_t code;
  dv_str plugin, component, hook, text;
} dv_failure;
typedef struct dv_error_1 {
  uint32_t size;
  uint32_t reserved;
  void* self;
  void (*last)(void* self, dv_failure* out); /* [any] the failure last reported on this thread */
} dv_error_1;

#define DV_EXT_PATHS "dv.paths" /* version 1 */
typedef struct dv_paths_1 {
  uint32_t size;
  uint32_t reserved;
  void* self;
  dv_str (*run_dir)(void* self);   /* absolute path of this run's folder; empty when the command makes none */
  dv_str (*cache_dir)(void* self); /* absolute path of the user's cache for dvhost */
} dv_paths_1;

#define DV_EXT_CLOCK "dv.clock" /* version 1 */
typedef struct dv_clock_1 {
  uint32_t size;
  uint32_t reserved;
  void* self;
  double (*monotonic)(void* self); /* seconds from an arbitrary start */
  double (*wall)(void* self);      /* seconds since 1970-01-01 UTC */
} dv_clock_1;

#define DV_EXT_RNG "dv.rng" /* version 1 */
typedef struct dv_rng_1 {
  uint32_t size;
  uint32_t reserved;
  void* self;
  uint64_t (*seed)(void* self);                     /* the run's seed */
  uint64_t (*derive)(void* self, dv_str purpose);   /* a key from seed, this component's place in the manifest, purpose */
} dv_rng_1;

#define DV_EXT_CONSOLE "dv.console" /* version 1: the terminal, shared between the host's log and one status line */
typedef struct dv_console_1 {
  uint32_t size;
  uint32_t reserved;
  void* self;
  int32_t (*interactive)(void* self);               /* 1 on a terminal that can redraw a line */
  int32_t (*width)(void* self);                     /* columns */
  void (*status)(void* self, dv_str line);          /* replaces the status line; empty removes it; ignored if not interactive */
  void (*print)(void* self, dv_str line);           /* one line above the status line */
} dv_console_1;

#define DV_EXT_CHECKPOINT "dv.checkpoint" /* version 1, for callbacks */
typedef struct dv_checkpoint_1 {
  uint32_t size;
  uint32_t reserved;
  void* self;
  /* [step] Writes the run's state to `path` (absolute), by way of a temporary file; returns when it is on disk. */
  dv_status (*save)(void* self, dv_str path, int32_t weights_only);
  /* Since minor 1. [step] Asks for the same without waiting: the state is taken when all callbacks have seen the phase in hand, so
   * that it holds what they made of it, and is written beside the training. A write that fails is told at the next phase. */
  dv_status (*request)(void* self, dv_str path, int32_t weights_only);
  /* [step] Removes a file once everything requested before is on disk; nothing is removed if that failed. */
  dv_status (*remove)(void* self, dv_str path);
  /* [step] What `--ckpt best` and `--ckpt last` mean from now on. Empty: there is none. */
  dv_status (*announce)(void* self, dv_str best, dv_str last);
  /* [any] The file that this run went on from; empty: it began anew. It must not be removed. */
  dv_str (*resumed_from)(void* self);
} dv_checkpoint_1;

/* State of a component in a checkpoint: named plain values, in tables that may nest. Written through dv_state_out, read back as a
 * dv_config. */
typedef struct dv_state_out { /* valid for the call; keys and strings are copied */
  uint32_t size;
  uint32_t reserved;
  void* self;
  void (*put_none)(void* self, dv_str key);
  void (*put_bool)(void* self, dv_str key, int32_t value);
  void (*put_int)(void* self, dv_str key, int64_t value);
  void (*put_float)(void* self, dv_str key, double value);
  void (*put_string)(void* self, dv_str key, dv_str value);
  void (*begin_table)(void* self, dv_str key); /* what is put until end_table() belongs to it */
  void (*end_table)(void* self);
} dv_state_out;

struct dv_component;
#define DV_EXT_FACTORY "dv.factory" /* version 1: creates nested components */
typedef struct dv_child {
  uint32_t size;
  uint32_t reserved;
  void* object;                       /* what the component's create() gave */
  const struct dv_component* component;
  const dv_host* host;                /* the child's own dv_host */
} dv_child;
typedef struct dv_factory_1 {
  uint32_t size;
  uint32_t reserved;
  void* self;
  /* [main] `table` is a component's table from this component's configuration; `name` keys its random draws. */
  dv_status (*create)(void* self, dv_str iface, const dv_node* table, dv_str name, dv_child* out);
  void (*destroy)(void* self, dv_child* child);
} dv_factory_1;

#define DV_EXT_RESUME "dv.resume" /* version 1, since minor 1; for loggers, and only when an earlier process's run is continued */
typedef struct dv_resume_1 {
  uint32_t size;
  uint32_t reserved;
  void* self;
  /* [main] What the logger's position() last gave. Output behind it is to be taken back in create(): it comes again. */
  dv_str (*position)(void* self);
} dv_resume_1;

/* ---------------------------------------------------------------------------------------------------------------------
 * What a plugin gives to the host.
 * ------------------------------------------------------------------------------------------------------------------ */

typedef struct dv_component {
  uint32_t size;
  uint32_t iface_version; /* 1 */
  const char* iface;      /* "dv.logger", ... */
  const char* id;         /* "vendor.kind.name" */
  const void* vtable;     /* portable kinds: dv_logger_1, ...; torch kinds: null */
  /* [main] On DV_OK *out is the new object; on failure no object exists and destroy() is not called. */
  dv_status (*create)(const dv_host* host, const dv_config* config, void** out);
  void (*destroy)(void* self); /* [main] */
  /* [main] Optional further interfaces of an object; torch kinds return their C++ interface here. Null = none. */
  const void* (*query)(void* self, const char* iface, uint32_t min_version);
} dv_component;

enum dv_plugin_class { DV_CLASS_PORTABLE = 1, DV_CLASS_TORCH = 2 };

typedef struct dv_plugin {
  uint32_t magic; /* DV_PLUGIN_MAGIC */
  uint32_t size;
  uint16_t abi_major, abi_minor; /* as the plugin was built */
  uint32_t plugin_class;         /* dv_plugin_class */
  const char* id;                /* equal to the note's */
  const char* version;           /* equal to the note's */
  uint32_t n_components;
  uint32_t reserved;
  const dv_component* const* components;
  dv_status (*init)(const dv_host* host); /* [main] optional, once, before the first create() */
  void (*fini)(void);                     /* [main] optional, once, before exit; plugins are never unloaded */
} dv_plugin;

typedef const dv_plugin* (*dv_plugin_entry_fn)(uint16_t host_major, uint16_t host_minor);

/* ---------------------------------------------------------------------------------------------------------------------
 * Portable kinds.
 * ------------------------------------------------------------------------------------------------------------------ */

typedef struct dv_metric { /* frozen: used in arrays */
  dv_str name;
  double value;
} dv_metric;

/* dv.logger: receives named numbers. Created and destroyed [main]; every other call comes from the one io thread. */
#define DV_IFACE_LOGGER "dv.logger"

typedef struct dv_row { /* one call of "log these numbers now" */
  uint32_t size;
  uint32_t n_metrics;
  const dv_metric* metrics;
  int64_t step;     /* optimizer steps, 0-based */
  int64_t epoch;    /* 0-based; -1 when the row has none */
  double wall_time; /* seconds since 1970-01-01 UTC */
} dv_row;

typedef struct dv_image {
  uint32_t size;
  uint32_t channels;      /* 1 grey, 3 RGB, 4 RGBA */
  uint32_t width, height; /* pixels */
  dv_str png;             /* the encoded file's bytes */
} dv_image;

typedef struct dv_histogram { /* n_buckets buckets; bucket i holds what lies in (limits[i-1], limits[i]] */
  uint32_t size;
  uint32_t n_buckets;
  const double* limits; /* upper edges, ascending */
  const double* counts;
  double min, max, sum, sum_squares, count; /* of the values themselves */
} dv_histogram;

typedef struct dv_resume { /* a run that goes on from a checkpoint, in the folder in which it was */
  uint32_t size;
  uint32_t reserved;
  int64_t rows;  /* rows that had been logged by then; what was logged after them is to be cut or marked as void */
  int64_t step;  /* of the next row, at least */
} dv_resume;

typedef struct dv_logger_1 {
  uint32_t size;
  uint32_t reserved;
  dv_status (*metrics)(void* self, const dv_row* row);                     /* [io] required */
  dv_status (*hyperparameters)(void* self, const dv_config* manifest);     /* [io] once, before the first row; null: skipped */
  dv_status (*text)(void* self, dv_str name, dv_str text, int64_t step);   /* [io] null: skipped */
  dv_status (*artifact)(void* self, dv_str name, dv_str path);             /* [io] a finished file; null: skipped */
  dv_status (*flush)(void* self);                                          /* [io] make durable; null: nothing buffered */
  dv_status (*finalize)(void* self, dv_str outcome);                       /* [io] last: "success", "failed", "interrupted" */
  /* Since minor 1. */
  dv_status (*image)(void* self, dv_str name, const dv_image* image, int64_t step);              /* [io] null: skipped */
  dv_status (*histogram)(void* self, dv_str name, const dv_histogram* histogram, int64_t step);  /* [io] null: skipped */
  /* [main] once after create(), then [io] after each flush(): how far the output is safe, in words of the plugin's own, kept
   * for dv.resume; valid until the next call. Null, or an empty text: this logger cannot be resumed. */
  dv_status (*position)(void* self, dv_str* out);
  dv_status (*resume)(void* self, const dv_resume* from); /* [main] at most once, before everything but create(); null: begins anew */
} dv_logger_1;

/* dv.callback: sees the phases it asked for, [step]. Order and meaning of the phases are Lightning's. */
#define DV_IFACE_CALLBACK "dv.callback"

enum dv_phase {
  DV_SETUP = 0,
  DV_FIT_START = 1,
  DV_SANITY_CHECK_START = 2,
  DV_SANITY_CHECK_END = 3,
  DV_TRAIN_START = 4,
  DV_TRAIN_EPOCH_START = 5,
  DV_TRAIN_BATCH_START = 6,
  DV_BEFORE_ZERO_GRAD = 7,
  DV_BEFORE_BACKWARD = 8,
  DV_AFTER_BACKWARD = 9,
  DV_BEFORE_OPTIMIZER_STEP = 10,
  DV_TRAIN_BATCH_END = 11,
  DV_TRAIN_EPOCH_END = 12,
  DV_VALIDATION_START = 13,
  DV_VALIDATION_EPOCH_START = 14,
  DV_VALIDATION_BATCH_START = 15,
  DV_VALIDATION_BATCH_END = 16,
  DV_VALIDATION_EPOCH_END = 17,
  DV_VALIDATION_END = 18,
  DV_TEST_START = 19,
  DV_TEST_EPOCH_START = 20,
  DV_TEST_BATCH_START = 21,
  DV_TEST_BATCH_END = 22,
  DV_TEST_EPOCH_END = 23,
  DV_TEST_END = 24,
  DV_PREDICT_START = 25,
  DV_PREDICT_EPOCH_START = 26,
  DV_PREDICT_BATCH_START = 27,
  DV_PREDICT_BATCH_END = 28,
  DV_PREDICT_EPOCH_END = 29,
  DV_PREDICT_END = 30,
  DV_TRAIN_END = 31,
  DV_FIT_END = 32,
  DV_EXCEPTION = 33,
  DV_TEARDOWN = 34,
  /* Since minor 1. */
  DV_SAVE_CHECKPOINT = 35,   /* the state of the run is about to be taken */
  DV_CHECKPOINT_TAKEN = 36,  /* it has been taken; what was changed for it can be put back */
  DV_LOAD_CHECKPOINT = 37,   /* everything is restored, callbacks included */
  DV_OPTIMIZER_STEP_DONE = 38, /* the weights have just changed */
  DV_N_PHASES = 39
};

enum dv_stage { DV_STAGE_NONE = 0, DV_STAGE_SANITY_CHECK = 1, DV_STAGE_TRAIN = 2, DV_STAGE_VALIDATE = 3, DV_STAGE_TEST = 4, DV_STAGE_PREDICT = 5 };

typedef struct dv_run { /* a view of the run, const, valid for the call */
  uint32_t size;
  uint32_t stage;       /* dv_stage */
  int64_t epoch;        /* 0-based; epochs whose end has passed */
  int64_t global_step;  /* optimizer steps taken */
  int64_t batch_idx;    /* of the current loop */
  int64_t n_batches;    /* of the current loop; -1 unknown */
  int64_t max_epochs;   /* -1 no limit */
  int64_t max_steps;    /* -1 no limit */
  double elapsed;       /* seconds since the stage began */
  uint32_t n_metrics;
  uint32_t n_learning_rates;
  const dv_metric* metrics;        /* the newest known values, by name ("val/accuracy"); never forces a device sync */
  const dv_metric* learning_rates; /* by group name */
  dv_str message;                  /* DV_EXCEPTION: what happened; DV_TEARDOWN: the outcome */
  uint32_t log_due;                /* 1 if the values of this step go to the loggers */
  uint32_t has_validation;         /* 1 if fit will validate */
  /* Since minor 1. */
  int64_t batches, samples;        /* training batches and samples so far */
  int64_t skipped_steps;           /* accumulation windows without a step */
  uint32_t fast_dev_run;           /* 1: nothing is to be kept, no file written */
  uint32_t accumulating;           /* 1 inside an accumulation window: the weights have not changed in this batch */
  uint32_t validates_each_epoch_end; /* 1 if every epoch is followed by one validation, at its end, and there is no other */
  uint32_t loader;                 /* index of the evaluation's loader */
  int64_t max_seconds;             /* of fit; -1 no limit */
  uint32_t n_progress_bar;
  uint32_t n_loaders;              /* of the evaluation in hand; 1 in training */
  const dv_metric* progress_bar;   /* those of metrics that are logged to be shown beside the progress bar */
  const dv_metric* momenta;        /* as learning_rates; NaN: the group has none */
  const dv_metric* weight_decays;  /* as learning_rates; NaN: the group has none */
} dv_run;

enum dv_reduce { DV_REDUCE_MEAN = 0, DV_REDUCE_SUM = 1, DV_REDUCE_MIN = 2, DV_REDUCE_MAX = 3 };

typedef struct dv_log_options {
  uint32_t size;
  int32_t on_step, on_epoch; /* 1, 0, or -1: as the phase has it by default */
  int32_t prog_bar;          /* 1: shown beside the progress bar */
  int32_t logger;            /* 0: not sent to the loggers */
  uint32_t reduce;           /* dv_reduce, over the values of an epoch */
  int64_t batch_size;        /* weight in a mean; -1: the batch's */
  int32_t add_dataloader_idx; /* 0: evaluations of several loaders log it under one name */
  uint32_t reserved;
} dv_log_options;

typedef struct dv_answer { /* how a callback answers; valid for the call */
  uint32_t size;
  uint32_t reserved;
  void* self;
  void (*log)(void* self, dv_str name, double value); /* joins the metrics and goes to the loggers */
  void (*stop)(void* self, dv_str reason);            /* asks the run to stop after this step; honours min_epochs/min_steps */
  /* Since minor 1. */
  dv_status (*log_with)(void* self, dv_str name, double value, const dv_log_options* options); /* error: not allowed in this phase */
  void (*text)(void* self, dv_str name, dv_str text);
  void (*image)(void* self, dv_str name, const dv_image* image);
  void (*histogram)(void* self, dv_str name, const dv_histogram* histogram);
  void (*skip_epoch)(void* self); /* DV_TRAIN_BATCH_START: the rest of this epoch is left out */
} dv_answer;

typedef struct dv_callback_1 {
  uint32_t size;
  uint32_t monitors; /* 1: runs after all others at the end of an epoch and sees what they logged (early stop, checkpoints) */
  uint64_t (*phases)(void* self); /* [main] asked once: bit (1 << dv_phase) for each phase wanted */
  dv_status (*on_phase)(void* self, uint32_t phase, const dv_run* run, const dv_answer* answer);
  /* Since minor 1. State in checkpoints; null: it has none. state_key: under which name; empty: the component's id. */
  dv_status (*state_key)(void* self, dv_str* out);
  dv_status (*save_state)(void* self, const dv_state_out* out);
  dv_status (*load_state)(void* self, const dv_config* state);
} dv_callback_1;

/* dv.schedule: a factor on the base learning rate, [step]. */
#define DV_IFACE_SCHEDULE "dv.schedule"

enum dv_interval { DV_INTERVAL_STEP = 0, DV_INTERVAL_EPOCH = 1, DV_INTERVAL_VALIDATION = 2, DV_INTERVAL_SAMPLES = 3 };

typedef struct dv_schedule_point {
  uint32_t size;
  uint32_t reserved;
  int64_t step, epoch;             /* already done, 0 at the start */
  int64_t total_steps, total_epochs; /* planned; -1 unknown */
  /* Since minor 1. */
  int64_t count;  /* how often this schedule has been asked again, by its interval and frequency; 0 at the start */
  int64_t total;  /* how often it will have been at the end; -1 unknown */
} dv_schedule_point;

typedef struct dv_schedule_1 {
  uint32_t size;
  uint32_t reserved;
  uint32_t (*interval)(void* self); /* dv_interval: when the factor is asked for again; null: step */
  dv_status (*factor)(void* self, const dv_schedule_point* at, double* out);
  /* Since minor 1; all may be null. */
  dv_status (*momentum)(void* self, const dv_schedule_point* at, double* out); /* NaN: left as it is */
  dv_status (*observe)(void* self, double value); /* the monitored metric, before factor() is asked again; null: needs none */
  dv_status (*save_state)(void* self, const dv_state_out* out);
  dv_status (*load_state)(void* self, const dv_config* state);
} dv_schedule_1;

/* ---------------------------------------------------------------------------------------------------------------------
 * Notes: what `dvhost plugins list|info` and the manifest check read without loading the plugin. Owner "dvhost", section
 * .note.dvhost, found through PT_NOTE. The payload is TOML text. C++ plugins get them from DV_COMPONENT.
 * ------------------------------------------------------------------------------------------------------------------ */

#define DV_NOTE_PLUGIN 0x44560001u
#define DV_NOTE_COMPONENT 0x44560002u
#define DV_NOTE_FINGERPRINT 0x44560003u

#ifndef __cplusplus
/* DV_NOTE(name, DV_NOTE_COMPONENT, "iface = ...\n"): emits one note from C. */
#define DV_NOTE(NAME, TYPE, TEXT)                                                                                       \
  static const struct {                                                                                                 \
    uint32_t namesz, descsz, type;                                                                                      \
    char owner[8];                                                                                                      \
    char desc[(sizeof(TEXT) - 1 + 3) / 4 * 4];                                                                          \
  } NAME __attribute__((used, retain, section(".note.dvhost"), aligned(4))) = {7, sizeof(TEXT) - 1, TYPE, "dvhost", TEXT}

/* DV_EXPORT_COMPONENT(component): puts a static const dv_component into the plugin's table, from C. */
#define DV_EXPORT_COMPONENT(COMPONENT)                                                                                  \
  static const dv_component* const dv_export_##COMPONENT __attribute__((used, retain, section("dvcomp"))) = &COMPONENT
#endif

#ifdef __cplusplus
}
#endif
#endif /* DV_ABI_H */
