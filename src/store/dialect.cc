#include "store/dialect.h"

namespace dreamdb {

std::string if_match_of(const WriteCondition& condition, EtagStyle style) {
  return style == EtagStyle::kQuoted ? "\"" + condition.etag + "\"" : condition.etag;
}

std::string plain_etag(const HttpReply& reply) {
  std::string_view tag = reply.header("etag");
  if (tag.starts_with("W/")) tag.remove_prefix(2);
  if (tag.size() >= 2 && tag.front() == '"' && tag.back() == '"')
    tag = tag.substr(1, tag.size() - 2);
  return std::string(tag);
}

}  // namespace dreamdb
