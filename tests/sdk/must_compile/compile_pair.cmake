# cmake -DCOMPILER=... -DINCLUDE=... -DSOURCE=... -DMESSAGE=<regex> -P compile_pair.cmake
# SOURCE must compile as it is, and must not with -DWRONG: then the compiler's output must match MESSAGE.
set(command ${COMPILER} -std=c++20 -fsyntax-only -Wall -Wextra -Wpedantic -Werror -I${INCLUDE} ${SOURCE})

execute_process(COMMAND ${command} RESULT_VARIABLE code ERROR_VARIABLE output)
if(NOT code EQUAL 0)
    message(FATAL_ERROR "${SOURCE} must compile, and does not:\n${output}")
endif()

execute_process(COMMAND ${command} -DWRONG RESULT_VARIABLE code ERROR_VARIABLE output)
if(code EQUAL 0)
    message(FATAL_ERROR "${SOURCE} must not compile with -DWRONG, and does.")
elseif(NOT output MATCHES "${MESSAGE}")
    message(FATAL_ERROR "${SOURCE} with -DWRONG: expected a message that matches '${MESSAGE}', found:\n${output}")
endif()
