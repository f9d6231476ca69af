// A private clamd for one test: the scanner itself, with a database of one signature of ours
// instead of the hundreds of megabytes that it fetches otherwise. Listens on a socket in a folder
// of its own and on a free port of 127.0.0.1. Gone with the object.
//
// Throws std::runtime_error with clamd's own words where it cannot start. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/server_process.h"
#include "tests/support/temp_folder.h"

namespace c360::testing {

class Clamd {
 public:
  static constexpr std::size_t kStreamBytes = std::size_t{2} << 20U;  // longer ones are refused
  static constexpr const char* kSignature = "C360.Test.Sample.UNOFFICIAL";  // as clamd tells it

  Clamd();
  Clamd(const Clamd&) = delete;
  Clamd& operator=(const Clamd&) = delete;

  // What its database knows; harms nobody and stands in no file of ours.
  static std::string sample();
  // A ZIP file with it, in base64: compressed, so that only who unpacks it finds it.
  static std::string zipped_sample();

  std::string socket() const { return (folder_.path() / "clamd.ctl").string(); }
  std::string address() const { return "127.0.0.1:" + std::to_string(ports_.front()); }
  void stop();   // nobody listens any more
  void start();  // again, at the same places

 private:
  TempFolder folder_{"c360-clamd"};
  std::vector<std::uint16_t> ports_ = free_ports(1);
  ServerProcess process_;  // last: ends before its folder goes
};

}  // namespace c360::testing
