# How a floor, its tests and its fuzz targets are built.

find_package(Threads REQUIRED)

# Sanitizers: all code carries them, that of others which we compile too.
add_library(dreamdb_instrument INTERFACE)
set(DREAMDB_INSTRUMENT "${DREAMDB_SANITIZE}")
# Coverage, by which libFuzzer finds its way: in floors with fuzz targets, thus in all parsers.
set(DREAMDB_COVERAGE "")
if(DREAMDB_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "DREAMDB_FUZZ needs clang, for libFuzzer; the compiler here is "
      "${CMAKE_CXX_COMPILER}. Use: cmake --preset asan (apt-get install clang-19 libclang-rt-19-dev).")
  endif()
  set(DREAMDB_COVERAGE -fsanitize=fuzzer-no-link)
endif()
if(DREAMDB_INSTRUMENT)
  target_compile_options(dreamdb_instrument INTERFACE -fno-omit-frame-pointer -fno-sanitize-recover=all
                         $<$<NOT:$<COMPILE_LANGUAGE:ASM>>:-fsanitize=${DREAMDB_INSTRUMENT}>)
  target_link_options(dreamdb_instrument INTERFACE -fsanitize=${DREAMDB_INSTRUMENT})
  # For the code: g++ and clang tell it in different ways which sanitizer is on.
  foreach(sanitizer address thread)
    if(DREAMDB_INSTRUMENT MATCHES "${sanitizer}")
      string(TOUPPER ${sanitizer} name)
      target_compile_definitions(dreamdb_instrument INTERFACE DREAMDB_SANITIZE_${name})
    endif()
  endforeach()
endif()

