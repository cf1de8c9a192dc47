// A command, and its options and arguments as the verbs add them: what they need of CLI11, whose
// headers take the compiler longer than everything else here together.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace dreamdb::cli {

// An option, or an argument when its name has no dash. Each call returns it again.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  Option& required();
  // What stands for the value in help texts.
  Option& type_name(const std::string& name);
  // Several values in one word.
  Option& separated_by(char delimiter);
  // One value each time it is given; without this a list takes all words up to the next option.
  Option& one_value_each();
  Option& one_of(const std::vector<std::string>& values);
  // `what_is_wrong` of a value is empty, or the message.
  Option& check(std::function<std::string(const std::string&)> what_is_wrong);
  // A size as `parse_size` reads it: "64MB".
  Option& is_size();
  // For numbers of which 0 makes no sense.
  Option& above_zero();

 private:
  CLI::Option* option_;
};

// A command of the program, which owns it. Values live as long as the program.
class Command {
 public:
  static Command add_to(CLI::App& program, const std::string& name, const std::string& summary);

  std::string name() const;
  void alias(const std::string& name);
  void footer(const std::string& text);
  // Called when the command was chosen and all values are set.
  void on_chosen(std::function<void()> act);

  Option add_flag(const std::string& name, bool& value, const std::string& description);
  // A flag that may be given a value: `when_alone` where it is not.
  Option add_flag(const std::string& name, std::optional<std::string>& value,
                  const std::string& when_alone, const std::string& description);
  Option add_option(const std::string& name, std::string& value, const std::string& description);
  Option add_option(const std::string& name, std::optional<std::string>& value,
                    const std::string& description);
  Option add_option(const std::string& name, std::vector<std::string>& values,
                    const std::string& description);
  // A size above 0: "64MB", or a number of bytes.
  Option add_bytes(const std::string& name, uint64_t& value, const std::string& description);
  // A number above 0 and at most 1.
  Option add_part(const std::string& name, double& value, const std::string& description);
  // A minus sign is refused, not wrapped around.
  Option add_whole_number(const std::string& name, uint64_t& value, const std::string& description);
  Option add_whole_number(const std::string& name, std::optional<uint64_t>& value,
                          const std::string& description);

 private:
  explicit Command(CLI::App* command) : command_(command) {}

  CLI::App* command_;
};

}  // namespace dreamdb::cli
