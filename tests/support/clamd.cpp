#include "tests/support/clamd.h"

#include <fstream>
#include <string_view>

namespace c360::testing {

namespace {

namespace fs = std::filesystem;

std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 0xfU];
  }
  return text;
}

}  // namespace

std::string Clamd::sample() { return std::string("C360-TEST-") + "SAMPLE-" + "OF-NOTHING-EVIL"; }

std::string Clamd::zipped_sample() {
  return "UEsDBBQAAAAIAAAAIVzoKvF0MgAAABEBAAAJAAAAcHJpY2UudHh0CyjKTE5VyMksLtHjChgBbGdjMwPdENfgEN1g"
         "R98AH1ddfzddP/8QD08/d13XME8fLgBQSwECFAMUAAAACAAAACFc6CrxdDIAAAARAQAACQAAAAAAAAAAAAAAgAEA"
         "AAAAcHJpY2UudHh0UEsFBgAAAAABAAEANwAAAFkAAAAAAA==";
}

Clamd::Clamd() {
  const fs::path database = folder_.path() / "database";
  fs::create_directory(database);
  // NAME:TYPE:OFFSET:BYTES, for any type of file and any place in it.
  std::ofstream(database / "c360.ndb") << "C360.Test.Sample:0:*:" << hex(sample()) << '\n';
  std::ofstream(folder_.path() / "clamd.conf")
      << "DatabaseDirectory " << database.string() << "\nLocalSocket " << socket()
      << "\nTCPAddr 127.0.0.1\nTCPSocket " << ports_.front()
      << "\nForeground yes\nMaxThreads 2\nConcurrentDatabaseReload no\nStreamMaxLength "
      << kStreamBytes << '\n';
  start();
}

void Clamd::start() {
  const std::string usr = (unpacked_servers() / "usr").string();
  process_.start(
      {.words = {usr + "/sbin/clamd", "--config-file=" + (folder_.path() / "clamd.conf").string()},
       .environment = {"LD_LIBRARY_PATH=" + usr + "/lib/x86_64-linux-gnu"},
       .log = folder_.path() / "clamd.log"},
      ports_.front(), /*silent=*/true);
}

void Clamd::stop() { process_.stop(); }

}  // namespace c360::testing
