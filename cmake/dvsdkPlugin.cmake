# dv_add_plugin(): one call is a plugin's whole CMakeLists.txt. Installed with the SDK.
#
#   dv_add_plugin(<name> CLASS portable|torch ID <vendor.name> VERSION <semver> LICENSE <spdx> SOURCES <file>...
#       [AUTHORS <name>...] [DESCRIPTION <line>] [URL <address>]
#       [REQUIRES "dv.logger>=1"...]        interfaces ("dv...") or components that must be there, with a version range
#       [LINK <library>...]                 private libraries
#       [NEEDS_NN]                          includes torch::nn: compiles need memory, so only a few run at a time
#       [TEMPORAL]                          links the temporal engine, dv::temporal
#       [TESTS <file>...]                   one GoogleTest executable <name>_test; DV_PLUGIN_UNDER_TEST is the file
#       [CONFORMANCE_CONFIG <file|text>]    TOML for the conformance suite: parameters without a usable default
#       [CONFORMANCE_COMPONENT <name>]      the one component that stands for all in it; absent: each is tried
#       [TEST_ONLY])                        for fixtures: not installed, not part of `runtime`, not in the search path
#
# Makes <name>.so (C or C++ sources), which exports dv_plugin_entry and nothing else. The entry and the plugin's note
# are generated; components come from DV_COMPONENT (C++) or DV_NOTE and DV_EXPORT_COMPONENT (C). A file without a
# component does not build. ctest entries: <name>_test, verify.<name>, conformance.<name>.
include_guard(GLOBAL)
include("${CMAKE_CURRENT_LIST_DIR}/DvTest.cmake")

# Compiles that include torch::nn take 1 to 2 GB each.
cmake_host_system_information(RESULT _dv_memory QUERY TOTAL_PHYSICAL_MEMORY)
math(EXPR _dv_heavy_jobs "${_dv_memory} / 3000 + 1")
set_property(GLOBAL APPEND PROPERTY JOB_POOLS dv_heavy=${_dv_heavy_jobs})

function(dv_add_plugin name)
    cmake_parse_arguments(
        PARSE_ARGV 1 DV "NEEDS_NN;TEMPORAL;TEST_ONLY" "CLASS;ID;VERSION;LICENSE;DESCRIPTION;URL;CONFORMANCE_CONFIG;CONFORMANCE_COMPONENT"
        "SOURCES;AUTHORS;REQUIRES;LINK;TESTS")
    _dv_check_plugin_arguments(${name})
    _dv_write_plugin_entry(${name} entry)

    add_library(${name} MODULE ${DV_SOURCES} ${entry})
    target_link_libraries(${name} PRIVATE dv::${DV_CLASS} $<$<BOOL:${DV_TEMPORAL}>:dv::temporal> ${DV_LINK})
    _dv_set_plugin_flags(${name})
    _dv_place_plugin(${name})
    _dv_check_plugin_file(${name})
    _dv_add_plugin_tests(${name})
endfunction()

function(_dv_check_plugin_arguments name)
    set(where "dv_add_plugin(${name})")
    if(DV_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "${where}: does not know '${DV_UNPARSED_ARGUMENTS}'.")
    endif()
    foreach(required IN ITEMS CLASS ID VERSION LICENSE SOURCES)
        if(NOT DV_${required})
            message(FATAL_ERROR "${where}: ${required} is missing.")
        endif()
    endforeach()
    if(NOT DV_CLASS MATCHES "^(portable|torch)$")
        message(FATAL_ERROR "${where}: CLASS is 'portable' or 'torch', not '${DV_CLASS}'.")
    endif()
    if(NOT TARGET dv::${DV_CLASS})
        message(FATAL_ERROR "${where}: there is no target dv::${DV_CLASS}; "
                            "ask for it: find_package(dvsdk REQUIRED COMPONENTS ${DV_CLASS}).")
    endif()
    if(DV_CLASS STREQUAL "portable" AND (DV_TEMPORAL OR DV_NEEDS_NN))
        message(FATAL_ERROR "${where}: TEMPORAL and NEEDS_NN are for CLASS torch.")
    endif()
    if(NOT DV_ID MATCHES "^[a-z0-9_]+(\\.[a-z0-9_]+)+$")
        message(FATAL_ERROR "${where}: ID is 'vendor.name' in lower case, digits and '_', not '${DV_ID}'.")
    endif()
    if(NOT DV_VERSION MATCHES "^[0-9]+\\.[0-9]+\\.[0-9]+([-+][0-9A-Za-z.+-]+)?$")
        message(FATAL_ERROR "${where}: VERSION is 'major.minor.patch', not '${DV_VERSION}'.")
    endif()
endfunction()

# --- The generated entry ----------------------------------------------------------------------------------------------

function(_dv_toml_string text out)
    string(REPLACE "\\" "\\\\" text "${text}")
    string(REPLACE "\"" "\\\"" text "${text}")
    string(REPLACE "\n" "\\n" text "${text}")
    set(${out} "\"${text}\"" PARENT_SCOPE)
endfunction()

