// Boards: columns with counts and sums, paged cards, moving a card.
#include "store/operations/board.h"
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class BoardsApi : public ApiTest {
 protected:
  static Json column(const HttpAnswer& board, std::string_view status) {
    const Json body = board.json();
    const Json* columns = body.find("columns");
    if (columns != nullptr) {
      for (const auto& each : columns->as_array()) {
        if (each.find("status")->as_string() == status) return each;
      }
    }
    ADD_FAILURE() << "no column " << status << " in " << board.body.substr(0, 500);
    return Json(Json::Object{});
  }
  static std::string text(const Json& of, std::string_view name) {
    const Json* found = of.find(name);
    if (found == nullptr) return "absent";
    return found->is_string() ? found->as_string() : found->dump();
  }
};

TEST_F(BoardsApi, EveryKindWithStatusesHasItsBoard) {
  HttpClient admin = administrator();
  int boards = 0;
  for (const auto& resource : registry_->all()) {
    const auto columns = store::board_columns(*resource);
    if (columns.empty()) continue;
    ++boards;
    const auto board = admin.get("/api/v1/boards/" + std::string(resource->path));
    ASSERT_EQ(board.status, 200) << board.body;
    const Json body = board.json();
    const auto& shown = body.find("columns")->as_array();
    ASSERT_EQ(shown.size(), columns.size()) << resource->kind;
    for (std::size_t i = 0; i < shown.size(); ++i) {
      EXPECT_EQ(shown[i].find("status")->as_string(), columns[i]->code);
      EXPECT_EQ(shown[i].find("count")->dump(), "0");
    }
  }
  EXPECT_GE(boards, 3) << "leads, deals, support requests and what follows";
  EXPECT_EQ(admin.get("/api/v1/boards/deals").json().find("columns")->as_array().size(), 10U)
      << "dropped out, historical and community are hidden";
  EXPECT_EQ(admin.get("/api/v1/boards/leads").json().find("columns")->as_array().size(), 6U);
  EXPECT_EQ(admin.get("/api/v1/boards/contacts").status, 404);
}

TEST_F(BoardsApi, ColumnsCountAndSumByCurrencyAndStage) {
  HttpClient admin = administrator();
  make_deal(admin, "A", R"(, "status": "proposal", "amount": "1000.00")");
  make_deal(admin, "B", R"(, "status": "proposal", "amount": "0.05")");
  make_deal(admin, "C", R"(, "status": "proposal", "amount": "10.00", "currency": "USD")");
  make_deal(admin, "D", R"(, "status": "proposal")");
  make_deal(admin, "E", R"(, "status": "paused", "amount": "5.00")");
  make_deal(admin, "F", R"(, "status": "dropped_out", "amount": "5.00")");

  const auto board = admin.get("/api/v1/boards/deals");
  const Json proposal = column(board, "proposal");
  EXPECT_EQ(text(proposal, "count"), "4");
  EXPECT_EQ(text(proposal, "stage"), "development");
  EXPECT_EQ(text(proposal, "percent"), "40");
  EXPECT_EQ(text(proposal, "sums"), R"([{"currency":"RUB","amount":"1000.05","weighted":"400.02"},)"
                                    R"({"currency":"USD","amount":"10.00","weighted":"4.00"}])");
  EXPECT_EQ(proposal.find("items")->as_array().size(), 4U);
  const Json paused = column(board, "paused");
  EXPECT_EQ(text(paused, "sums"), R"([{"currency":"RUB","amount":"5.00","weighted":null}])");
  EXPECT_EQ(text(column(board, "new"), "count"), "0");
}

