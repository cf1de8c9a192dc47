# BLAKE3: the authors' C and assembly sources, taken from Debian's librust-blake3-dev, as target `blake3`.

file(GLOB DREAMDB_BLAKE3_FOUND /usr/share/cargo/registry/blake3-*/c)
list(SORT DREAMDB_BLAKE3_FOUND COMPARE NATURAL)
list(POP_BACK DREAMDB_BLAKE3_FOUND DREAMDB_BLAKE3_NEWEST)
set(DREAMDB_BLAKE3_DIR "${DREAMDB_BLAKE3_NEWEST}" CACHE PATH
    "Folder with blake3.h and blake3.c (the c/ folder of the BLAKE3 sources)")

if(NOT EXISTS "${DREAMDB_BLAKE3_DIR}/blake3.c")
  message(FATAL_ERROR "DreamDB needs the C sources of BLAKE3, and '${DREAMDB_BLAKE3_DIR}/blake3.c' "
    "is not there. On Debian: apt-get install --no-install-recommends librust-blake3-dev. "
    "Elsewhere: unpack the BLAKE3 sources and pass -DDREAMDB_BLAKE3_DIR=<their c/ folder>.")
endif()

set(DREAMDB_BLAKE3_SOURCES blake3.c blake3_dispatch.c blake3_portable.c)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  # Assembly for each instruction set; blake3_dispatch.c asks the processor once which one to use.
  list(APPEND DREAMDB_BLAKE3_SOURCES blake3_sse2_x86-64_unix.S blake3_sse41_x86-64_unix.S
       blake3_avx2_x86-64_unix.S blake3_avx512_x86-64_unix.S)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  list(APPEND DREAMDB_BLAKE3_SOURCES blake3_neon.c)
endif()
list(TRANSFORM DREAMDB_BLAKE3_SOURCES PREPEND "${DREAMDB_BLAKE3_DIR}/")

add_library(blake3 STATIC ${DREAMDB_BLAKE3_SOURCES})
# Other people's headers: their warnings are not ours to answer for.
target_include_directories(blake3 SYSTEM PUBLIC "${DREAMDB_BLAKE3_DIR}")
target_link_libraries(blake3 PRIVATE dreamdb_instrument)
