#include "store/aws_profile.h"

#include <algorithm>

#include "base/text.h"

namespace dreamdb {

namespace {

constexpr std::string_view kBlank = " \t\r";
constexpr std::string_view kProfilePrefix = "profile ";

// Without a comment that begins after a blank: "value # comment".
std::string_view without_comment(std::string_view text) {
  for (size_t i = 1; i < text.size(); ++i) {
    if ((text[i] == '#' || text[i] == ';') && kBlank.find(text[i - 1]) != std::string_view::npos) {
      return trimmed(text.substr(0, i));
    }
  }
  return text;
}

}  // namespace

Result<AwsProfiles> parse_aws_profiles(std::string_view text, std::string_view file) {
  AwsProfiles profiles;
  AwsProfile* profile = nullptr;
  std::string parent;  // the setting that indented lines belong to
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    const std::string_view raw = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::string_view line = trimmed(raw);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      const size_t close = line.find(']');
      std::string_view name =
          close == std::string_view::npos ? "" : trimmed(line.substr(1, close - 1));
      if (name.starts_with(kProfilePrefix)) name = trimmed(name.substr(kProfilePrefix.size()));
      if (name.empty()) profile = nullptr;
      if (!name.empty()) profile = &profiles[std::string(name)];
      parent.clear();
      if (profile != nullptr) continue;
    }
    const size_t equals = line.find('=');
    if (profile == nullptr || equals == 0 || equals == std::string_view::npos) {
      return fail(Code::kInvalidArgument,
                  std::string(file) + ", line " + std::to_string(number) +
                      ": expected [profile] or name = value below one; correct the file");
    }
    std::string name = lower_ascii(trimmed(line.substr(0, equals)));
    const bool indented = kBlank.find(raw.front()) != std::string_view::npos;
    if (!indented) parent = name;
    if (indented && !parent.empty()) name.insert(0, parent + ".");
    (*profile)[name] = std::string(without_comment(trimmed(line.substr(equals + 1))));
  }
  return profiles;
}

}  // namespace dreamdb