add_library(dreamdb_flags INTERFACE)
target_compile_options(dreamdb_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                       -Wno-sign-conversion -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # g++ 12 sees overlaps in `"text" + string` that are not there (GCC bug 105329).
  target_compile_options(dreamdb_flags INTERFACE -Wno-restrict)
endif()
target_include_directories(dreamdb_flags INTERFACE ${PROJECT_SOURCE_DIR}/include
                           ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(dreamdb_flags INTERFACE dreamdb_instrument Threads::Threads)
# For floors and tests only: the Python module includes headers of others that warn.
add_library(dreamdb_strict INTERFACE)
if(DREAMDB_WERROR)
  target_compile_options(dreamdb_strict INTERFACE -Werror)
endif()

find_program(DREAMDB_MOLD mold)
if(DREAMDB_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

find_program(DREAMDB_CCACHE ccache)
if(DREAMDB_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Without these words ccache leaves all alone that uses a precompiled header.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${DREAMDB_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

include(third_party)
if(DREAMDB_TESTS)
  enable_testing()
  include(GoogleTest)
endif()

# dreamdb_prelude(TARGET NAME [flags...])
#   Compiles cmake/NAME.h once for all targets that have these flags. The prelude belongs to a program or to
#   a library as the target does: what is compiled for one cannot serve the other.
function(dreamdb_prelude TARGET NAME)
  string(MAKE_C_IDENTIFIER "dreamdb_${NAME} ${ARGN}" prelude)
  if(NOT TARGET ${prelude})
    set(source ${PROJECT_SOURCE_DIR}/cmake/prelude.cc)
    get_target_property(type ${TARGET} TYPE)
    if(type STREQUAL "EXECUTABLE")
      add_executable(${prelude} EXCLUDE_FROM_ALL ${source})
    else()
      add_library(${prelude} STATIC EXCLUDE_FROM_ALL ${source})
    endif()
    target_compile_options(${prelude} PRIVATE ${ARGN})
    target_link_libraries(${prelude} PRIVATE dreamdb_flags dreamdb_strict)
    if(NAME STREQUAL "test_prelude")
      target_link_libraries(${prelude} PRIVATE GTest::gtest rapidcheck)
    endif()
    target_precompile_headers(${prelude} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/${NAME}.h)
    if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")  # times in it would be news to ccache
      target_compile_options(${prelude} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
    endif()
  endif()
  target_precompile_headers(${TARGET} REUSE_FROM ${prelude})
endfunction()

# Floors whose code runs in several threads; their tests run under the thread sanitizer too.
set(DREAMDB_THREADED_FLOORS runtime http store object track version stream dataset)

# Floors that compute: under a sanitizer, where others are compiled without optimization
# (DREAMDB_CALM_FLAGS), their tests run longer than optimizing them takes.
set(DREAMDB_BUSY_FLOORS base codec simd format search plan runtime object track version)

# dreamdb_tests(NAME [THREADS] [LONG] SOURCES files... [LIBS libraries...])
#   One program NAME_test of GoogleTest cases, each known to ctest as "NAME.Suite.case".
#   THREADS: also run under the thread sanitizer (ctest label "threads").
#   LONG: run before the others, so that no long case is left to the end and to one core.
function(dreamdb_tests NAME)
  cmake_parse_arguments(ARG "THREADS;LONG" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${NAME}_test ${ARG_SOURCES})
  target_compile_options(${NAME}_test PRIVATE ${DREAMDB_TEST_FLAGS})
  target_link_libraries(${NAME}_test PRIVATE dreamdb_strict ${ARG_LIBS} GTest::gtest GTest::gtest_main rapidcheck)
  if(DREAMDB_TEST_PCH)
    dreamdb_prelude(${NAME}_test test_prelude ${DREAMDB_TEST_FLAGS})
  endif()
  set_property(GLOBAL APPEND PROPERTY DREAMDB_TEST_PROGRAMS ${NAME}_test)
  set(properties TIMEOUT 600)
  if(ARG_LONG)
    list(APPEND properties COST 100)
  endif()
  if(ARG_THREADS OR NAME IN_LIST DREAMDB_THREADED_FLOORS)
    list(APPEND properties LABELS threads)
    set_property(GLOBAL APPEND PROPERTY DREAMDB_THREAD_TESTS ${NAME}_test)
  endif()
  # PRE_TEST: cases are asked for when ctest starts, so a build never runs a test program.
  gtest_discover_tests(${NAME}_test DISCOVERY_MODE PRE_TEST TEST_PREFIX "${NAME}."
                       DISCOVERY_TIMEOUT 60 PROPERTIES ${properties})
endfunction()

# dreamdb_busy_tests(files...)
#   Test files that compute much themselves: under a sanitizer, where others are compiled without
#   optimization (DREAMDB_TEST_FLAGS), these run longer than optimizing them takes.
function(dreamdb_busy_tests)
  if(DREAMDB_SANITIZE)
    set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS -O1 SKIP_PRECOMPILE_HEADERS ON)
  endif()
endfunction()

# dreamdb_floor(NAME SOURCES ... [DEPS floors...] [LIBS libraries...] [TESTS files...] [FUZZ files...]
#               [NO_PRELUDE])
#   Library dreamdb_NAME; TESTS become one program NAME_test, each of its cases known to ctest;
#   each FUZZ file becomes a libFuzzer program named after the file, its corpus tests/corpus/<name>/.
#   NO_PRELUDE: its files have flags of their own, so they cannot share a precompiled header.
function(dreamdb_floor NAME)
  cmake_parse_arguments(ARG "NO_PRELUDE" "" "SOURCES;DEPS;LIBS;TESTS;FUZZ" ${ARGN})
  add_library(dreamdb_${NAME} STATIC ${ARG_SOURCES})
  target_link_libraries(dreamdb_${NAME} PUBLIC dreamdb_flags ${ARG_LIBS} PRIVATE dreamdb_strict)
  set(flags "")
  if(NOT NAME IN_LIST DREAMDB_BUSY_FLOORS)
    list(APPEND flags ${DREAMDB_CALM_FLAGS})
  endif()
  if(DREAMDB_FUZZ AND ARG_FUZZ)
    list(APPEND flags ${DREAMDB_COVERAGE})
  endif()
  target_compile_options(dreamdb_${NAME} PRIVATE ${flags})
  if(DREAMDB_PCH AND NOT ARG_NO_PRELUDE)
    dreamdb_prelude(dreamdb_${NAME} prelude ${flags})
  endif()
  foreach(dep ${ARG_DEPS})
    target_link_libraries(dreamdb_${NAME} PUBLIC dreamdb_${dep})
  endforeach()
  if(DREAMDB_TESTS AND ARG_TESTS)
    dreamdb_tests(${NAME} SOURCES ${ARG_TESTS} LIBS dreamdb_${NAME})
  endif()
  if(DREAMDB_FUZZ)
    foreach(file ${ARG_FUZZ})
      get_filename_component(target ${file} NAME_WE)
      add_executable(${target} ${file})
      target_compile_options(${target} PRIVATE ${DREAMDB_COVERAGE})
      target_link_libraries(${target} PRIVATE dreamdb_${NAME})
      target_link_options(${target} PRIVATE -fsanitize=fuzzer)
      set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY
                            ${PROJECT_BINARY_DIR}/targets)
      set_property(GLOBAL APPEND PROPERTY DREAMDB_FUZZ_TARGETS ${target})
    endforeach()
  endif()
endfunction()
