#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace dreamdb {

void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "dreamdb: internal error: assertion `%s` failed at %s:%d\n", expression,
               file, line);
  std::abort();
}

}  // namespace dreamdb
