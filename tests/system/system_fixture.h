// The real binary on a database of its own: what every system test begins with.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "daemon/base/json.h"
#include "tests/support/daemon_process.h"
#include "tests/support/http_client.h"
#include "tests/support/temp_postgres.h"

namespace c360::testing {

inline const std::string kDaemon = std::string(C360_BINARY_DIR) + "/bin/client360d";
inline const std::string kCommand = std::string(C360_BINARY_DIR) + "/bin/client360";

class SystemTest : public ::testing::Test {
 protected:
  DaemonProcess daemon_{kDaemon};
  std::string database_ = TempPostgres::shared().create_database();
  std::string token_;

  // `top` stands before the first table; `api` and `admin` are lines within theirs.
  std::string config(std::string_view rest = {}, std::string_view top = {},
                     std::string_view api = {}) const {
    return std::string(top) + "\n[database]\nurl = '" + database_ +
           "'\napi_connections = 4\nwork_connections = 4\n[service]\nreload_delay_ms = 20\n"
           "[admin]\nlisten = '127.0.0.1:0'\n[api]\n" +
           (api.contains("listen") ? "" : "listen = '127.0.0.1:0'\n") + std::string(api) + "\n" +
           std::string(rest);
  }
  void start(const std::string& text) {
    daemon_.write("client360.toml", text);
    daemon_.start();
    daemon_.wait_until_ready();
  }
  void rewrite(const std::string& text) { daemon_.write("client360.toml", text); }

  HttpAnswer admin_get(std::string_view target) {
    return HttpClient(daemon_.port("admin")).get(target, {{"Connection", "close"}});
  }
  HttpAnswer reload() {
    return HttpClient(daemon_.port("admin")).post("/-/reload", "", {{"Connection", "close"}});
  }
  // Makes an administrator, and token_ with all rights.
  void sign_in() {
    const std::string file = "--config=" + daemon_.config_file();
    ASSERT_EQ(run_program({kCommand, file, "user", "add", "--admin", "ops"}).exit_code, 0);
    const RanProgram made = run_program({kCommand, file, "--json", "token", "create", "--user=ops",
                                         "--name=test", "--scopes=admin"});
    const auto token = Json::parse(made.output);
    ASSERT_TRUE(token) << made.output;
    token_ = token->find("token")->as_string();
  }
  // The first column of the first row; empty: there is none.
  std::string one(const std::string& sql) const {
    const auto rows = TempPostgres::shared().query(database_, sql);
    return rows.empty() ? "" : rows.front();
  }
  // The value of a series in /metrics; -1 when it is not there.
  double metric(const std::string& series) {
    const std::string text = admin_get("/metrics").body;
    const std::size_t at = text.find("\n" + series + " ");
    return at == std::string::npos ? -1 : std::stod(text.substr(at + series.size() + 2));
  }
  // "ready", "not ready: REASON" or "none".
  std::string mailbox(const std::string& code) {
    const Json ready = admin_get("/readyz").json();
    for (const Json& box : ready.find("mailboxes")->as_array())
      if (box.find("mailbox")->as_string() == code)
        return box.find("ready")->as_bool() ? "ready"
                                            : "not ready: " + box.find("reason")->as_string();
    return "none";
  }
  bool becomes(const std::string& code, const std::string& state) {
    return eventually([&] { return mailbox(code) == state; });
  }
  // Waits for a condition; false after a minute.
  static bool eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    return true;
  }
};

}  // namespace c360::testing
