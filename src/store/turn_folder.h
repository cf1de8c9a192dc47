// Where writers of one user on this machine keep what they leave to each other.
//
// Thread rule: functions may be called from any thread.
#pragma once

#include <string>

namespace dreamdb {

// The folder for turns of this user on this machine, made if need be; empty: there is none that
// belongs to this user alone.
std::string folder_of_turns();

// Makes a folder for this user alone; false: it cannot be, or others may write there.
bool make_private_folder(const std::string& path);

}  // namespace dreamdb
