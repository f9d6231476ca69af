// The log of what the renderer of documents lacks on this machine.
#include "daemon/renderer_check.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/support/quiet.h"
#include "tests/support/temp_folder.h"

namespace c360::testing {
namespace {

using ::testing::HasSubstr;

TEST(RendererCheck, EachMissingRestraintIsAnEventAndARendererThatIsAwayNone) {
  const TempFolder folder;
  const Quiet quiet;
  const std::string helper =
      folder
          .write("helper",
                 "#!/bin/sh\ncat > /dev/null\n"
                 "printf 'restraints\\nmissing: one\\nmissing: two\\nend\\n'\n")
          .string();
  ASSERT_EQ(::chmod(helper.c_str(), 0700), 0);

  daemon::report_missing_restraints({.path = folder.path() / "nothing"}, quiet.observer);
  daemon::report_missing_restraints({}, quiet.observer);
  daemon::report_missing_restraints({.path = helper}, quiet.observer);

  EXPECT_THAT(quiet.metrics.serialize(),
              HasSubstr("client360_events_total{event=\"renderer_unconfined\"} 2\n"));
}

TEST(RendererCheck, OneThatHangsIsGivenUpWithTheDaemon) {
  const TempFolder folder;
  const Quiet quiet;
  const std::string hanging = folder.write("hanging", "#!/bin/sh\nexec sleep 600\n").string();
  ASSERT_EQ(::chmod(hanging.c_str(), 0700), 0);

  {
    const daemon::RendererCheck check({.path = hanging}, quiet.observer);
  }

  EXPECT_THAT(quiet.metrics.serialize(), ::testing::Not(HasSubstr("renderer_unconfined\"} 1")));
}

}  // namespace
}  // namespace c360::testing
