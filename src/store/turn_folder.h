// Where writers of one user on this machine keep what they leave to each other.
//
// Thread rule: functions may be called from any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace dreamdb {

// The folder for turns of this user on this machine, made if need be; empty: there is none that
// belongs to this user alone.
std::string folder_of_turns();

// Makes a folder for this user alone; false: it cannot be, or others may write there.
bool make_private_folder(const std::string& path);

// Writes a file there, whole or not at all, by way of one named `temporary`.
bool write_turn_file(const std::string& temporary, const std::string& path,
                     std::span<const std::byte> body);

// Whether it is one or more lowercase hexadecimal digits: what names there end in.
bool is_hex(std::string_view text);

}  // namespace dreamdb
