// The module `dreamdb._core`: DreamDB's C++ classes, thin. What users see is in dreamdb/*.py.
#include <nanobind/nanobind.h>

#include "batch_out.h"
#include "buffers.h"
#include "classes.h"
#include "gil.h"

NB_MODULE(_core, module) {
  // Handles end with the interpreter in any order; what Python leaks then is not ours to report.
  nanobind::set_leak_warnings(false);
  dreamdb::python::watch_for_the_end();
  dreamdb::python::bind_buffer(module);
  dreamdb::python::bind_batch(module);
  dreamdb::python::bind_schema(module);
  dreamdb::python::bind_where(module);
  dreamdb::python::bind_streams(module);
  dreamdb::python::bind_writer(module);
  dreamdb::python::bind_dataset(module);
  dreamdb::python::bind_gc(module);
  dreamdb::python::bind_upkeep(module);
  dreamdb::python::bind_conflicts(module);
}
