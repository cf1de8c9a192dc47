// The XML replies of S3, read strictly enough that no other page passes for one.
//
// Parsing is pugixml's, which expands no entities of a document's own. Memory is a small multiple
// of the reply's size, which the HTTP client bounds.
//
// Source: Amazon S3 API Reference: ListObjectsV2, DeleteObjects, CreateMultipartUpload,
// CompleteMultipartUpload, "Error responses". Thread rule: pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dreamdb/result.h"
#include "store/store.h"

namespace dreamdb {

// <Error>: what a reply with a status of 300 and above says, and some with 200.
struct S3Error {
  std::string code;     // "NoSuchKey"
  std::string message;  // for people; may be empty
  std::string region;   // where the bucket is, when the error is about that
  std::string endpoint;
};

// Empty when `xml` is no <Error> with a code.
std::optional<S3Error> parse_s3_error(std::string_view xml);

struct S3Listing {
  std::vector<ListedObject> objects;  // in the order of the reply, keys as the server has them
  bool truncated = false;
  std::string next_token;  // not empty when truncated
};

// Corruption: not a <ListBucketResult>, or one without a needed part.
Result<S3Listing> parse_s3_listing(std::string_view xml);

struct S3DeleteFailure {
  std::string key;
  std::string code;
  std::string message;
};

// The keys that were not deleted. Corruption: not a <DeleteResult>.
Result<std::vector<S3DeleteFailure>> parse_s3_delete_result(std::string_view xml);

// The id of a multipart upload. Corruption: not an <InitiateMultipartUploadResult> with one.
Result<std::string> parse_s3_upload_id(std::string_view xml);

// The tag of a completed upload, with its quotes. Corruption: not a
// <CompleteMultipartUploadResult>; an <Error> among them.
Result<std::string> parse_s3_completed(std::string_view xml);

// 2026-01-02T03:04:05.678Z as Unix nanoseconds; empty for another form or a date that is none.
std::optional<uint64_t> parse_s3_time(std::string_view text);

// `text` as the content of an element.
std::string xml_escape(std::string_view text);

}  // namespace dreamdb
