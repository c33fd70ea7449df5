/* A small plugin in plain C, every promise of which can be broken by one definition in CMakeLists.txt (BREAK_...). */
#include <dv/abi.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef NAME
#define NAME "good"
#endif
#ifndef PLUGIN_ID
#define PLUGIN_ID "hostile." NAME
#endif
#ifndef COMPONENT_ID
#define COMPONENT_ID "hostile.logger." NAME
#endif
#ifndef NOTE_ABI
#define NOTE_ABI "1.0"
#endif
#ifndef NOTE_CLASS
#define NOTE_CLASS "portable"
#endif
#ifndef NOTE_MORE
#define NOTE_MORE ""
#endif
#ifndef TABLE_ABI_MAJOR
#define TABLE_ABI_MAJOR DV_ABI_MAJOR
#endif
#ifndef TABLE_ABI_MINOR
#define TABLE_ABI_MINOR DV_ABI_MINOR
#endif
#ifndef TABLE_MAGIC
#define TABLE_MAGIC DV_PLUGIN_MAGIC
#endif
#ifndef TABLE_CLASS
#define TABLE_CLASS DV_CLASS_PORTABLE
#endif
#ifndef TABLE_ID
#define TABLE_ID PLUGIN_ID
#endif
#ifndef TABLE_VERSION
#define TABLE_VERSION "1.0.0"
#endif
#ifndef TABLE_IFACE_VERSION
#define TABLE_IFACE_VERSION 1
#endif
#ifndef TABLE_N_COMPONENTS
#define TABLE_N_COMPONENTS 1
#endif
#ifndef PLUGIN_SIZE
#define PLUGIN_SIZE sizeof(dv_plugin)
#endif
#ifndef COMPONENT_SIZE
#define COMPONENT_SIZE sizeof(dv_component)
#endif
#ifndef LOGGER_SIZE
#define LOGGER_SIZE sizeof(dv_logger_1)
#endif
#ifndef ON_LOAD
#define ON_LOAD
#endif

#ifndef BREAK_NOTES
DV_NOTE(plugin_note, DV_NOTE_PLUGIN,
        "format = 1\nid = \"" PLUGIN_ID "\"\nversion = \"1.0.0\"\nclass = \"" NOTE_CLASS "\"\nabi = \"" NOTE_ABI
        "\"\nlicense = \"MIT\"\n" NOTE_MORE);
DV_NOTE(component_note, DV_NOTE_COMPONENT,
        "iface = \"dv.logger\"\niface_version = 1\nid = \"" COMPONENT_ID "\"\ndoc = \"counts rows\"\n"
        "[[param]]\nname = \"every\"\ntype = \"int\"\ndefault = 1\ndoc = \"rows\"\nmin = 1\n");
#endif
#ifdef BREAK_NOTE_HAS_MORE
DV_NOTE(another_component_note, DV_NOTE_COMPONENT,
        "iface = \"dv.logger\"\niface_version = 1\nid = \"hostile.logger.ghost\"\ndoc = \"never there\"\n");
#endif
#ifdef FINGERPRINT
DV_NOTE(fingerprint_note, DV_NOTE_FINGERPRINT, FINGERPRINT);
#endif

static int n_rows;

static dv_status metrics(void* self, const dv_row* row) {
  (void)self;
  n_rows += (int)row->n_metrics;
#ifdef BREAK_HOOK_SILENTLY
  return 42;
#else
  return DV_OK;
#endif
}
static dv_status flush(void* self) {
  (void)self;
  return DV_OK;
}
static dv_status finalize(void* self, dv_str outcome) {
  (void)self, (void)outcome;
  return DV_OK;
}
static dv_status create(const dv_host* host, const dv_config* config, void** out) {
  (void)host, (void)config;
#ifdef BREAK_CREATE_NULL
  *out = 0;
#else
  *out = &n_rows;
#endif
  return DV_OK;
}
static void destroy(void* self) { (void)self; }

/* What a struct of another age is followed by: nothing that may be read as a pointer. */
#define GARBAGE {0x4141414141414141u, 0x4141414141414141u, 0x4141414141414141u, 0x4141414141414141u}

static struct {
  dv_logger_1 table;
  uint64_t beyond[4];
} logger = {{.size = LOGGER_SIZE, .metrics = metrics, .flush = flush, .finalize = finalize}, GARBAGE};

