// More than 32 bytes of hash.
#pragma once

#include <cstddef>
#include <span>

namespace dreamdb {

// The first bytes of BLAKE3's extended output, as many as `out` has.
void blake3_extended(std::span<const std::byte> bytes, std::span<std::byte> out);

}  // namespace dreamdb
