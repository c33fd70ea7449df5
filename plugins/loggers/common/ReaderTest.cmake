# dv_add_reader_test(<plugin>): tests/read_<plugin>.py lets Python read what the plugin writes. It gets the plugin's test
# program, whose case SampleForReaders writes into the folder named by DV_READER_DIR. ctest entry readers.<plugin>, label
# readers; without Python it fails and says so.
include_guard(GLOBAL)

function(dv_add_reader_test name)
    if(NOT TARGET ${name}_test)
        return()
    endif()
    find_package(Python3 QUIET COMPONENTS Interpreter)
    if(Python3_Interpreter_FOUND)
        set(command ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/tests/read_${name}.py $<TARGET_FILE:${name}_test>)
    else()
        set(command sh -c "echo 'python3 is not installed; leave these tests out with --without readers'; false")
    endif()
    add_test(NAME readers.${name} COMMAND ${command})
    set_tests_properties(readers.${name} PROPERTIES LABELS readers TIMEOUT 600)
endfunction()
