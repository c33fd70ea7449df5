/* A logger in plain C: what the door looks like without the C++ headers. Everything is in <dv/abi.h>: one table of
 * functions for the component, one for its kind, and a note in TOML that says which parameters there are. Any language
 * that can make such tables can do the same. */
#include <dv/abi.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct logger {
  const dv_host* host;
  FILE* out;
};

/* Every failure is a status and, before it, one sentence for people. Nothing is ever printed or thrown. */
static dv_status fail(const dv_host* host, dv_status code, const char* text) {
  host->set_error(host->self, code, (dv_str){text, strlen(text)});
  return code;
}

/* create() makes one object from a configuration that the host has checked against the note: types and ranges are right
 * and defaults are filled in. Whatever goes wrong later, destroy() is called only for what create() has handed out. */
static dv_status create(const dv_host* host, const dv_config* config, void** out) {
  dv_str file = {"metrics.tsv", 11};
  const dv_node* node = config->get(config->root, (dv_str){"file", 4});
  if (node && config->as_string(node, &file) != DV_OK) return fail(host, DV_WRONG_TYPE, "'file' must be a string");

  const dv_paths_1* paths = host->get_extension(host->self, DV_EXT_PATHS, 1);
  if (!paths) return fail(host, DV_NOT_FOUND, "this host offers no run folder (dv.paths)");
  const dv_str folder = paths->run_dir(paths->self);

  char path[4096];
  const int n = snprintf(path, sizeof path, "%.*s/%.*s", (int)folder.n, folder.p, (int)file.n, file.p);
  if (n < 0 || (size_t)n >= sizeof path) return fail(host, DV_BAD_PARAMETER, "'file' is too long");

  struct logger* self = calloc(1, sizeof *self);
  if (!self) return fail(host, DV_FAILED, "out of memory");
  self->host = host;
  self->out = fopen(path, "wb");
  if (!self->out) {
    free(self);
    return fail(host, DV_IO, "cannot write the file that 'file' names, in the run's folder");
  }
  *out = self;
  return DV_OK;
}

static void destroy(void* object) {
  struct logger* self = object;
  fclose(self->out);
  free(self);
}

/* Strings are not zero-terminated and live only during the call. */
static dv_status metrics(void* object, const dv_row* row) {
  struct logger* self = object;
  for (uint32_t i = 0; i < row->n_metrics; ++i) {
    const dv_metric* m = &row->metrics[i];
    if (fprintf(self->out, "%" PRId64 "\t%.*s\t%.17g\n", row->step, (int)m->name.n, m->name.p, m->value) < 0) {
      return fail(self->host, DV_IO, "writing failed; is the disk full?");
    }
  }
  return DV_OK;
}

static dv_status flush(void* object) {
  struct logger* self = object;
  return fflush(self->out) == 0 ? DV_OK : fail(self->host, DV_IO, "writing failed; is the disk full?");
}

static dv_status finalize(void* object, dv_str outcome) {
  (void)outcome;
  return flush(object);
}

/* What is left out is null: "not implemented". `size` tells the host how far this table reaches. */
static const dv_logger_1 table = {
    .size = sizeof(dv_logger_1),
    .metrics = metrics,
    .flush = flush,
    .finalize = finalize,
};

static const dv_component component = {
    .size = sizeof(dv_component),
    .iface_version = 1,
    .iface = DV_IFACE_LOGGER,
    .id = "@ID@",
    .vtable = &table,
    .create = create,
    .destroy = destroy,
};
DV_EXPORT_COMPONENT(component);

/* Read from the file, without loading it, by `dvhost plugins list`, `dvhost check` and the reference pages. */
DV_NOTE(note, DV_NOTE_COMPONENT,
        "iface = \"dv.logger\"\n"
        "iface_version = 1\n"
        "id = \"@ID@\"\n"
        "doc = \"Writes tab-separated numbers\"\n"
        "[[param]]\n"
        "name = \"file\"\n"
        "type = \"string\"\n"
        "default = \"metrics.tsv\"\n"
        "doc = \"file name in the run's folder\"\n");
