// CLI11 behind the commands' options.
#include "cli/option.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <utility>

#include "dreamdb/size.h"

namespace dreamdb::cli {

namespace {

std::string whole_number_fault(const std::string& text) {
  uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == end;
  return whole ? std::string() : "expected a whole number below 2^64, found " + text;
}

std::string zero_fault(const std::string& text) {
  return text.find_first_not_of('0') == std::string::npos
             ? "expected a number above 0, found " + text
             : std::string();
}

std::string size_fault(const std::string& text) {
  const auto size = parse_size(text);
  return size ? std::string() : size.error().message;
}

// Of bytes: a whole number, or a size.
std::string bytes_fault(const std::string& text) {
  if (whole_number_fault(text).empty()) return zero_fault(text);
  std::string fault = size_fault(text);
  if (fault.empty() && *parse_size(text) == 0) fault = "expected at least one byte, found " + text;
  return fault;
}

uint64_t bytes_of(const std::string& text) {
  uint64_t bytes = 0;
  if (whole_number_fault(text).empty())
    std::from_chars(text.data(), text.data() + text.size(), bytes);
  else
    bytes = parse_size(text).value_or(0);
  return bytes;
}

std::string part_fault(const std::string& text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  const bool is_part = parsed.ec == std::errc() && parsed.ptr == end && number > 0 && number <= 1;
  return is_part ? std::string() : "expected a number above 0 and at most 1, found " + text;
}

}  // namespace

Option& Option::required() {
  option_->required();
  return *this;
}

Option& Option::type_name(const std::string& name) {
  option_->type_name(name);
  return *this;
}

Option& Option::separated_by(char delimiter) {
  option_->delimiter(delimiter);
  return *this;
}

Option& Option::one_value_each() {
  option_->allow_extra_args(false);
  return *this;
}

Option& Option::one_of(const std::vector<std::string>& values) {
  option_->check(CLI::IsMember(values).description(""));
  return *this;
}

Option& Option::check(std::function<std::string(const std::string&)> what_is_wrong) {
  option_->check(CLI::Validator(
      [fault = std::move(what_is_wrong)](std::string& text) { return fault(text); }, ""));
  return *this;
}

Option& Option::is_size() { return check(size_fault); }

Option& Option::above_zero() { return check(zero_fault); }

Command Command::add_to(CLI::App& program, const std::string& name, const std::string& summary) {
  return Command(program.add_subcommand(name, summary));
}

std::string Command::name() const { return command_->get_name(); }

void Command::alias(const std::string& name) { command_->alias(name); }

void Command::footer(const std::string& text) { command_->footer(text); }

void Command::on_chosen(std::function<void()> act) { command_->callback(std::move(act)); }

Option Command::add_flag(const std::string& name, bool& value, const std::string& description) {
  return Option(command_->add_flag(name, value, description));
}

Option Command::add_flag(const std::string& name, std::optional<std::string>& value,
                         const std::string& when_alone, const std::string& description) {
  return Option(command_->add_flag(name + "{" + when_alone + "}", value, description));
}

Option Command::add_option(const std::string& name, std::string& value,
                           const std::string& description) {
  return Option(command_->add_option(name, value, description));
}

Option Command::add_option(const std::string& name, std::optional<std::string>& value,
                           const std::string& description) {
  return Option(command_->add_option(name, value, description));
}

Option Command::add_option(const std::string& name, std::vector<std::string>& values,
                           const std::string& description) {
  return Option(command_->add_option(name, values, description));
}

Option Command::add_bytes(const std::string& name, uint64_t& value,
                          const std::string& description) {
  const std::function<void(const std::string&)> set = [&value](const std::string& text) {
    value = bytes_of(text);
  };
  return Option(command_->add_option_function(name, set, description))
      .check(bytes_fault)
      .type_name("SIZE");
}

Option Command::add_part(const std::string& name, double& value, const std::string& description) {
  return Option(command_->add_option(name, value, description)).check(part_fault).type_name("PART");
}

Option Command::add_whole_number(const std::string& name, uint64_t& value,
                                 const std::string& description) {
  return Option(command_->add_option(name, value, description)).check(whole_number_fault);
}

Option Command::add_whole_number(const std::string& name, std::optional<uint64_t>& value,
                                 const std::string& description) {
  return Option(command_->add_option(name, value, description)).check(whole_number_fault);
}

}  // namespace dreamdb::cli
