// What `cmake --install` puts on a machine is what the service manager's own tools want.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temp_folder.h"
#include "tests/system/system_fixture.h"

namespace c360::testing {
namespace {

using ::testing::HasSubstr;

TEST(Install, GivesProgramsUnitAccountFoldersAndCompletion) {
  const TempFolder folder;
  const std::string root = folder.path().string();
  std::filesystem::create_directories(root + "/etc");
  const RanProgram installed = run_program(
      {"/usr/bin/cmake", "--install", C360_BINARY_DIR, "--prefix", "/usr"}, {{"DESTDIR", root}});
  ASSERT_EQ(installed.exit_code, 0) << installed.output;

  for (const char* file :
       {"bin/client360d", "bin/client360", "lib/systemd/system/client360d.service",
        "share/client360/client360.toml", "share/client360/client360.alerts.yml",
        "share/client360/rules/crm.toml", "share/doc/client360/README.md",
        "share/bash-completion/completions/client360"})
    EXPECT_TRUE(std::filesystem::exists(root + "/usr/" + file)) << file;
  const RanProgram sample =
      run_program({root + "/usr/bin/client360d", "--check-config",
                   "--config=" + root + "/usr/share/client360/client360.toml"});
  EXPECT_EQ(sample.exit_code, 0) << sample.output;

  const RanProgram account = run_program({"/usr/bin/systemd-sysusers", "--root=" + root});
  EXPECT_EQ(account.exit_code, 0) << account.output;
  std::ifstream passwords(root + "/etc/passwd");
  const std::string users{std::istreambuf_iterator<char>(passwords), {}};
  EXPECT_THAT(users, HasSubstr("client360 CRM service:/var/lib/client360:/usr/sbin/nologin"));
  if (geteuid() != 0) return;  // folders are given to the account by root only

  const RanProgram folders =
      run_program({"/usr/bin/systemd-tmpfiles", "--root=" + root, "--create"});
  EXPECT_EQ(folders.exit_code, 0) << folders.output;
  const auto rights = [&](const std::string& path) {
    return std::filesystem::status(root + path).permissions();
  };
  EXPECT_EQ(rights("/etc/client360/credentials"), std::filesystem::perms{0700});
  EXPECT_EQ(rights("/etc/client360/secrets"), std::filesystem::perms{0750});
  EXPECT_EQ(rights("/var/lib/client360"), std::filesystem::perms{0700});
}

}  // namespace
}  // namespace c360::testing
