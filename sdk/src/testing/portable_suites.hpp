#pragma once
/// The suites of the portable kinds.

#include <dv/testing/conformance.hpp>

namespace dv::testing {

void check_logger(const Subject& subject, Checks& check);
void check_callback(const Subject& subject, Checks& check);
void check_schedule(const Subject& subject, Checks& check);

}  // namespace dv::testing
