// What DreamDB reports, as the dictionaries that Python shows.
//
// Thread rule: the GIL is held.
#pragma once

#include <nanobind/nanobind.h>

#include "dreamdb/upkeep.h"

namespace dreamdb::python {

namespace nb = nanobind;

nb::dict to_dict(const CommitInfo& info);
nb::dict to_dict(const RefInfo& ref);
nb::dict to_dict(const DiffReport& report);
nb::dict to_dict(const MergeReport& report);
nb::dict to_dict(const DeleteReport& report);
nb::dict to_dict(const DatasetStat& stat);
nb::dict to_dict(const StoreStats& stats);
nb::dict to_dict(const SearchReport& report);
nb::dict to_dict(const IndexInfo& info);
nb::dict to_dict(const CompactReport& report);

}  // namespace dreamdb::python
