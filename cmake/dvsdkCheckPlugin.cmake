# Run after a plugin is linked: cmake -DPLUGIN=<file> -DNM=<nm> -DREADELF=<readelf> -P dvsdkCheckPlugin.cmake
# Looks at what the host will look at first: the notes and the exported symbols. A failure stops the build.

execute_process(COMMAND ${READELF} --notes --wide ${PLUGIN} OUTPUT_VARIABLE notes COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "dvhost[ \t]+0x[0-9a-f]+[^\n]*0x44560001" headers "${notes}")
string(REGEX MATCHALL "dvhost[ \t]+0x[0-9a-f]+[^\n]*0x44560002" components "${notes}")
list(LENGTH headers n_headers)
list(LENGTH components n_components)

execute_process(COMMAND ${NM} --dynamic --defined-only ${PLUGIN} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^ \n]+\n" exports "${symbols}")
string(REPLACE "\n" "" exports "${exports}")

set(problem "")
if(NOT n_headers EQUAL 1)
    set(problem "it has ${n_headers} plugin notes of ours, expected 1; call dv_add_plugin() once per library")
elseif(n_components EQUAL 0)
    set(problem "it has no component; end a source with DV_COMPONENT(Type, \"vendor.kind.name\", \"what it does\")")
elseif(NOT exports STREQUAL "dv_plugin_entry")
    list(JOIN exports ", " exports)
    set(problem "it exports '${exports}', expected dv_plugin_entry alone")
endif()
if(problem)
    file(REMOVE ${PLUGIN})
    message(FATAL_ERROR "${PLUGIN} is not a plugin: ${problem}.")
endif()
