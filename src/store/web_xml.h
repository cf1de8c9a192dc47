// The reply to PROPFIND: what a WebDAV server says of a folder and of what is in it.
//
// Parsing is pugixml's, which expands no entities of a document's own. Memory is a small multiple
// of the reply's size, which the HTTP client bounds.
//
// Source: RFC 4918, 9.1 and 14. Thread rule: pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dreamdb/result.h"

namespace dreamdb {

struct WebEntry {
  std::string name;  // in the folder, unescaped; one segment
  bool is_folder = false;
  uint64_t size_bytes = 0;  // of a file
  uint64_t time_ns = 0;     // of a file: last modified, Unix nanoseconds
};

// What asks for all that `parse_web_listing` needs, and for nothing else.
std::string_view web_listing_query();

// What lies in the folder `path` ("/a/b/", unescaped), in the order of the reply, without the
// folder itself. Corruption: no <multistatus> of WebDAV, one of another folder, or a file without
// size or time.
Result<std::vector<WebEntry>> parse_web_listing(std::string_view xml, std::string_view path);

// `text` with each %XX as the byte it stands for; other % stay.
std::string uri_unescape(std::string_view text);

}  // namespace dreamdb
