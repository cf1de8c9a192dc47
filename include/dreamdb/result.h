// What every call returns: a value, or an error whose code says what the caller should do next.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace dreamdb {

// Each code stands for one reaction of the caller.
enum class Code : uint8_t {
  kInvalidArgument = 1,  // the call itself is wrong: correct it
  kNotFound,             // the named thing does not exist
  kAlreadyExists,        // the name or key is taken
  kConflict,             // someone else changed it, or the value differs: read again and decide
  kCorruption,           // bytes do not match their hash or format: restore from a copy
  kUnsupported,          // a newer format, or a store that cannot do it: upgrade or choose another
  kUnavailable,          // the store did not answer: try again later
  kOutcomeUnknown,       // it may or may not have happened: read back to find out
  kDenied,               // no permission
  kExhausted,            // a limit, a full disk or a budget was reached
  kCancelled,            // the caller asked to stop
  kInternal,             // a bug of ours: report it
};

// Name of a code as users see it, for example "InvalidArgument".
std::string_view code_name(Code code);

struct Error {
  Code code = Code::kInternal;
  std::string message;  // names the thing, what was expected, what was found, and the way out
};

template <typename T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

using Status = Result<void>;

inline std::unexpected<Error> fail(Code code, std::string message) {
  return std::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace dreamdb

#define DREAMDB_CONCAT_(a, b) a##b
#define DREAMDB_CONCAT(a, b) DREAMDB_CONCAT_(a, b)

// Returns the error of `expr` from the enclosing function, or goes on.
#define DREAMDB_TRY(expr)                                                          \
  do {                                                                             \
    if (auto dreamdb_status = (expr); !dreamdb_status)                             \
      return std::unexpected<::dreamdb::Error>(std::move(dreamdb_status).error()); \
  } while (false)

// Declares `declaration` with the value of `expr`, or returns its error.
#define DREAMDB_ASSIGN(declaration, expr) \
  DREAMDB_ASSIGN_(DREAMDB_CONCAT(dreamdb_result_, __LINE__), declaration, expr)
#define DREAMDB_ASSIGN_(tmp, declaration, expr)                               \
  auto tmp = (expr);                                                          \
  if (!tmp) return std::unexpected<::dreamdb::Error>(std::move(tmp).error()); \
  declaration = *std::move(tmp)
