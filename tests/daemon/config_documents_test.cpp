// The settings of the renderer of documents.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/api_parts.h"
#include "daemon/config.h"
#include "tests/support/temp_folder.h"

namespace c360::daemon {
namespace {

using ::testing::HasSubstr;

class DocumentsConfig : public ::testing::Test {
 protected:
  std::expected<Config, Problems> load(std::string_view text) const {
    return parse_config(text, (folder_.path() / "client360.toml").string(),
                        {[](const std::string&) { return std::nullopt; }, folder_.path().string()});
  }

  testing::TempFolder folder_;
};

TEST_F(DocumentsConfig, TheRendererIsTheSocketOfItsUnitUnlessItIsNamed) {
  const auto usual = load("");
  ASSERT_TRUE(usual);
  EXPECT_EQ(usual->renderer.path, "/run/client360/render.sock");
  EXPECT_EQ(usual->renderer.at_once, 2);
  EXPECT_EQ(usual->renderer.timeout, std::chrono::seconds{90});
  EXPECT_NE(renderer_of(*usual), nullptr);

  const auto none = load("[documents]\nrenderer = ''\nat_once = 7\ntimeout_ms = 5000\n");
  ASSERT_TRUE(none);
  EXPECT_EQ(renderer_of(*none), nullptr);
  EXPECT_EQ(none->renderer.at_once, 7);
  EXPECT_EQ(none->renderer.timeout, std::chrono::seconds{5});
}

TEST_F(DocumentsConfig, WhatIsNoWholePathIsRefused) {
  const auto config = load("[documents]\nrenderer = 'render.sock'\n");
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().front().detail, HasSubstr("documents.renderer"));
  EXPECT_FALSE(load("[documents]\nat_once = 0\n"));
}

}  // namespace
}  // namespace c360::daemon
