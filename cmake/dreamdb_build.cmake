# How a floor, its tests and its fuzz targets are built.

find_package(Threads REQUIRED)

# Sanitizers and coverage for fuzzing: all code carries them, that of others which we compile too.
add_library(dreamdb_instrument INTERFACE)
set(DREAMDB_INSTRUMENT "${DREAMDB_SANITIZE}")
if(DREAMDB_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "DREAMDB_FUZZ needs clang, for libFuzzer; the compiler here is "
      "${CMAKE_CXX_COMPILER}. Use: cmake --preset fuzz (apt-get install clang-19 libclang-rt-19-dev).")
  endif()
  set(DREAMDB_INSTRUMENT "fuzzer-no-link,address,undefined")
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
  set(CMAKE_C_COMPILER_LAUNCHER ${DREAMDB_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${DREAMDB_CCACHE})
endif()

include(third_party)
if(DREAMDB_TESTS)
  enable_testing()
  include(GoogleTest)
endif()

# Floors whose code runs in several threads; their tests run under the thread sanitizer too.
set(DREAMDB_THREADED_FLOORS runtime http store object track version stream dataset)

# dreamdb_tests(NAME [THREADS] SOURCES files... [LIBS libraries...])
#   One program NAME_test of GoogleTest cases, each known to ctest as "NAME.Suite.case".
#   THREADS: also run under the thread sanitizer (ctest label "threads").
function(dreamdb_tests NAME)
  cmake_parse_arguments(ARG "THREADS" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${NAME}_test ${ARG_SOURCES})
  target_compile_options(${NAME}_test PRIVATE ${DREAMDB_TEST_FLAGS})
  target_link_libraries(${NAME}_test PRIVATE dreamdb_strict ${ARG_LIBS} GTest::gtest GTest::gtest_main rapidcheck)
  set_property(GLOBAL APPEND PROPERTY DREAMDB_TEST_PROGRAMS ${NAME}_test)
  set(properties TIMEOUT 600)
  if(ARG_THREADS OR NAME IN_LIST DREAMDB_THREADED_FLOORS)
    list(APPEND properties LABELS threads)
    set_property(GLOBAL APPEND PROPERTY DREAMDB_THREAD_TESTS ${NAME}_test)
  endif()
  # PRE_TEST: cases are asked for when ctest starts, so a build never runs a test program.
  gtest_discover_tests(${NAME}_test DISCOVERY_MODE PRE_TEST TEST_PREFIX "${NAME}."
                       DISCOVERY_TIMEOUT 60 PROPERTIES ${properties})
endfunction()

# dreamdb_floor(NAME SOURCES ... [DEPS floors...] [LIBS libraries...] [TESTS files...] [FUZZ files...])
#   Library dreamdb_NAME; TESTS become one program NAME_test, each of its cases known to ctest;
#   each FUZZ file becomes a libFuzzer program named after the file, its corpus tests/corpus/<name>/.
function(dreamdb_floor NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;LIBS;TESTS;FUZZ" ${ARGN})
  add_library(dreamdb_${NAME} STATIC ${ARG_SOURCES})
  target_link_libraries(dreamdb_${NAME} PUBLIC dreamdb_flags ${ARG_LIBS} PRIVATE dreamdb_strict)
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
      target_link_libraries(${target} PRIVATE dreamdb_${NAME})
      target_link_options(${target} PRIVATE -fsanitize=fuzzer)
      set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY
                            ${PROJECT_BINARY_DIR}/targets)
      set_property(GLOBAL APPEND PROPERTY DREAMDB_FUZZ_TARGETS ${target})
    endforeach()
  endif()
endfunction()
