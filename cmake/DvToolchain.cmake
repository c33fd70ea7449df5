# How every target of this project is compiled: C++20 and C11, hidden symbols, position-independent code, ccache and
# mold where they are found. Authors of plugins outside this tree are not bound to it.
include(CheckLinkerFlag)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_COLOR_DIAGNOSTICS ON)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo or MinSizeRel" FORCE)
endif()

# Process-wide unique symbols would tie a plugin's statics to the host's (and to another plugin's).
add_compile_options($<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
add_link_options(LINKER:--build-id=sha1)

find_program(DV_CCACHE ccache)
if(DV_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # Paths below the source tree count from there, so another checkout takes what this one has compiled.
    set(launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${DV_CCACHE})
    set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
    set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

find_program(DV_MOLD mold)
if(DV_MOLD)
    check_linker_flag(CXX -fuse-ld=mold DV_LINKS_WITH_MOLD)
    if(DV_LINKS_WITH_MOLD)
        add_link_options(-fuse-ld=mold)
    endif()
endif()
