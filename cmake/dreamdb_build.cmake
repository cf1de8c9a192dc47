# How a floor, its tests and its fuzz targets are built.

find_package(Threads REQUIRED)

add_library(dreamdb_flags INTERFACE)
target_compile_options(dreamdb_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                       -Wno-sign-conversion -fno-omit-frame-pointer)
target_include_directories(dreamdb_flags INTERFACE ${CMAKE_SOURCE_DIR}/include
                           ${CMAKE_SOURCE_DIR}/src)
if(DREAMDB_SANITIZE)
  target_compile_options(dreamdb_flags INTERFACE -fsanitize=${DREAMDB_SANITIZE}
                         -fno-sanitize-recover=all)
  target_link_options(dreamdb_flags INTERFACE -fsanitize=${DREAMDB_SANITIZE})
endif()

find_program(DREAMDB_MOLD mold)
if(DREAMDB_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

if(DREAMDB_TESTS)
  enable_testing()
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()

# dreamdb_floor(NAME SOURCES ... [DEPS floors...] [LIBS libraries...] [TESTS files...] [FUZZ files...])
#   Library dreamdb_NAME; TESTS become one program NAME_test, each of its cases known to ctest;
#   each FUZZ file becomes a libFuzzer program named after the file.
function(dreamdb_floor NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;LIBS;TESTS;FUZZ" ${ARGN})
  add_library(dreamdb_${NAME} STATIC ${ARG_SOURCES})
  target_link_libraries(dreamdb_${NAME} PUBLIC dreamdb_flags ${ARG_LIBS})
  foreach(dep ${ARG_DEPS})
    target_link_libraries(dreamdb_${NAME} PUBLIC dreamdb_${dep})
  endforeach()
  if(DREAMDB_TESTS AND ARG_TESTS)
    add_executable(${NAME}_test ${ARG_TESTS})
    target_link_libraries(${NAME}_test PRIVATE dreamdb_${NAME} GTest::gtest GTest::gtest_main
                          rapidcheck Threads::Threads)
    gtest_discover_tests(${NAME}_test DISCOVERY_MODE PRE_TEST TEST_PREFIX "${NAME}." PROPERTIES TIMEOUT 600)
  endif()
  if(DREAMDB_FUZZ)
    foreach(file ${ARG_FUZZ})
      get_filename_component(target ${file} NAME_WE)
      add_executable(${target} ${file})
      target_link_libraries(${target} PRIVATE dreamdb_${NAME})
      target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    endforeach()
  endif()
endfunction()
