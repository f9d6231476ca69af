// The whole story over HTTP alone, through the real binary: a mail becomes a deal, a lead a
// customer, an order is paid, two deals become one, the customer is supported, and everybody sees
// what he may.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "tests/support/openapi_validator.h"
#include "tests/system/system_fixture.h"

namespace c360::testing {
namespace {

namespace fs = std::filesystem;

class Scenario : public SystemTest {
 protected:
  void SetUp() override {
    drop_ = fs::path(daemon_.write("drop/.keep", "")).parent_path();
    start(config(fmt::format("[mailbox.crm]\nmaildir = '{}'\ndelay_ms = 1000\n", drop_.string())));
    run_program({kCommand, config_option(), "user", "add", "--admin", "ops"});
    people_.emplace("ops", client(token("ops")));
    validator_ = std::make_unique<OpenApiValidator>(ops().get("/api/v1/openapi.json").body);
  }
  std::string config_option() const { return "--config=" + daemon_.config_file(); }
  std::string token(const std::string& login) {
    const auto made = run_program({kCommand, config_option(), "--json", "token", "create",
                                   "--user=" + login, "--name=t", "--scopes=admin"});
    const auto json = Json::parse(made.output);
    EXPECT_TRUE(json) << made.output;
    return json ? json->find("token")->as_string() : "";
  }
  // Every answer is what the OpenAPI document says.
  HttpClient client(std::string token) {
    HttpClient made(daemon_.port("api"), std::move(token));
    made.on_exchange([this](const HttpExchange& exchange) {
      if (!validator_) return;
      for (const auto& fault : validator_->check(exchange))
        ADD_FAILURE() << exchange.method << " " << exchange.target << " -> "
                      << exchange.answer.status << ": " << fault;
    });
    return made;
  }
  HttpClient& ops() { return people_.at("ops"); }
  HttpClient& join(const std::string& login, const std::vector<std::string>& groups) {
    const auto made =
        ops().post("/api/v1/users", fmt::format(R"({{"login":"{0}","last_name":"{0}"}})", login));
    EXPECT_EQ(made.status, 201) << made.body;
    ids_[login] = made.field("id");
    for (const auto& group : groups) {
      const auto added =
          ops().put(fmt::format("/api/v1/groups/{}/members/{}", group, made.field("id")), "{}");
      EXPECT_EQ(added.status, 204) << added.body;
    }
    return people_.emplace(login, client(token(login))).first->second;
  }
  static std::string made(const HttpAnswer& answer) {
    EXPECT_EQ(answer.status, 201) << answer.body;
    return answer.field("id");
  }
  static void done(const HttpAnswer& answer, int status = 200) {
    EXPECT_EQ(answer.status, status) << answer.body;
  }
  void put_mail(const std::string& text) {
    const std::string name = std::to_string(++mails_) + ".host";
    std::ofstream(drop_ / "tmp" / name, std::ios::binary) << text;
    fs::rename(drop_ / "tmp" / name, drop_ / "new" / name);
  }
  // The customer's card, of now or of then.
  static HttpAnswer card(HttpClient& by, const std::string& company, const std::string& then = {}) {
    HttpAnswer shown = by.get(fmt::format("/api/v1/counterparties/{}/360{}", company,
                                          then.empty() ? "" : "?as_of=" + then));
    EXPECT_EQ(shown.status, 200) << shown.body;
    return shown;
  }
  // "contacts 1, deals 1, …" of the lists of a card that are not empty.
  static std::string totals(const HttpAnswer& card) {
    std::string all;
    const Json body = card.json();
    for (const auto& [tab, content] : body.find("tabs")->as_object()) {
      if (tab == "history") continue;
      for (const auto& [list, shown] : content.as_object()) {
        const Json* total = shown.is_object() ? shown.find("total") : nullptr;
        if (total == nullptr || *total == Json(0) || list == "mails") continue;
        all += (all.empty() ? "" : ", ") + std::string(list) + " " + total->dump();
      }
    }
    return all;
  }
  // What may be done to the first row of a list.
  static bool offers(const HttpAnswer& card, const std::string& list, const std::string& action) {
    for (int i = 0;; ++i) {
      const auto name = card.field(fmt::format("tabs/{}/items/0/actions/{}/name", list, i));
      if (name.empty()) return false;
      if (name == action) return true;
    }
  }

