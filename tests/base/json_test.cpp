#include "daemon/base/json.h"

#include <gtest/gtest.h>

#include <string>

#include "daemon/base/text.h"

namespace c360 {
namespace {

std::string object_of(int names) {
  std::string text = "{";
  for (int i = 0; i < names; ++i)
    text.append(i ? ",\"" : "\"").append(std::to_string(i)).append("\":0");
  return text + "}";
}

TEST(Json, AnObjectHasAtMostAThousandNames) {
  EXPECT_TRUE(Json::parse(object_of(1000)));

  const auto refused = Json::parse(object_of(1001));

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_request);
  EXPECT_NE(refused.error().detail.find("1000 names"), std::string::npos) << refused.error().detail;
}

TEST(Json, ManySmallObjectsAreNoLargeOne) {
  std::string text = "[" + object_of(900);
  for (int i = 0; i < 20; ++i) text += "," + object_of(900);

  EXPECT_TRUE(Json::parse(text + "]"));
}

TEST(Json, NestingPastItsDepthAndANameTwiceAreRefused) {
  EXPECT_TRUE(Json::parse(std::string(32, '[') + std::string(32, ']')));
  EXPECT_FALSE(Json::parse(std::string(33, '[') + std::string(33, ']')));
  EXPECT_FALSE(Json::parse(R"({"a":1,"a":2})"));
}

TEST(Json, WhatIsSaidOfABadTextIsShortAndUtf8) {
  for (const std::string& bad : {std::string("{\"name\":\"\xC3\"}"), std::string("\xFF"),
                                 "[\"" + std::string(100'000, 'x') + "\n\"]"}) {
    const auto refused = Json::parse(bad);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(is_valid_utf8(refused.error().detail)) << refused.error().detail;
    EXPECT_LT(refused.error().detail.size(), 600U);
  }
}

}  // namespace
}  // namespace c360