static struct {
  dv_component table;
  uint64_t beyond[4];
} component = {{.size = COMPONENT_SIZE,
                .iface_version = TABLE_IFACE_VERSION,
                .iface = DV_IFACE_LOGGER,
                .id = COMPONENT_ID,
                .vtable = &logger.table,
                .create = create,
                .destroy = destroy},
               GARBAGE};

#ifdef BREAK_TABLE_HAS_MORE
static dv_component ghost = {.size = sizeof(dv_component),
                             .iface_version = 1,
                             .iface = DV_IFACE_LOGGER,
                             .id = "hostile.logger.ghost",
                             .vtable = &logger.table,
                             .create = create,
                             .destroy = destroy};
static const dv_component* components[] = {&component.table, &ghost};
#else
static const dv_component* components[] = {&component.table};
#endif

static struct {
  dv_plugin table;
  uint64_t beyond[4];
} plugin = {{.magic = TABLE_MAGIC,
             .size = PLUGIN_SIZE,
             .abi_major = TABLE_ABI_MAJOR,
             .abi_minor = TABLE_ABI_MINOR,
             .plugin_class = TABLE_CLASS,
             .id = TABLE_ID,
             .version = TABLE_VERSION,
             .n_components = TABLE_N_COMPONENTS,
             .components = components},
            GARBAGE};

#ifdef BREAK_INIT
static dv_status init(const dv_host* host) {
  static const char text[] = "the licence server is asleep";
  if (BREAK_INIT) host->set_error(host->self, DV_FAILED, (dv_str){text, sizeof text - 1});
  return DV_FAILED;
}
#endif
#ifdef COUNT_FINI /* an environment variable that is counted up */
static void fini(void) {
  const char* before = getenv("HOSTILE_FINI");
  char text[64] = {0};
  size_t n = 0;
  while (before && before[n] && n < 40) text[n] = before[n], ++n;
  text[n] = COUNT_FINI;
  setenv("HOSTILE_FINI", text, 1);
}
#endif
#ifdef BREAK_UNTERMINATED
static char endless_id[8192];
#endif

__attribute__((constructor)) static void on_load(void) { ON_LOAD; }

#ifdef BREAK_NO_ENTRY
#define dv_plugin_entry some_other_symbol
#endif
__attribute__((visibility("default"))) const dv_plugin* dv_plugin_entry(uint16_t host_major, uint16_t host_minor);
const dv_plugin* dv_plugin_entry(uint16_t host_major, uint16_t host_minor) {
  (void)host_major, (void)host_minor;
#ifdef BREAK_INIT
  plugin.table.init = init;
#endif
#ifdef COUNT_FINI
  plugin.table.fini = fini;
#endif
#ifdef BREAK_SIZE_IN_BETWEEN /* as if written before these slots were there */
  component.table.query = (const void* (*)(void*, const char*, uint32_t))(uintptr_t)0x4141414141414141u;
  logger.table.finalize = (dv_status(*)(void*, dv_str))(uintptr_t)0x4141414141414141u;
  plugin.table.fini = (void (*)(void))(uintptr_t)0x4141414141414141u;
#endif
#ifdef BREAK_COMPONENT_POINTER
  components[0] = malloc(sizeof(dv_component));
#endif
#ifdef BREAK_NULL_COMPONENT
  components[0] = 0;
#endif
#ifdef BREAK_FUNCTION_ELSEWHERE
  component.table.destroy = free;
#endif
#ifdef BREAK_FUNCTION_IN_DATA
  component.table.create = (dv_status(*)(const dv_host*, const dv_config*, void**))(uintptr_t)&n_rows;
#endif
#ifdef BREAK_VTABLE_FUNCTION
  logger.table.flush = (dv_status(*)(void*))(uintptr_t)&n_rows;
#endif
#ifdef BREAK_NO_CREATE
  component.table.create = 0;
#endif
#ifdef BREAK_NO_INTERFACE
  component.table.vtable = 0;
#endif
#ifdef BREAK_UNTERMINATED
  for (size_t i = 0; i < sizeof endless_id; ++i) endless_id[i] = 'a';
  plugin.table.id = endless_id;
#endif
#ifdef BREAK_NULL_ENTRY
  return 0;
#else
  return &plugin.table;
#endif
}
