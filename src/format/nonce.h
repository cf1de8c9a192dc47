// 16 random bytes: of a session, or of one attempt to write a ref (spec 2, S2.2 and 4.2).
#pragma once

#include <array>
#include <cstddef>

namespace dreamdb {

using Nonce = std::array<std::byte, 16>;
using WriteId = std::array<std::byte, 16>;

}  // namespace dreamdb
