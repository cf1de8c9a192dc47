// `URL@ref`: where a store is and which ref of it is meant; and opening a store by its URL.
//
//   file:///data/pets@main     a folder; also file://localhost/data/pets, /data/pets and ./pets
//   memory://pets@main@v1      memory of this process; the ref is main@v1
//   s3://bucket/prefix@main    a bucket; also http(s)://host:port/bucket/prefix, see
//                              remote_locator.h
//
// The ref begins at the first `@` after the scheme (and may contain more of them); left out, it is
// `main`. In the path of a folder `%40` stands for a literal `@`; no other percent sequence is
// decoded, `%` is an ordinary character.
//
// Thread rule: every call may come from any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dreamdb/result.h"
#include "store/store.h"

namespace dreamdb {

struct Locator {
  std::string store_url;  // without the ref; a plain path has become an absolute file:// URL
  std::string ref;
};

// Splits `text`. InvalidArgument: what is wrong and an example of what is right.
// A relative plain path is taken from the working directory of now.
Result<Locator> parse_locator(std::string_view text);

// Ok if `name` is 1 to 16 segments joined by `/`, each 1 to 64 characters of `[a-z0-9_@-]`
// (S2.3); otherwise InvalidArgument.
Status check_ref_name(std::string_view name);

// Opens the store at `url` (a `Locator::store_url`, or a plain path). With `create`, a folder that
// is not there is made. NotFound: no such folder. Unsupported: a store that this build cannot
// read. Other errors as `open_folder_store` and `open_remote_store`.
Result<std::shared_ptr<Store>> open_store(std::string_view url, bool create);

// The absolute path of the folder that `url` names; nullopt for a store of another kind. Errors as
// `parse_locator`.
Result<std::optional<std::string>> folder_of(std::string_view url);

}  // namespace dreamdb
