# dv_add_tool_reader_test(<plugin> [REQUIREMENTS <name>] [SCRIPT <file>] [NAME <name>]): tests/read_<plugin>.py lets the tool itself read what the
# plugin writes, in an environment of its own that tests/readers/environment.py makes of tests/readers/requirements-<name>.txt (by
# default the plugin's name). The script gets the plugin's test program, whose cases *ForReaders write into the folder named by
# DV_READER_DIR, and, where the host is built, dvhost and a manifest for tests/readers/quickstart.py.
# ctest entry readers.<NAME, by default the requirements' name>, label readers; without Python it fails and says so, without a
# program of the system that it needs (tests/readers/programs.py) it is skipped and says so.
include_guard(GLOBAL)

function(dv_add_tool_reader_test plugin)
    cmake_parse_arguments(PARSE_ARGV 1 DV "" "NAME;REQUIREMENTS;SCRIPT" "")
    if(NOT TARGET ${plugin}_test)
        return()
    endif()
    if(NOT DV_REQUIREMENTS)
        set(DV_REQUIREMENTS ${plugin})
    endif()
    if(NOT DV_SCRIPT)
        set(DV_SCRIPT tests/read_${plugin}.py)
    endif()
    if(NOT DV_NAME)
        set(DV_NAME ${DV_REQUIREMENTS})
    endif()
    set(host "")
    if(TARGET dvhost)
        set(host $<TARGET_FILE:dvhost> ${PROJECT_SOURCE_DIR}/configs/smoke/tiny.toml)
    endif()
    find_package(Python3 3.11 QUIET COMPONENTS Interpreter)
    set(readers ${PROJECT_SOURCE_DIR}/tests/readers)
    if(Python3_Interpreter_FOUND)
        set(command ${Python3_EXECUTABLE} -B ${readers}/environment.py ${readers}/requirements-${DV_REQUIREMENTS}.txt
                    ${CMAKE_CURRENT_SOURCE_DIR}/${DV_SCRIPT} $<TARGET_FILE:${plugin}_test> ${host})
    else()
        set(command sh -c "echo 'FAILED: Python 3.11 or newer is missing (Debian: python3-venv)'; exit 1")
    endif()
    add_test(NAME readers.${DV_NAME} COMMAND ${command})
    set_tests_properties(readers.${DV_NAME} PROPERTIES LABELS readers TIMEOUT 1800 SKIP_RETURN_CODE 77)
endfunction()
