# Libraries of others that floors may name under LIBS: blake3, zstd::zstd, nlohmann_json::nlohmann_json,
# CLI11::CLI11, CURL::libcurl, OpenSSL::Crypto, pugixml::pugixml; for tests GTest and rapidcheck. tools/packages.txt says which package brings each.

# Finds PACKAGE or ends with the command that brings it.
macro(dreamdb_need PACKAGE APT)
  find_package(${PACKAGE} QUIET)
  if(NOT ${PACKAGE}_FOUND)
    message(FATAL_ERROR "DreamDB needs ${PACKAGE}, which was not found. On Debian: "
      "apt-get install --no-install-recommends ${APT} (or ./run build, which installs all it needs).")
  endif()
endmacro()

include(blake3)

find_library(DREAMDB_ZSTD_LIBRARY zstd)
find_path(DREAMDB_ZSTD_INCLUDE zstd.h)
if(NOT DREAMDB_ZSTD_LIBRARY OR NOT DREAMDB_ZSTD_INCLUDE)
  message(FATAL_ERROR "DreamDB needs zstd, which was not found. On Debian: "
    "apt-get install --no-install-recommends libzstd-dev (or ./run build, which installs all it needs).")
endif()
add_library(zstd::zstd UNKNOWN IMPORTED GLOBAL)
set_target_properties(zstd::zstd PROPERTIES IMPORTED_LOCATION "${DREAMDB_ZSTD_LIBRARY}"
                      INTERFACE_INCLUDE_DIRECTORIES "${DREAMDB_ZSTD_INCLUDE}")

dreamdb_need(nlohmann_json nlohmann-json3-dev)
dreamdb_need(CURL libcurl4-openssl-dev)
dreamdb_need(OpenSSL libssl-dev)
dreamdb_need(pugixml libpugixml-dev)
if(NOT DREAMDB_PYTHON)
  dreamdb_need(CLI11 libcli11-dev)
endif()
if(DREAMDB_TESTS)
  dreamdb_need(GTest libgtest-dev)
  dreamdb_need(rapidcheck librapidcheck-dev)
endif()
