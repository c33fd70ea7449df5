# dv::warnings and dv::sanitizers: what our own targets are compiled with, linked PRIVATE. DV_WERROR turns warnings into
# errors, DV_SANITIZE names the sanitizers.
add_library(dv_warnings INTERFACE)
add_library(dv::warnings ALIAS dv_warnings)
target_compile_options(dv_warnings INTERFACE -Wall -Wextra -Wpedantic $<$<BOOL:${DV_WERROR}>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(dv_warnings INTERFACE -Wno-restrict) # GCC bug 105651: false alarm at "text" + std::string
endif()

add_library(dv_sanitizers INTERFACE)
add_library(dv::sanitizers ALIAS dv_sanitizers)
if(DV_SANITIZE)
    # No vptr check: it needs type information that LibTorch hides.
    target_compile_options(
        dv_sanitizers INTERFACE -fsanitize=${DV_SANITIZE} -fno-sanitize=vptr -fno-sanitize-recover=all
                                -fno-omit-frame-pointer)
    target_link_options(dv_sanitizers INTERFACE -fsanitize=${DV_SANITIZE} -fno-sanitize=vptr)
endif()
