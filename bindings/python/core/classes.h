// The classes of the module `_core`, each bound in a file of its own.
#pragma once

#include <nanobind/nanobind.h>

#include <map>
#include <string>
#include <vector>

#include "dreamdb/schema.h"

namespace dreamdb::python {

namespace nb = nanobind;

void bind_schema(nb::module_& module);
void bind_where(nb::module_& module);
void bind_streams(nb::module_& module);
void bind_writer(nb::module_& module);
void bind_dataset(nb::module_& module);
void bind_gc(nb::module_& module);
void bind_upkeep(nb::module_& module);
void bind_conflicts(nb::module_& module);

// A field from its plain parts; `type` and `dtype` by name. InvalidArgumentError.
Field make_field(std::string name, const std::string& type, bool required, std::string mime,
                 const std::string& dtype, std::vector<uint64_t> shape, std::string algorithm,
                 std::map<std::string, std::string> info);

}  // namespace dreamdb::python
