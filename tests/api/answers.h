// What tests compare of an answer, as one line.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/support/http_client.h"

namespace c360::api {

// Of a 422 every wrong field: "/inn=inn_checksum /name=name_required".
inline std::string faults(const testing::HttpAnswer& answer) {
  EXPECT_EQ(answer.status, 422) << answer.body;
  std::string all;
  const Json body = answer.json();
  for (const Json& each : body.find("errors")->as_array()) {
    all += (all.empty() ? "" : " ") + each.find("pointer")->as_string() + "=" +
           each.find("code")->as_string();
  }
  return all;
}

// Of a page the names of its items: "Астра Берёза".
inline std::string names(const testing::HttpAnswer& answer) {
  EXPECT_EQ(answer.status, 200) << answer.body;
  std::string all;
  const Json body = answer.json();
  for (const Json& each : body.find("items")->as_array()) {
    all += (all.empty() ? "" : " ") + each.find("name")->as_string();
  }
  return all;
}

}  // namespace c360::api