  fs::path drop_;
  std::unique_ptr<OpenApiValidator> validator_;
  std::map<std::string, HttpClient> people_;
  std::map<std::string, std::string> ids_;
  int mails_ = 0;
};

constexpr std::string_view kApi = "/api/v1/";

std::string at(std::string_view path) { return std::string(kApi) + std::string(path); }

TEST_F(Scenario, FromTheFirstMailToThePaidOrderAndWhoSeesIt) {
  HttpClient& seller = join("seller", {"crm-manager"});
  HttpClient& director = join("director", {"crm-cco"});
  HttpClient& observer = join("observer", {});
  HttpClient& stranger = join("stranger", {});

  // A mail becomes a deal with its contact; it says why each field was filled.
  ASSERT_TRUE(becomes("crm", "ready"));
  put_mail(
      "From: Site <site@shop.example>\r\nMessage-ID: <1@shop.example>\r\n"
      "Subject: Запрос стоимости\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
      "Имя: Анна Иванова\r\nКомпания: ООО «Ромашка»\r\nE-mail: anna@romashka.example\r\n"
      "Телефон: +7 495 123-45-67\r\n");
  ASSERT_TRUE(
      eventually([&] { return seller.get(at("deals?count=exact")).field("total") == "1"; }));
  const std::string deal = seller.get(at("deals")).field("items/0/id");
  const auto first = seller.get(at("deals/" + deal) + "?include=contacts");
  EXPECT_EQ(first.field("company_text"), "ООО «Ромашка»");
  EXPECT_EQ(first.field("contacts/0/email"), "anna@romashka.example");
  EXPECT_EQ(first.field("stage_code"), "processing");
  EXPECT_EQ(first.field("status"), "new");
  EXPECT_EQ(first.field("site_email"), "site@shop.example");
  const std::string anna = first.field("contacts/0/id");
  done(ops().get(at("deals/" + deal + "/explain")));

  // The seller takes it to work by its task.
  const std::string task = seller.get(at("tasks?scope=current")).field("items/0/id");
  done(seller.post(at("tasks/" + task + "/complete"), R"({"outcome":"take_to_work"})"));
  EXPECT_EQ(seller.get(at("deals/" + deal)).field("responsible_id"), ids_["seller"]);

  // A lead is qualified, its counterparty created, and converted into a deal.
  const std::string lead = made(seller.post(
      at("leads"), R"({"name":"Звонок","company_text":"ООО «Ромашка»","request_type":"deal"})"));
  done(seller.post(at("leads/" + lead + "/status"), R"({"status":"interest"})"));
  const std::string company = made(
      seller.post(at("leads/" + lead + "/create-counterparty"),
                  R"({"inn":"7707083893","segment_code":"small","acquisition_channel_code":"site",)"
                  R"("status_code":"potential"})"));
  const auto converted = seller.post(at("leads/" + lead + "/convert"), "{}");
  ASSERT_TRUE(converted.status == 201 || converted.status == 200) << converted.body;
  const std::string second = converted.field("id");
  EXPECT_EQ(seller.get(at("leads/" + lead)).field("status"), "deal_creation");
  EXPECT_EQ(seller.get(at("deals/" + second)).field("created_from_lead_id"), lead);

  // The deal of the mail is merged into it: what would move is shown first.
  const auto plan = seller.post(at("deals/" + deal + "/merge"),
                                fmt::format(R"({{"into":{},"dry_run":true}})", second));
  done(plan);
  EXPECT_EQ(seller.get(at("deals/" + deal)).status, 200) << "only shown";
  done(seller.post(at("deals/" + deal + "/merge"),
                   fmt::format(R"({{"into":{},"confirm":true}})", second)));
  EXPECT_EQ(seller.get(at("deals/" + deal)).header("location"), at("deals/" + second));
  EXPECT_EQ(seller.get(at("deals/" + second + "/contacts")).field("items/0/email"),
            "anna@romashka.example");

  // Anna is a contact of the customer from now on, and writes about the deal that is left.
  done(seller.patch(at("contacts/" + anna), fmt::format(R"({{"counterparty_id":{}}})", company),
                    {{"If-Match", "*"}}));
  put_mail(
      fmt::format("From: Anna <anna@romashka.example>\r\nMessage-ID: <2@romashka.example>\r\n"
                  "Subject: Re: Сделка #{}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
                  "Когда начнём?\r\n",
                  seller.get(at("deals/" + second)).field("number")));
  ASSERT_TRUE(eventually([&] {
    return card(ops(), company).field("tabs/correspondence/mails/items/0/subject").contains("#");
  }));
  const std::string early = card(seller, company).field("as_of");
  const std::string lists_then = totals(card(seller, company));
  EXPECT_EQ(lists_then, "contacts 1, deals 1, leads 1");

  // Products, contract, order with lines, a payment planned and paid.
  const std::string product =
      made(ops().post(at("products"), R"({"name":"Внедрение","kind":"service","unit_code":"356",)"
                                      R"("price":"100000.00","vat_rate_code":"vat22"})"));
  const std::string contract = made(seller.post(at("deals/" + second + "/contracts"), "{}"));
  EXPECT_EQ(seller.get(at("deals/" + second)).field("contract_id"), contract);
  const std::string order = made(
      seller.post(at("deals/" + second + "/orders"),
                  fmt::format(R"({{"items":[{{"product_id":{},"quantity":"2"}}]}})", product)));
  const auto ordered = seller.get(at("orders/" + order));
  EXPECT_EQ(ordered.field("total_amount_with_vat"), "244000.00");
  EXPECT_EQ(ordered.field("contract_id"), contract) << "that of its deal";
  const std::string payment = made(seller.post(
      at("payments"),
      fmt::format(R"({{"order_id":{},"status":"planned","planned_payment_date":"2099-12-01"}})",
                  order)));
  done(seller.post(at("payments/" + payment + "/status"),
                   R"({"status":"paid","fact_payment_date":"2026-01-20"})"));
  EXPECT_EQ(seller.get(at("orders/" + order)).field("balance_due"), "0.00");

  // A document, a task, a support request, an observer.
  const auto file = seller.request("POST", at("deals/" + second + "/documents?name=plan.txt"),
                                   {{"Content-Type", "text/plain"}}, "План работ");
  done(file, 201);
  EXPECT_EQ(seller.get(at("documents/" + file.field("id") + "/content")).body, "План работ");
  done(seller.request("PUT", at("deals/" + second + "/observers/" + ids_["observer"])), 204);

  done(seller.request("PUT", at("counterparties/" + company + "/observers/" + ids_["observer"])),
       204);
  const std::string bought = card(seller, company).field("as_of");

  // The director moves it to another seller, who alone is told by its history.
  HttpClient& other = join("other", {});
  done(seller.post(at("deals/" + second + "/assign"),
                   fmt::format(R"({{"user_id":{}}})", ids_["other"])),
       403);
  done(director.post(at("deals/" + second + "/assign"),
                     fmt::format(R"({{"user_id":{}}})", ids_["other"])));

  // Its customer asks for support and closes it; what employees say among themselves is not his.
  const std::string path_of_card = at("counterparties/" + company + "/360");
  const std::string before = seller.get(path_of_card).field("as_of");
  const std::string login = made(ops().post(
      at("counterparty-users"),
      fmt::format(R"({{"counterparty_id":{},"login":"anna","email":"anna@romashka.example",)"
                  R"("full_name":"Анна Иванова","status":"active","role":"member"}})",
                  company)));
  HttpClient portal = client(
      ops().post(at("counterparty-users/" + login + "/tokens"), R"({"name":"p"})").field("token"));
  const std::string request = made(
      portal.post(at("portal/support-requests"), R"({"subject":"Отчёт","content":"<p>?</p>"})"));
  HttpClient& engineer = join("engineer", {"support-line-1"});
  const std::string support = at("support-requests/" + request);
  done(engineer.post(support + "/comments", R"({"text":"Опять","is_internal":true})"), 201);
  done(engineer.post(support + "/status", R"({"status":"first_line_work"})"));
  done(engineer.post(support + "/status", R"({"status":"approve"})"));
  EXPECT_EQ(portal.get(support + "/comments?count=exact").field("total"), "0");
  done(portal.post(at("portal/support-requests/" + request + "/answer"), R"({"approved":true})"));
  EXPECT_EQ(portal.get(support).field("status"), "closed");
  done(portal.get(path_of_card), 403);

  // The card shows it all.
  const auto now = card(seller, company);
  const std::string all =
      "contacts 1, documents 1, deals 1, orders 1, payments 1, leads 1, contracts 1, requests 1";
  EXPECT_EQ(totals(now), all);
  EXPECT_EQ(now.field("tabs/main/counterparty/inn"), "7707083893");
  EXPECT_EQ(now.field("tabs/main/contacts/items/0/email"), "anna@romashka.example");
  EXPECT_EQ(now.field("tabs/documents/documents/items/0/name"), "plan.txt");
  EXPECT_EQ(now.field("tabs/crm/deals/items/0/id"), second);
  EXPECT_EQ(now.field("tabs/crm/deals/items/0/responsible_id"), ids_["other"]);
  EXPECT_EQ(now.field("tabs/crm/orders/items/0/contract_id"), contract);
  EXPECT_EQ(now.field("tabs/crm/payments/items/0/status"), "paid");
  EXPECT_EQ(now.field("tabs/crm/sums/payments/0/paid"), "244000.00");
  EXPECT_EQ(now.field("tabs/contracts/contracts/items/0/id"), contract);
  EXPECT_EQ(now.field("tabs/support/requests/items/0/status"), "closed");

  // As it stood before there was a request, and before anything was bought.
  const auto then = card(seller, company, before);
  EXPECT_EQ(then.field("as_of"), before);
  EXPECT_EQ(totals(then), all.substr(0, all.find(", requests")));
  EXPECT_EQ(then.field("tabs/crm/deals/items/0/responsible_id"), ids_["other"]);
  EXPECT_EQ(card(seller, company, bought).field("tabs/crm/deals/items/0/responsible_id"),
            ids_["seller"]);
  const auto earliest = card(seller, company, early);
  EXPECT_EQ(totals(earliest), lists_then);
  EXPECT_EQ(earliest.field("tabs/crm/deals/items/0/contract_id"), "null");
  EXPECT_EQ(earliest.field("tabs/crm/sums/payments/0/paid"), "");
  EXPECT_EQ(earliest.field("tabs/main/contacts/items/0/email"), "anna@romashka.example");

  // Others see the same card with what they may do, and no more of it than they may read.
  const auto of_director = card(director, company);
  EXPECT_EQ(totals(of_director), all.substr(0, all.find(", requests"))) << "support is not his";
  EXPECT_TRUE(offers(of_director, "crm/deals", "assign"));
  const auto of_observer = card(observer, company);
  EXPECT_EQ(totals(of_observer), "contacts 1, documents 1, deals 1, orders 1, payments 1")
      << "of what he observes";
  EXPECT_EQ(of_observer.field("tabs/crm/deals/items/0/id"), second);
  EXPECT_FALSE(offers(of_observer, "crm/deals", "update"));
  EXPECT_FALSE(offers(of_observer, "crm/deals", "assign"));
  EXPECT_FALSE(offers(now, "crm/deals", "assign")) << "the seller handed it over";
  done(stranger.get(path_of_card), 404);

  // Everybody sees what he may: the new owner writes, the observer reads, the stranger learns of
  // nothing.
  const std::string path = at("deals/" + second);
  done(other.patch(path, R"({"description":"<p>Срочно</p>"})", {{"If-Match", "*"}}));
  done(observer.get(path));
  done(observer.patch(path, R"({"description":"x"})", {{"If-Match", "*"}}), 403);
  done(stranger.get(path), 404);
  EXPECT_EQ(stranger.get(at("deals?count=exact")).field("total"), "0");
  EXPECT_EQ(
      stranger.get(at("search?q=%D0%A0%D0%BE%D0%BC%D0%B0%D1%88%D0%BA%D0%B0")).field("items/0/id"),
      "");
  EXPECT_EQ(director.get(path + "/history?event=responsible_changed").field("items/0/event"),
            "responsible_changed");
  EXPECT_EQ(seller.get(at("counterparties/" + company + "/deals?count=exact")).field("total"), "1");
  EXPECT_EQ(seller.get(at("contracts/" + contract)).field("counterparty_id"), company);
}

}  // namespace
}  // namespace c360::testing
