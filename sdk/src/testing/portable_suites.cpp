#include "portable_suites.hpp"

namespace dv::testing {

std::vector<Suite> portable_suites() {
    return {{DV_IFACE_LOGGER, check_logger}, {DV_IFACE_CALLBACK, check_callback}, {DV_IFACE_SCHEDULE, check_schedule}};
}

}  // namespace dv::testing
