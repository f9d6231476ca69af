// The running daemon with a register of companies over TLS, and an administrator signed in.
#pragma once

#include "tests/support/service_server.h"
#include "tests/system/system_fixture.h"

namespace c360::testing {

inline constexpr const char* kFindParty = "/suggestions/api/4_1/rs/findById/party";

class Autofill : public SystemTest {
 protected:
  void SetUp() override {
    register_.on(kFindParty, {.body = R"({"suggestions":[{"value":"ООО Ромашка","data":{
        "inn":"7707083893","kpp":"773601001","type":"LEGAL","branch_type":"MAIN",
        "opf":{"short":"ООО"},"state":{"status":"ACTIVE"},
        "name":{"full_with_opf":"Общество Ромашка","short_with_opf":"ООО Ромашка"}}}]})"});
    key_file_ = daemon_.write("dadata-key", "PLANTED-KEY\n");
  }
  std::string with_register() {
    return config("[dadata]\napi_key_file = '" + key_file_ + "'\nsuggestions_url = '" +
                  register_.url() + "'\nca_file = '" + register_.ca_file() +
                  "'\nconnect_timeout_ms = 60000\ntimeout_ms = 120000\n");
  }
  HttpAnswer post(const std::string& path, const std::string& body) {
    return HttpClient(daemon_.port("api"))
        .post("/api/v1/counterparties" + path, body,
              {{"Authorization", "Bearer " + token_}, {"Content-Type", "application/json"}});
  }
  HttpAnswer get(const std::string& path) {
    return HttpClient(daemon_.port("api"))
        .get("/api/v1/counterparties" + path, {{"Authorization", "Bearer " + token_}});
  }
  void execute(const std::string& sql) const { TempPostgres::shared().execute(database_, sql); }
  // After a kill: leases of the dead daemon are over at once.
  void start_where_it_was_left() {
    execute("UPDATE ops.job SET locked_until = now() WHERE status = 'running'");
    execute("UPDATE ops.service_answer SET claimed_until = '-infinity'");
    daemon_.start();
  }
  std::string dump() const {
    std::string text;
    for (const std::string table :
         {"ops.service_gate", "ops.service_answer", "ops.service_call", "ops.service_switch",
          "ops.job", "ops.job_run", "crm.counterparty_fact", "crm.express_report",
          "crm.history_event"})
      for (const std::string& row :
           TempPostgres::shared().query(database_, "SELECT t::text FROM " + table + " t"))
        text += row + "\n";
    return text;
  }

  ServiceServer register_;
  std::string key_file_;
};

}  // namespace c360::testing
