// The walk: each directory once, in the order of the keys below it.
#include "store/folder_list.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <string>
#include <vector>

#include "store/key.h"

namespace dreamdb {

namespace {

constexpr size_t kKeptMax = size_t{1} << 20;
constexpr size_t kSpareNodes = 256;

// One thing in a directory. A key `a-b` sorts before `a/b`, so directories sort with their slash.
struct Node {
  std::string name;  // of the key: "main", or "a/" for all keys below "a/"
  bool is_mutable = false;
  bool operator<(const Node& other) const {
    if (const int by_name = name.compare(other.name); by_name != 0) return by_name < 0;
    return is_mutable && !other.is_mutable;
  }
  bool operator==(const Node& other) const { return name == other.name; }
};

// The first nodes of a directory. Holds at most twice `kept` however many files there are.
struct Nodes {
  void add(Node node, size_t kept) {
    list.push_back(std::move(node));
    if (list.size() >= 2 * kept) cut(kept);
  }

  void finish(size_t kept) {
    // A folder of both kinds, or a key that is mutable and an object, is visited once.
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
    if (is_cut && list.size() > kept) list.resize(kept);
  }

  std::vector<Node> list;
  bool is_cut = false;  // there are more, all greater than these

 private:
  void cut(size_t kept) {
    std::nth_element(list.begin(), list.begin() + static_cast<ptrdiff_t>(kept), list.end());
    list.resize(kept);
    is_cut = true;
  }
};

class Walk {
 public:
  Walk(FolderFiles& files, FolderSwap& swap, std::string_view prefix, std::string_view start_after,
       size_t limit)
      : files_(files), swap_(swap), prefix_(prefix), start_after_(start_after), limit_(limit) {}

  // Adds the keys below `parent` ("" or "a/b/"). The depth is bounded by the length of a key.
  Status visit(const std::string& parent) {
    std::string after;  // nodes up to here were visited
    while (true) {
      Nodes nodes;
      DREAMDB_TRY(add_nodes(files_.path_of(parent), parent, after, false, nodes));
      DREAMDB_TRY(add_nodes(files_.path_of(std::string(kSwapDirectory) + "/" + parent), parent,
                            after, true, nodes));
      nodes.finish(kept_);
      for (const Node& node : nodes.list) {
        if (page_.more) return {};
        const std::string key = parent + node.name;
        if (node.name.back() == '/') {
          DREAMDB_TRY(visit(key));
        } else {
          DREAMDB_TRY(add_key(key, node.is_mutable));
        }
      }
      if (!nodes.is_cut || page_.more) return {};
      after = nodes.list.back().name;  // most of these were deleted keys: read on
    }
  }

  ListPage take() && { return std::move(page_); }

 private:
  // True if a key that is `name`, or begins with it when it ends in '/', can be on this page.
  bool is_wanted(std::string_view name) const {
    if (name.ends_with('/')) {
      const size_t common = std::min(name.size(), prefix_.size());
      return name.substr(0, common) == prefix_.substr(0, common) &&
             (name > start_after_ || start_after_.starts_with(name));
    }
    return name.starts_with(prefix_) && name > start_after_;
  }

  Status add_nodes(const std::string& directory, const std::string& parent,
                   const std::string& after, bool is_mutable, Nodes& nodes) const {
    const auto add = [&](std::string name) {
      if (name > after && is_wanted(parent + name)) {
        nodes.add({std::move(name), is_mutable}, kept_);
      }
    };
    Status status = visit_directory(directory, [&](std::string_view name, EntryKind kind) {
      // Skips internal names and files that are no keys, whoever put them there.
      if (!check_key(name) || parent.size() + name.size() > kKeySizeMax) return;
      if (kind == EntryKind::kDirectory) {
        add(std::string(name) + "/");
        if (is_mutable) add(std::string(name));
      } else if (kind == EntryKind::kFile && !is_mutable) {
        add(std::string(name));
      }
    });
    if (status) return {};
    const Code code = status.error().code;
    // Nothing of this kind here, or removed since its parent was read.
    if (code == Code::kNotFound || code == Code::kInvalidArgument) return {};
    return status;
  }

  Status add_key(const std::string& key, bool is_mutable) {
    ListedObject object;
    if (is_mutable) {
      DREAMDB_ASSIGN(std::optional<ListedObject> found, swap_.find(key));
      if (!found) return {};  // deleted, or only a folder on the way to other keys
      object = *std::move(found);
    } else {
      struct stat info{};
      if (lstat(files_.path_of(key).c_str(), &info) != 0) return {};  // deleted meanwhile
      object = {key, static_cast<uint64_t>(info.st_size), modified_ns(info)};
    }
    if (page_.objects.size() == limit_) {
      page_.more = true;
    } else {
      page_.objects.push_back(std::move(object));
    }
    return {};
  }

  FolderFiles& files_;
  FolderSwap& swap_;
  const std::string_view prefix_;
  const std::string_view start_after_;
  const size_t limit_;
  // More than a page, so that a few keys that vanish do not make the directory be read again.
  const size_t kept_ = std::min(limit_, kKeptMax) + kSpareNodes;
  ListPage page_;
};

}  // namespace

Result<ListPage> list_folder(FolderFiles& files, FolderSwap& swap, std::string_view prefix,
                             std::string_view start_after, size_t limit) {
  if (limit == 0) return fail(Code::kInvalidArgument, "list: the limit is 0, at least 1 is needed");
  DREAMDB_TRY(files.check_root());
  Walk walk(files, swap, prefix, start_after, limit);
  DREAMDB_TRY(walk.visit(""));
  return std::move(walk).take();
}

}  // namespace dreamdb