function(_dv_c_literal text out)
    string(REPLACE "\\" "\\\\" text "${text}")
    string(REPLACE "\"" "\\\"" text "${text}")
    string(REPLACE "\n" "\\n\"\n        \"" text "${text}")
    set(${out} "\"${text}\"" PARENT_SCOPE)
endfunction()

# "dv.logger>=1" -> { iface = "dv.logger", version = ">=1" }; anything not in "dv." is a component id.
function(_dv_toml_requires out)
    set(tables "")
    foreach(need IN LISTS DV_REQUIRES)
        if(NOT need MATCHES "^([a-z0-9_.]+)[ ]*([<>=~^].*)?$")
            message(FATAL_ERROR "REQUIRES takes '<interface or component id><version range>', not '${need}'.")
        endif()
        set(id "${CMAKE_MATCH_1}")
        _dv_toml_string("${CMAKE_MATCH_2}" range)
        if(id MATCHES "^dv\\.")
            list(APPEND tables "{ iface = \"${id}\", version = ${range} }")
        else()
            list(APPEND tables "{ id = \"${id}\", version = ${range} }")
        endif()
    endforeach()
    list(JOIN tables ", " tables)
    set(${out} "[${tables}]" PARENT_SCOPE)
endfunction()

# The door's version, from the header that the plugin is compiled against.
function(_dv_abi_version out_major out_minor)
    get_target_property(folders dv::portable INTERFACE_INCLUDE_DIRECTORIES)
    string(REGEX REPLACE "\\$<BUILD_INTERFACE:([^>]*)>" "\\1" folders "${folders}")
    find_file(header dv/abi.h PATHS ${folders} NO_DEFAULT_PATH NO_CACHE REQUIRED)
    file(STRINGS "${header}" lines REGEX "#define DV_ABI_(MAJOR|MINOR) ")
    string(REGEX MATCH "DV_ABI_MAJOR ([0-9]+)" _ "${lines}")
    set(${out_major} ${CMAKE_MATCH_1} PARENT_SCOPE)
    string(REGEX MATCH "DV_ABI_MINOR ([0-9]+)" _ "${lines}")
    set(${out_minor} ${CMAKE_MATCH_1} PARENT_SCOPE)
endfunction()

function(_dv_write_plugin_entry name out)
    _dv_abi_version(abi_major abi_minor)
    set(compiler C)
    if(CMAKE_CXX_COMPILER_ID)
        set(compiler CXX)
    endif()
    list(JOIN DV_AUTHORS ", " authors)
    set(note "format = 1\n")
    foreach(
        line IN
        ITEMS "id|${DV_ID}" "version|${DV_VERSION}" "class|${DV_CLASS}" "abi|${abi_major}.${abi_minor}"
              "license|${DV_LICENSE}" "authors|${authors}" "description|${DV_DESCRIPTION}" "url|${DV_URL}"
              "build|${CMAKE_${compiler}_COMPILER_ID} ${CMAKE_${compiler}_COMPILER_VERSION}")
        string(REGEX MATCH "^([a-z]+)\\|(.*)$" _ "${line}")
        set(key "${CMAKE_MATCH_1}")
        if(NOT CMAKE_MATCH_2 STREQUAL "")
            _dv_toml_string("${CMAKE_MATCH_2}" value)
            string(APPEND note "${key} = ${value}\n")
        endif()
    endforeach()
    if(DV_REQUIRES)
        _dv_toml_requires(requires)
        string(APPEND note "requires = ${requires}\n")
    endif()
    _dv_c_literal("${note}" DV_NOTE_LITERAL)
    string(TOUPPER "DV_CLASS_${DV_CLASS}" DV_CLASS_CONSTANT)
    set(file "${CMAKE_CURRENT_BINARY_DIR}/${name}_entry.c")
    configure_file("${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugin_entry.c.in" "${file}" @ONLY)
    set(${out} "${file}" PARENT_SCOPE)
endfunction()

# --- How it is compiled, linked and where it goes ---------------------------------------------------------------------

function(_dv_set_plugin_flags name)
    set_target_properties(
        ${name}
        PROPERTIES PREFIX "" SUFFIX .so NO_SONAME ON POSITION_INDEPENDENT_CODE ON
                   C_STANDARD 11 C_STANDARD_REQUIRED ON C_VISIBILITY_PRESET hidden
                   CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF CXX_VISIBILITY_PRESET hidden
                   VISIBILITY_INLINES_HIDDEN ON)
    # Only private libraries beside the plugin; LibTorch is the one that the host has loaded.
    set_target_properties(${name} PROPERTIES INSTALL_RPATH "$ORIGIN" BUILD_WITH_INSTALL_RPATH ON
                                             INSTALL_RPATH_USE_LINK_PATH OFF)
    target_compile_options(${name} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
    set(exports "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugin_exports.map")
    target_link_options(
        ${name} PRIVATE "LINKER:--version-script=${exports}" LINKER:-z,defs LINKER:-z,now
        LINKER:-z,start-stop-visibility=hidden LINKER:--build-id=sha1)
    set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS "${exports}")
    if(TARGET dv::warnings) # inside the project
        target_link_libraries(${name} PRIVATE dv::warnings dv::sanitizers)
    endif()
    if(DV_NEEDS_NN)
        set_target_properties(${name} PROPERTIES JOB_POOL_COMPILE dv_heavy)
    endif()
