// The folder that `export` writes and `ingest` reads back.
//
//   export.json     what is here: {"format": "dreamdb-export", "version": 1, ...}; written last
//   schema.json     the fields
//   records.jsonl   one record a line; blobs as paths below blobs/, embeddings and arrays only as
//                   null where a record has none
//   <field>.npy     one row for each line of records.jsonl
//   blobs/<field>/<thousand>/<anchor>.<kind>
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dreamdb/dataset.h"

namespace dreamdb::cli {

inline constexpr int kExportVersion = 1;

struct ExportFolder {
  std::string schema_file;
  std::string records_file;
  std::vector<std::string> npy;  // "field=path", as --npy
  std::vector<std::pair<std::string, std::string>> meta;
};

// Reads `folder`/export.json. InvalidArgument: no export, damaged, or not
// as many records as it says (all lines are counted for that). Unsupported: a newer one.
Result<ExportFolder> open_export(const std::string& folder);

bool is_folder(const std::string& path);

}  // namespace dreamdb::cli
