// The systemd files as systemd itself reads them: systemd-analyze verify and security, without a
// running system manager.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/temp_folder.h"

namespace c360::daemon {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

struct Ran {
  int status = 0;
  std::string output;
};

Ran run(const std::string& command) {
  Ran ran;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return {-1, "popen failed"};
  std::array<char, 4'096> buffer{};
  while (const std::size_t got = fread(buffer.data(), 1, buffer.size(), pipe))
    ran.output.append(buffer.data(), got);
  ran.status = pclose(pipe);
  return ran;
}

std::string read(const fs::path& file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

const fs::path kUnits = fs::path(C360_SOURCE_DIR) / "systemd";

TEST(Units, TheServiceIsUnderstoodBySystemd) {
  // verify wants the program to exist; the tree has it elsewhere than an installed system.
  const testing::TempFolder folder;
  std::string unit = read(kUnits / "client360d.service");
  const std::string program = "/usr/bin/client360d ";
  unit.replace(unit.find("ExecStart=" + program) + 10, program.size(), "/bin/true ");
  const fs::path copy = folder.write("client360d.service", unit);

  const Ran ran = run("systemd-analyze verify --man=no " + copy.string());

  EXPECT_EQ(ran.status, 0) << ran.output;
  EXPECT_EQ(ran.output, "");
}

TEST(Units, TheExposureIsAtMostOnePointTwo) {
  const Ran ran = run("systemd-analyze security --offline=true --threshold=12 " +
                      (kUnits / "client360d.service").string());

  EXPECT_EQ(ran.status, 0) << ran.output;
  EXPECT_THAT(ran.output, HasSubstr("Overall exposure level"));
}

TEST(Units, TheRendererIsUnderstoodAndStillTighter) {
  const testing::TempFolder folder;
  std::string unit = read(kUnits / "client360-render@.service");
  const std::string program = "/usr/lib/client360/client360-render";
  unit.replace(unit.find("ExecStart=" + program) + 10, program.size(), "/bin/true");
  const fs::path copy = folder.write("client360-render@.service", unit);
  const fs::path socket =
      folder.write("client360-render.socket", read(kUnits / "client360-render.socket"));

  const Ran verified =
      run("systemd-analyze verify --man=no " + socket.string() + " " + copy.string());
  EXPECT_EQ(verified.status, 0) << verified.output;
  EXPECT_EQ(verified.output, "");
  const Ran exposure = run("systemd-analyze security --offline=true --threshold=8 " +
                           (kUnits / "client360-render@.service").string());
  EXPECT_EQ(exposure.status, 0) << exposure.output;
  for (const char* line : {"PrivateNetwork=yes", "MemoryMax=768M", "RuntimeMaxSec=80",
                           "ProtectSystem=strict", "DynamicUser=yes"})
    EXPECT_THAT(unit, HasSubstr(line));
}

TEST(Units, TheServiceSaysWhatTheProgramReliesOn) {
  const std::string unit = read(kUnits / "client360d.service");
  for (const char* line : {"Type=notify", "WatchdogSec=", "ExecReload=/bin/kill -HUP $MAINPID",
                           "LoadCredential=", "RestartPreventExitStatus=2 3 4", "User=client360",
                           "StateDirectory=client360"})
    EXPECT_THAT(unit, HasSubstr(line));
}

TEST(Units, TheAccountAndTheFoldersAreUnderstood) {
  const testing::TempFolder root;
  fs::create_directories(root.path() / "etc");

  const Ran users = run("systemd-sysusers --root=" + root.path().string() + " " +
                        (kUnits / "client360d.sysusers").string());
  EXPECT_EQ(users.status, 0) << users.output;
  EXPECT_THAT(read(root.path() / "etc" / "passwd"), HasSubstr("client360:"));

  const Ran folders = run("systemd-tmpfiles --create --root=" + root.path().string() + " " +
                          (kUnits / "client360d.tmpfiles").string());
  EXPECT_EQ(folders.status, 0) << folders.output;
  EXPECT_TRUE(fs::is_directory(root.path() / "etc/client360/credentials"));
}

}  // namespace
}  // namespace c360::daemon
