#include "verify/kinds.hpp"

namespace dvhost::verify {

std::span<const Kind> kinds() {
    static constexpr Kind table[] = {{"forward", true, read_forward},
                                     {"layers", true, read_layers},
                                     {"train", true, read_train},
                                     {"count", false, read_count},
                                     {"function", false, read_function}};
    return table;
}

}  // namespace dvhost::verify
