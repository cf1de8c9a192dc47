// Assertions for our own bugs; they stay on in release. No byte from outside may reach one.
#pragma once

namespace dreamdb {

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);

}  // namespace dreamdb

#define DREAMDB_ASSERT(expression)                      \
  (static_cast<bool>(expression) ? static_cast<void>(0) \
                                 : ::dreamdb::assertion_failed(#expression, __FILE__, __LINE__))
