# dv_add_test(): one executable, one ctest entry. Installed with the SDK.
#
#   dv_add_test(<name> SOURCES <file>... [LINK <library>...] [LABELS <label>...] [DEFINITIONS <NAME=value>...])
#
# GoogleTest's main comes with it. One entry per executable, because starting a process that has LibTorch in it costs
# more than most cases. Tests run with one OpenMP thread, so that several can run at a time and results do not depend on
# the machine; a test about threads asks for them itself. The time limit is there to end what hangs, not to judge speed.
include_guard(GLOBAL)

function(dv_add_test name)
    cmake_parse_arguments(PARSE_ARGV 1 DV "" "" "SOURCES;LINK;LABELS;DEFINITIONS")
    if(DV_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "dv_add_test(${name}): does not know '${DV_UNPARSED_ARGUMENTS}'.")
    elseif(NOT DV_SOURCES)
        message(FATAL_ERROR "dv_add_test(${name}): SOURCES is missing.")
    elseif(DEFINED BUILD_TESTING AND NOT BUILD_TESTING)
        return()
    elseif(NOT TARGET GTest::gtest_main)
        message(FATAL_ERROR "dv_add_test(${name}): GoogleTest is not here (Debian: libgtest-dev libgmock-dev); "
                            "install it, or configure with -DBUILD_TESTING=OFF.")
    endif()

    add_executable(${name} ${DV_SOURCES})
    set_target_properties(${name} PROPERTIES CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF)
    target_link_libraries(${name} PRIVATE ${DV_LINK} GTest::gtest_main)
    target_compile_definitions(${name} PRIVATE ${DV_DEFINITIONS})
    if(TARGET dv::warnings) # inside the project
        target_link_libraries(${name} PRIVATE dv::warnings dv::sanitizers)
    endif()
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS "${DV_LABELS}" TIMEOUT 600 ENVIRONMENT OMP_NUM_THREADS=1)
endfunction()
