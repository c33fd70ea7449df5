/* dv/abi.h by itself, with each of its macros used: must compile as C11 without a warning. */
#include <dv/abi.h>

DV_NOTE(header_note, DV_NOTE_PLUGIN, "format = 1\n");

static dv_status create(const dv_host* host, const dv_config* config, void** out) {
  (void)config;
  *out = DV_HAS(host, leave) ? host->self : NULL;
  return DV_OK;
}

static void destroy(void* self) { (void)self; }

static const dv_component component = {
    .size = sizeof(dv_component), .iface_version = 1, .iface = DV_IFACE_LOGGER, .id = "test.logger.header", .create = create,
    .destroy = destroy};
DV_EXPORT_COMPONENT(component);
