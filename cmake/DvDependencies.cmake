# Every library that dvhost uses, and its version, in one place; cmake/bootstrap.sh installs them on Debian 12. Which
# folder of the host may use which of them is said in host/CMakeLists.txt.
include(DvTorch)
if(NOT DvTorch_FOUND)
    message(FATAL_ERROR "${DvTorch_REASON}")
endif()

find_package(Boost 1.81 REQUIRED CONFIG COMPONENTS headers program_options)
find_package(tomlplusplus 3.3 REQUIRED)
# Bad text is an exception, never an assertion: toml++ 3.3 asserts on some. Its parser also reaches __builtin_unreachable on a few
# characters that it then skips, on which UBSan would stop.
set_property(TARGET tomlplusplus::tomlplusplus APPEND PROPERTY INTERFACE_COMPILE_OPTIONS
             "-DTOML_ASSERT(expr)=static_assert(true)")
if(DV_SANITIZE)
    set_property(TARGET tomlplusplus::tomlplusplus APPEND PROPERTY INTERFACE_COMPILE_OPTIONS -fno-sanitize=unreachable)
endif()
find_package(spdlog 1.10 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
# HDF5 1.10 as Debian lays it out, or in the usual places; recorders can do without (host/CMakeLists.txt).
find_path(DV_HDF5_INCLUDE_DIR hdf5_hl.h PATH_SUFFIXES hdf5/serial)
find_library(DV_HDF5_LIBRARY NAMES hdf5_serial hdf5)
find_library(DV_HDF5_HL_LIBRARY NAMES hdf5_serial_hl hdf5_hl)
mark_as_advanced(DV_HDF5_INCLUDE_DIR DV_HDF5_LIBRARY DV_HDF5_HL_LIBRARY)
if(BUILD_TESTING)
    find_package(GTest 1.12 REQUIRED)
endif()
find_package(benchmark 1.7 QUIET)

# Boost.DLL without Boost.Filesystem: headers only.
add_library(dv_boost_dll INTERFACE)
target_link_libraries(dv_boost_dll INTERFACE Boost::headers ${CMAKE_DL_LIBS})
target_compile_definitions(dv_boost_dll INTERFACE BOOST_DLL_USE_STD_FS)
