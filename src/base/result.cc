#include "dreamdb/result.h"

namespace dreamdb {

std::string_view code_name(Code code) {
  switch (code) {
    case Code::kInvalidArgument: return "InvalidArgument";
    case Code::kNotFound: return "NotFound";
    case Code::kAlreadyExists: return "AlreadyExists";
    case Code::kConflict: return "Conflict";
    case Code::kCorruption: return "Corruption";
    case Code::kUnsupported: return "Unsupported";
    case Code::kUnavailable: return "Unavailable";
    case Code::kOutcomeUnknown: return "OutcomeUnknown";
    case Code::kDenied: return "Denied";
    case Code::kExhausted: return "Exhausted";
    case Code::kCancelled: return "Cancelled";
    case Code::kInternal: return "Internal";
  }
  return "Internal";
}

}  // namespace dreamdb
