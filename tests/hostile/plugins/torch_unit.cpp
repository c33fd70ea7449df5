// A translation unit that includes a torch-class header and so carries its fingerprint.
#include <dv/torch/fingerprint.hpp>
