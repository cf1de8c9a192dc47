// Rows of numbers of one element type turned into those of a field, with every loss refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "cli/npy.h"
#include "dreamdb/buffer.h"
#include "dreamdb/result.h"
#include "dreamdb/schema.h"

namespace dreamdb::cli {

// Ok if rows of an .npy file with this header can become values of `field`: the shape fits, and
// the element types convert: floats among each other (rounded to the nearest), integers and bools
// to integers (each must fit) and to floats; |V2 to bf16. InvalidArgument says what does not fit.
Status check_npy_fits(const NpyHeader& header, const Field& field, std::string_view name);

// `rows` rows of such a file as the `values` of a Column. `first_row` is the number of the first of
// them, for messages. InvalidArgument: an integer that does not fit, NaN or infinity where the
// field takes none, NaT.
Result<Buffer> npy_values(const NpyHeader& header, const Buffer& raw, const Field& field,
                          uint64_t first_row, std::string_view name);

// u64 anchors of an integer column. InvalidArgument: a negative or too large one.
Result<Buffer> npy_anchors(const NpyHeader& header, const Buffer& raw, uint64_t first_row,
                           std::string_view name);

// Stores `value` as element `index` of type `dtype`; false if it does not fit: an integer that
// would change, a finite number beyond the largest float.
bool store_double(std::byte* elements, size_t index, Dtype dtype, double value);
bool store_int(std::byte* elements, size_t index, Dtype dtype, int64_t value);
bool store_uint(std::byte* elements, size_t index, Dtype dtype, uint64_t value);

bool is_float(Dtype dtype);
// "a number beyond f32, which ends at 3.4028235e+38": of a float dtype that a value does not fit.
std::string beyond_text(Dtype dtype);
// "<f4" for f32, "|V2" for bf16, and so on.
std::string npy_descr(Dtype dtype);

}  // namespace dreamdb::cli