endfunction()

# In the build tree of the project: DV_PLUGIN_DIR/abi1[/torch-2.11]; elsewhere: <build>/plugins.
function(_dv_place_plugin name)
    _dv_abi_version(abi_major abi_minor)
    set(folder "abi${abi_major}")
    if(DV_CLASS STREQUAL "torch")
        string(APPEND folder "/torch-${DV_TORCH_SERIES}")
    endif()
    if(DV_TEST_ONLY)
        set(output "${CMAKE_CURRENT_BINARY_DIR}/plugins")
    elseif(DV_PLUGIN_DIR)
        set(output "${DV_PLUGIN_DIR}/${folder}")
    else()
        set(output "${CMAKE_BINARY_DIR}/plugins")
    endif()
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${output}")
    if(NOT DV_TEST_ONLY)
        install(TARGETS ${name} LIBRARY DESTINATION "lib/dvhost/plugins/${folder}")
        if(TARGET runtime)
            add_dependencies(runtime ${name})
        endif()
    endif()
endfunction()

# Refuses at build time what the host would refuse at run time.
function(_dv_check_plugin_file name)
    add_custom_command(
        TARGET ${name} POST_BUILD
        COMMAND ${CMAKE_COMMAND} -DPLUGIN=$<TARGET_FILE:${name}> -DNM=${CMAKE_NM} -DREADELF=${CMAKE_READELF} -P
                "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/dvsdkCheckPlugin.cmake"
        VERBATIM)
endfunction()

# --- Tests ------------------------------------------------------------------------------------------------------------

function(_dv_add_plugin_tests name)
    if(DEFINED BUILD_TESTING AND NOT BUILD_TESTING)
        return()
    endif()
    if(DV_TESTS)
        set(libraries dv::${DV_CLASS})
        foreach(library IN ITEMS dv::testing_${DV_CLASS} dv::testing)
            if(TARGET ${library})
                list(APPEND libraries ${library})
            endif()
        endforeach()
        if(DV_TEMPORAL)
            list(APPEND libraries dv::temporal)
        endif()
        dv_add_test(${name}_test SOURCES ${DV_TESTS} LINK ${libraries} ${DV_LINK} LABELS plugin
                    DEFINITIONS "DV_PLUGIN_UNDER_TEST=\"$<TARGET_FILE:${name}>\"")
        add_dependencies(${name}_test ${name})
        if(DV_NEEDS_NN)
            set_target_properties(${name}_test PROPERTIES JOB_POOL_COMPILE dv_heavy)
        endif()
    endif()
    if(DV_TEST_ONLY)
        return()
    endif()
    _dv_first_target(host dvhost dvhost::dvhost)
    if(host)
        add_test(NAME verify.${name} COMMAND ${host} plugins verify $<TARGET_FILE:${name}>)
        set_tests_properties(verify.${name} PROPERTIES LABELS "plugin;verify" TIMEOUT 600)
    endif()
    _dv_first_target(conformance dv-conformance dvhost::dv-conformance)
    if(conformance)
        _dv_conformance_config(${name} config)
        if(DV_CONFORMANCE_COMPONENT)
            list(APPEND config --component ${DV_CONFORMANCE_COMPONENT})
        endif()
        add_test(NAME conformance.${name} COMMAND ${conformance} $<TARGET_FILE:${name}> ${config})
        set_tests_properties(conformance.${name} PROPERTIES LABELS "plugin;conformance" TIMEOUT 600 ENVIRONMENT OMP_NUM_THREADS=1)
    endif()
endfunction()

function(_dv_first_target out)
    set(${out} "" PARENT_SCOPE)
    foreach(candidate IN LISTS ARGN)
        if(TARGET ${candidate})
            set(${out} "$<TARGET_FILE:${candidate}>" PARENT_SCOPE)
            return()
        endif()
    endforeach()
endfunction()

# CONFORMANCE_CONFIG as arguments of dv-conformance; text becomes a file in the build tree.
function(_dv_conformance_config name out)
    set(${out} "" PARENT_SCOPE)
    if(NOT DV_CONFORMANCE_CONFIG)
        return()
    endif()
    get_filename_component(file "${DV_CONFORMANCE_CONFIG}" ABSOLUTE)
    if(DV_CONFORMANCE_CONFIG MATCHES "[=\n]")
        set(file "${CMAKE_CURRENT_BINARY_DIR}/${name}_conformance.toml")
        file(CONFIGURE OUTPUT "${file}" CONTENT "${DV_CONFORMANCE_CONFIG}\n" @ONLY)
    elseif(NOT EXISTS "${file}")
        message(FATAL_ERROR "dv_add_plugin(${name}): CONFORMANCE_CONFIG is neither TOML nor a file: ${file}.")
    endif()
    set(${out} --config "${file}" PARENT_SCOPE)
endfunction()
