/* Loggers in C that break promises which the C++ headers keep for their users. */
#include <dv/abi.h>

#include <stdlib.h>

struct object {
  const dv_host* host;
};

static dv_status metrics(void* self, const dv_row* row) {
  (void)self;
  return row->size == sizeof(dv_row) ? DV_OK : DV_FAILED;
}
static const dv_logger_1 table = {.size = sizeof(dv_logger_1), .metrics = metrics};
static const dv_logger_1 empty_table = {.size = sizeof(dv_logger_1)};

static dv_status create(const dv_host* host, const dv_config* config, void** out) {
  const dv_str key = {"depth", 5};
  const dv_node* node = config->get(config->root, key);
  int64_t depth = 0;
  if (node && config->as_int(node, &depth) != DV_OK) return DV_BAD_PARAMETER; /* and no text */
  struct object* made = malloc(sizeof *made);
  if (!made) return DV_FAILED;
  made->host = host;
  *out = made;
  return DV_OK;
}
static void destroy(void* self) { free(self); }

static dv_status create_without_leaving(const dv_host* host, const dv_config* config, void** out) {
  host->enter(host->self, "create");
  return create(host, config, out);
}

#define PARAMETER "[[param]]\nname = \"depth\"\ntype = \"int\"\ndefault = 1\ndoc = \"how deep\"\n"
#define HEAD(NAME) "iface = \"dv.logger\"\niface_version = 1\nid = \"" NAME "\"\ndoc = \"Wrong on purpose\"\n"

DV_NOTE(silent_note, DV_NOTE_COMPONENT, HEAD("test.logger.silent") PARAMETER);
static const dv_component silent = {
    sizeof(dv_component), 1, DV_IFACE_LOGGER, "test.logger.silent", &table, create, destroy, NULL};
DV_EXPORT_COMPONENT(silent);

DV_NOTE(unbalanced_note, DV_NOTE_COMPONENT, HEAD("test.logger.unbalanced") PARAMETER);
static const dv_component unbalanced = {
    sizeof(dv_component), 1, DV_IFACE_LOGGER, "test.logger.unbalanced", &table, create_without_leaving, destroy, NULL};
DV_EXPORT_COMPONENT(unbalanced);

DV_NOTE(other_version_note, DV_NOTE_COMPONENT, HEAD("test.logger.other_version"));
static const dv_component other_version = {
    sizeof(dv_component), 2, DV_IFACE_LOGGER, "test.logger.other_version", &table, create, destroy, NULL};
DV_EXPORT_COMPONENT(other_version);

DV_NOTE(deaf_note, DV_NOTE_COMPONENT, HEAD("test.logger.deaf"));
static const dv_component deaf = {sizeof(dv_component), 1,      DV_IFACE_LOGGER, "test.logger.deaf",
                                  &empty_table,         create, destroy,         NULL};
DV_EXPORT_COMPONENT(deaf);
