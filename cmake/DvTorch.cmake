# LibTorch without Python and without FindCUDA: the headers and libraries of the `torch` wheel (or a libtorch archive).
#
#   dv_torch::torch      what to link: torch_cpu and c10, kept even when no symbol of theirs is used, never libtorch.so,
#                        which would pull in CUDA
#   dv_torch::torch_cpu  dv_torch::c10
#
# Looked for in DVHOST_TORCH_DIR (CMake variable, then environment), then where cmake/bootstrap.sh puts it:
# ${XDG_CACHE_HOME:-~/.cache}/dvhost/torch-<version>/torch. Sets DvTorch_FOUND; if false, DvTorch_REASON is a sentence
# for people. The class `torch` is locked to one exact version, so any other one is refused.
include_guard(DIRECTORY)

set(DV_TORCH_VERSION 2.11.0)
set(DV_TORCH_SERIES 2.11) # names the folder of class `torch` plugins

function(_dv_torch_folder out)
    if(NOT DVHOST_TORCH_DIR AND NOT "$ENV{DVHOST_TORCH_DIR}" STREQUAL "")
        set(DVHOST_TORCH_DIR "$ENV{DVHOST_TORCH_DIR}" CACHE PATH "Folder that holds LibTorch's include/ and lib/")
    endif()
    if(DVHOST_TORCH_DIR)
        set(folder "${DVHOST_TORCH_DIR}")
    elseif(NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
        set(folder "$ENV{XDG_CACHE_HOME}/dvhost/torch-${DV_TORCH_VERSION}/torch")
    else()
        set(folder "$ENV{HOME}/.cache/dvhost/torch-${DV_TORCH_VERSION}/torch")
    endif()
    get_filename_component(folder "${folder}" ABSOLUTE)
    set(${out} "${folder}" PARENT_SCOPE)
endfunction()

# "2.11.0" from the headers; empty when there are none.
function(_dv_torch_version folder out)
    set(version "")
    set(header "${folder}/include/torch/headeronly/version.h")
    if(NOT EXISTS "${header}") # before 2.9
        set(header "${folder}/include/torch/csrc/api/include/torch/version.h")
    endif()
    if(EXISTS "${header}")
        file(READ "${header}" text)
        if(text MATCHES "TORCH_VERSION[ \\\n]+\"([0-9][^\"]*)\"")
            set(version "${CMAKE_MATCH_1}")
        endif()
    endif()
    set(${out} "${version}" PARENT_SCOPE)
endfunction()

_dv_torch_folder(DV_TORCH_DIR)
_dv_torch_version("${DV_TORCH_DIR}" _dv_found_version)
set(_dv_advice "set DVHOST_TORCH_DIR to the torch folder of a ${DV_TORCH_VERSION} wheel or archive, or let \
cmake/bootstrap.sh fetch it")
set(DvTorch_FOUND FALSE)
if(_dv_found_version STREQUAL "")
    set(DvTorch_REASON "LibTorch ${DV_TORCH_VERSION} is not in ${DV_TORCH_DIR}: ${_dv_advice}.")
elseif(NOT _dv_found_version STREQUAL DV_TORCH_VERSION)
    set(DvTorch_REASON "LibTorch in ${DV_TORCH_DIR} is ${_dv_found_version}, and dvhost needs exactly \
${DV_TORCH_VERSION}: ${_dv_advice}.")
elseif(NOT EXISTS "${DV_TORCH_DIR}/lib/libtorch_cpu.so" OR NOT EXISTS "${DV_TORCH_DIR}/lib/libc10.so")
    set(DvTorch_REASON "LibTorch in ${DV_TORCH_DIR} has headers but no lib/libtorch_cpu.so or lib/libc10.so: \
${_dv_advice}.")
else()
    set(DvTorch_FOUND TRUE)
    set(DV_TORCH_LIBRARY_DIR "${DV_TORCH_DIR}/lib")
endif()

if(DvTorch_FOUND AND NOT TARGET dv_torch::torch)
    foreach(_dv_library IN ITEMS c10 torch_cpu)
        add_library(dv_torch::${_dv_library} SHARED IMPORTED)
        set_target_properties(
            dv_torch::${_dv_library} PROPERTIES IMPORTED_LOCATION "${DV_TORCH_LIBRARY_DIR}/lib${_dv_library}.so"
                                                IMPORTED_SONAME "lib${_dv_library}.so")
    endforeach()
    add_library(dv_torch::torch INTERFACE IMPORTED)
    target_include_directories(
        dv_torch::torch SYSTEM INTERFACE "${DV_TORCH_DIR}/include" "${DV_TORCH_DIR}/include/torch/csrc/api/include")
    target_compile_definitions(dv_torch::torch INTERFACE _GLIBCXX_USE_CXX11_ABI=1)
    target_compile_features(dv_torch::torch INTERFACE cxx_std_20)
    target_link_libraries(dv_torch::torch INTERFACE dv_torch::torch_cpu dv_torch::c10)
    # LibTorch's own needs (cudart, cupti) are found by its rpath when it is loaded, not when we link.
    target_link_options(dv_torch::torch INTERFACE LINKER:--no-as-needed LINKER:--allow-shlib-undefined)
endif()