// Leads by their budget, orders by what they cost with VAT; assignments cost nothing.
TEST_F(BoardsApi, LeadsAndOrdersAreSummedAssignmentsCounted) {
  HttpClient admin = administrator();
  for (const std::string more :
       {R"("amount": "100.00")", R"("amount": "0.50")", R"("amount": "7.00", "currency": "EUR")"}) {
    created(admin.post("/api/v1/leads", R"({"name": "L", )" + more + "}"));
  }
  created(admin.post("/api/v1/leads", R"({"name": "L", "status": "interest", "amount": "9.00"})"));
  const auto leads = admin.get("/api/v1/boards/leads");
  EXPECT_EQ(text(column(leads, "new"), "count"), "3");
  EXPECT_EQ(text(column(leads, "new"), "sums"),
            R"([{"currency":"EUR","amount":"7.00","weighted":null},)"
            R"({"currency":"RUB","amount":"100.50","weighted":null}])");
  EXPECT_EQ(text(column(leads, "interest"), "sums"),
            R"([{"currency":"RUB","amount":"9.00","weighted":null}])");

  const auto company = std::to_string(created(
      admin.post("/api/v1/counterparties",
                 R"({"name": "К", "segment_code": "small", "acquisition_channel_code": "site",
          "status_code": "potential"})")));
  for (const std::string price : {"100.00", "50.00"}) {
    const auto order = std::to_string(
        created(admin.post("/api/v1/orders", R"({"counterparty_id": )" + company + "}")));
    created(admin.post("/api/v1/orders/" + order + "/items",
                       R"({"name": "x", "kind": "service", "unit_code": "356", "quantity": "2",
          "price": ")" + price +
                           R"(", "vat_rate_code": "vat22"})"));
  }
  const auto orders = admin.get("/api/v1/boards/orders");
  EXPECT_EQ(text(column(orders, "placement"), "count"), "2");
  EXPECT_EQ(text(column(orders, "placement"), "sums"),
            R"([{"currency":"RUB","amount":"366.00","weighted":null}])");

  created(admin.post("/api/v1/assignments", R"({"title": "x"})"));
  const auto assignments = admin.get("/api/v1/boards/assignments");
  EXPECT_EQ(text(column(assignments, "created"), "count"), "1");
  EXPECT_EQ(text(column(assignments, "created"), "sums"), "[]");
}

TEST_F(BoardsApi, CardsComeInPagesColumnByColumn) {
  HttpClient admin = administrator();
  for (int i = 0; i < 5; ++i) make_deal(admin, "Deal " + std::to_string(i));
  make_deal(admin, "Other", R"(, "status": "paused")");

  const auto first = admin.get("/api/v1/boards/deals?limit=2&sort=name&fields=id,name");
  const Json fresh = column(first, "new");
  EXPECT_EQ(text(fresh, "count"), "5") << "of all, not only of those shown";
  ASSERT_EQ(fresh.find("items")->as_array().size(), 2U);
  EXPECT_EQ(text(fresh.find("items")->as_array().front(), "name"), "Deal 0");
  EXPECT_EQ(text(column(first, "paused"), "next_cursor"), "null");
  const auto next =
      admin.get("/api/v1/boards/deals?limit=2&sort=name&fields=id,name&column=new&cursor=" +
                text(fresh, "next_cursor"));
  ASSERT_EQ(next.status, 200) << next.body;
  EXPECT_EQ(next.json().find("columns")->as_array().size(), 1U);
  EXPECT_EQ(text(column(next, "new").find("items")->as_array().front(), "name"), "Deal 2");

  for (const std::string query : {"limit=0", "limit=101", "limit=x", "column=nowhere", "cursor=abc",
                                  "status=new", "count=exact", "deleted=only", "colour=red"}) {
    EXPECT_EQ(admin.get("/api/v1/boards/deals?" + query).status, 400) << query;
  }
}

TEST_F(BoardsApi, EachSeesAndCountsWhatHeMayRead) {
  HttpClient owner = client_of("owner", {});
  HttpClient stranger = client_of("stranger", {});
  HttpClient manager = client_of("manager", {"crm-manager"});
  make_deal(owner, "Mine", R"(, "amount": "100.00")");
  EXPECT_EQ(text(column(owner.get("/api/v1/boards/deals"), "new"), "count"), "1");
  EXPECT_EQ(text(column(manager.get("/api/v1/boards/deals"), "new"), "count"), "1");
  const Json hidden = column(stranger.get("/api/v1/boards/deals"), "new");
  EXPECT_EQ(text(hidden, "count"), "0");
  EXPECT_EQ(text(hidden, "sums"), "[]");
  HttpClient narrow = client(add_token(add_user("narrow"), {"lead:read"}));
  EXPECT_EQ(narrow.get("/api/v1/boards/deals").status, 403);
  EXPECT_EQ(narrow.get("/api/v1/boards/leads").status, 200);
}

TEST_F(BoardsApi, FiltersOfTheListNarrowCardsAndCounts) {
  HttpClient admin = administrator();
  make_deal(admin, "A", R"(, "amount": "100.00")");
  make_deal(admin, "B", R"(, "amount": "900.00")");
  const Json rich = column(admin.get("/api/v1/boards/deals?amount.gte=500"), "new");
  EXPECT_EQ(text(rich, "count"), "1");
  EXPECT_EQ(rich.find("items")->as_array().size(), 1U);
  EXPECT_EQ(text(column(admin.get("/api/v1/boards/deals?q=A"), "new"), "count"), "1");
}

// Whatever is done to records, the kept totals are what counting them anew gives.
TEST_F(BoardsApi, TheTotalsAreWhatStandsInTheColumns) {
  HttpClient admin = administrator();
  const auto first = make_deal(admin, "A", R"(, "amount": "100.00")");
  const auto second = make_deal(admin, "B", R"(, "amount": "0.01", "currency": "USD")");
  const auto third = make_deal(admin, "C");
  const auto path = [](std::int64_t id) { return "/api/v1/deals/" + std::to_string(id); };
  const auto patch = [&](std::int64_t id, const std::string& body) {
    const auto answer = admin.patch(path(id), body, {{"If-Match", "*"}});
    ASSERT_EQ(answer.status, 200) << answer.body;
  };
  const std::string board = "/api/v1/boards/deals?fields=id";
  // A filter that leaves nothing out: the rows are counted.
  const std::string counted = board + "&created_at.gte=2000-01-01T00:00:00Z";
  int step = 0;
  const auto expect_the_same = [&] {
    SCOPED_TRACE("step " + std::to_string(++step));
    const auto kept = admin.get(board);
    ASSERT_EQ(kept.status, 200) << kept.body;
    EXPECT_EQ(kept.body, admin.get(counted).body);
    EXPECT_EQ(sql("SELECT count(*) FROM ops.invariant_board_total_wrong"), 0);
  };

  expect_the_same();
  patch(first, R"({"amount": "250.00"})");
  patch(third, R"({"amount": "7.00", "status": "paused"})");
  expect_the_same();
  patch(second, R"({"currency": "EUR"})");
  patch(first, R"({"amount": null})");
  expect_the_same();
  EXPECT_EQ(admin.del(path(third), {{"If-Match", "*"}}).status, 204);
  expect_the_same();
  EXPECT_EQ(admin.post(path(third) + "/restore", "{}").status, 200);
  patch(third, R"({"status": "dropped_out", "refusal_reason": "-"})");
  expect_the_same();
  sql("UPDATE crm.deal SET amount = 3, status = 'new', closed_at = NULL");
  sql("DELETE FROM crm.record WHERE id = " + std::to_string(second));
  expect_the_same();
  const auto before = admin.get(board).body;
  EXPECT_GT(sql("SELECT ops.fold_board_pieces(2)"), 0);
  EXPECT_EQ(sql("SELECT max(n) FROM (SELECT count(*) AS n FROM ops.board_piece GROUP BY kind, "
                "status, currency) p"),
            1);
  EXPECT_EQ(admin.get(board).body, before);
  expect_the_same();
}

TEST_F(BoardsApi, EachKindWithTotalsKeepsThem) {
  EXPECT_EQ(
      sql_text("SELECT string_agg(DISTINCT c.relname, ',' ORDER BY c.relname) FROM pg_trigger t "
               "JOIN pg_class c ON c.oid = t.tgrelid WHERE t.tgname LIKE 'board\\_%'"),
      "assignment,deal,lead,order,payment");
  HttpClient admin = administrator();
  for (const std::string kind : {"leads", "deals", "orders", "payments", "assignments"}) {
    // What nobody counts is there: the totals are read, not the rows.
    sql("INSERT INTO ops.board_piece SELECT '" + kind.substr(0, kind.size() - 1) +
        "', status, 'RUB', 41, 0, 0 FROM (SELECT code AS status FROM crm." +
        (kind == "orders" ? "order" : kind.substr(0, kind.size() - 1)) +
        "_status ORDER BY position LIMIT 1) s");
    const Json shown = admin.get("/api/v1/boards/" + kind).json();
    EXPECT_THAT(shown.dump(), ::testing::HasSubstr("\"count\":41")) << kind;
  }
}

TEST_F(BoardsApi, ACardIsMovedWithTheGuardsOfItsStatus) {
  HttpClient owner = client_of("owner", {});
  HttpClient stranger = client_of("stranger", {});
  HttpClient manager = client_of("manager", {"crm-manager"});
  const auto lead = created(owner.post("/api/v1/leads", R"({"name": "L"})"));
  const auto body = [&](const std::string& more) {
    return R"({"id": )" + std::to_string(lead) + ", " + more + "}";
  };
  const std::string move = "/api/v1/boards/leads/move";
  EXPECT_EQ(owner.post(move, body(R"("status": "disqualified")")).field("code"),
            "disqualification_reason_required");
  EXPECT_EQ(owner.post(move, body(R"("status": "deal_creation")")).field("code"),
            "counterparty_required");
  EXPECT_EQ(stranger.post(move, body(R"("status": "interest")")).status, 404);
  EXPECT_EQ(manager.post(move, body(R"("status": "interest")")).status, 403);
  EXPECT_EQ(owner.post(move, R"({"status": "interest"})").field("code"), "id_required");
  EXPECT_EQ(owner.post(move, body(R"("status": "interest")"), {{"If-Match", "\"9\""}}).status, 412);

  const auto moved = owner.post(move, body(R"("status": "interest")"));
  ASSERT_EQ(moved.status, 200) << moved.body;
  EXPECT_EQ(text(column(owner.get("/api/v1/boards/leads"), "interest"), "count"), "1");
  EXPECT_EQ(text(column(owner.get("/api/v1/boards/leads"), "new"), "count"), "0");
}

TEST_F(BoardsApi, WhatAGuardAsksForIsSentAlong) {
  HttpClient owner = client_of("owner", {});
  const auto company = created(
      owner.post("/api/v1/counterparties",
                 R"({"name": "К", "segment_code": "small", "acquisition_channel_code": "site",
          "status_code": "potential"})"));
  const auto payment =
      created(owner.post("/api/v1/payments", R"({"amount": "100.00", "counterparty_id": )" +
                                                 std::to_string(company) + "}"));
  const auto move = [&](const std::string& more) {
    return owner.post("/api/v1/boards/payments/move",
                      R"({"id": )" + std::to_string(payment) + ", " + more + "}");
  };
  EXPECT_EQ(move(R"("status": "planned")").field("code"), "planned_payment_date_required");
  EXPECT_EQ(move(R"("status": "planned", "planned_payment_date": "2026-01-31")").status, 200);
  EXPECT_EQ(move(R"("status": "paid")").field("code"), "fact_payment_date_required");
  const auto paid = move(R"("status": "paid", "fact_payment_date": "2026-01-30")");
  ASSERT_EQ(paid.status, 200) << paid.body;
  EXPECT_EQ(paid.field("paid_amount"), "100.00");
  const Json column_of_paid = column(owner.get("/api/v1/boards/payments"), "paid");
  EXPECT_EQ(text(column_of_paid, "sums"),
            R"([{"currency":"RUB","amount":"100.00","weighted":null}])");
}

}  // namespace
}  // namespace c360::api
