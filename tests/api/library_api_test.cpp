// The document library: its tree, its files, who may do what with them.
#include <thread>

#include "api/library_routes.h"
#include "store/operations/remove_folder.h"
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

const testing::HttpHeaders kAnyVersion{{"If-Match", "*"}};
const testing::HttpHeaders kPlainText{{"Content-Type", "text/plain"}};

class LibraryApi : public ApiTest {
 protected:
  // The id of a new folder; `parent` 0: in the root.
  static std::int64_t folder(HttpClient& by, std::string_view name, std::int64_t parent = 0) {
    Json body = Json::Object{{"name", name}};
    if (parent > 0) body.set("parent_folder_id", parent);
    return created(by.post("/api/v1/folders", body.dump()));
  }
  static std::int64_t file(HttpClient& by, const std::string& at, std::string_view name,
                           std::string_view content = "content") {
    return created(by.request("POST", at + "?name=" + percent_encoded(name), kPlainText, content));
  }
  static std::string folder_path(std::int64_t id) {
    return "/api/v1/folders/" + std::to_string(id);
  }
  static std::string document_path(std::int64_t id) {
    return "/api/v1/documents/" + std::to_string(id);
  }
  static std::string into(std::int64_t id) { return folder_path(id) + "/documents"; }
  static HttpAnswer move(HttpClient& by, std::int64_t id, std::int64_t parent) {
    return by.patch(folder_path(id), "{\"parent_folder_id\":" + std::to_string(parent) + "}",
                    kAnyVersion);
  }
  // Folders straight in the database, many at once; the check of each by itself would take long.
  void many_folders(std::int64_t count, std::int64_t parent) {
    sql("ALTER TABLE crm.folder DISABLE TRIGGER folder_cycle");
    sql("WITH r AS (INSERT INTO crm.record (kind) SELECT 'folder' FROM generate_series(1, " +
        std::to_string(count) +
        ") RETURNING id) INSERT INTO crm.folder (id, name, parent_folder_id) SELECT id, 'f' || "
        "id, " +
        std::to_string(parent) + " FROM r");
    sql("ALTER TABLE crm.folder ENABLE TRIGGER folder_cycle");
    sql("ANALYZE crm.folder");
  }
  static std::string paths_of(const HttpAnswer& tree) {
    std::string all;
    const Json json = tree.json();
    for (const Json& each : json.find("items")->as_array()) {
      all += each.find("path")->as_string() + " ";
    }
    return all;
  }
};

TEST_F(LibraryApi, FoldersMakeATreeThatIsRenamedAndMoved) {
  HttpClient admin = administrator();
  const auto contracts = folder(admin, "Договоры");
  const auto year = folder(admin, "2026", contracts);
  const auto archive = folder(admin, "Архив");
  file(admin, into(year), "Акт.pdf");

  EXPECT_EQ(paths_of(admin.get("/api/v1/library/tree")), "/Архив /Договоры /Договоры/2026 ");
  EXPECT_EQ(admin.get("/api/v1/library/tree").field("items/2/documents"), "1");
  EXPECT_EQ(paths_of(admin.get("/api/v1/library/tree?max_depth=1")), "/Архив /Договоры ");
  EXPECT_EQ(admin.get(folder_path(year)).field("path"), "/Договоры/2026");

  const auto renamed = admin.patch(folder_path(contracts), R"({"name": "Contracts"})", kAnyVersion);
  EXPECT_EQ(renamed.status, 200) << renamed.body;
  EXPECT_EQ(renamed.field("path"), "/Contracts");
  EXPECT_EQ(move(admin, contracts, archive).status, 200);
  EXPECT_EQ(admin.get(folder_path(year)).field("path"), "/Архив/Contracts/2026");
  EXPECT_EQ(paths_of(admin.get("/api/v1/library/tree?folder_id=" + std::to_string(archive))),
            "/Архив/Contracts /Архив/Contracts/2026 ");
  EXPECT_EQ(admin.get(folder_path(archive) + "/folders").field("items/0/name"), "Contracts");
  EXPECT_EQ(admin.get("/api/v1/library/tree?folder_id=999999").status, 404);
  EXPECT_EQ(admin.get("/api/v1/library/tree?max_depth=33").status, 400);
  EXPECT_EQ(admin.get(folder_path(year) + "/history?event=created").field("items/0/event"),
            "created");
}

TEST_F(LibraryApi, AFolderHoldsEachNameOnceWhateverItsCase) {
  HttpClient admin = administrator();
  const auto one = folder(admin, "Отчёты");
  const auto twice = admin.post("/api/v1/folders", R"({"name": "ОТЧЁТЫ"})");
  EXPECT_EQ(twice.status, 409) << twice.body;
  EXPECT_EQ(twice.field("code"), "not_unique");
  EXPECT_EQ(admin.post("/api/v1/folders", R"({"name": "a/b"})").status, 422);

  file(admin, into(one), "План.txt");
  const auto again = admin.request("POST", into(one) + "?name=" + percent_encoded("план.TXT"),
                                   kPlainText, "other");
  EXPECT_EQ(again.status, 409) << again.body;
  EXPECT_EQ(again.field("code"), "not_unique");
  const auto root = file(admin, "/api/v1/documents", "план.txt");
  const auto moved =
      admin.patch(document_path(root), "{\"folder_id\":" + std::to_string(one) + "}", kAnyVersion);
  EXPECT_EQ(moved.status, 409) << moved.body;
  const auto renamed = admin.patch(
      document_path(root), "{\"name\": \"Смета.txt\", \"folder_id\":" + std::to_string(one) + "}",
      kAnyVersion);
  EXPECT_EQ(renamed.status, 200) << renamed.body;
  EXPECT_EQ(renamed.field("path"), "/Отчёты/Смета.txt");
  EXPECT_EQ(admin.get(into(one) + "?count=exact").field("total"), "2");
}

TEST_F(LibraryApi, NoFolderGetsInsideItselfOrTooDeep) {
  HttpClient admin = administrator();
  const auto top = folder(admin, "1");
  const auto middle = folder(admin, "2", top);
  const auto circle = move(admin, top, middle);
  EXPECT_EQ(circle.status, 422) << circle.body;
  EXPECT_EQ(circle.field("code"), "folder_cycle");
  EXPECT_EQ(move(admin, top, top).field("code"), "folder_cycle");

  auto bottom = middle;
  for (int depth = 3; depth <= 32; ++depth) bottom = folder(admin, std::to_string(depth), bottom);
  const auto deeper = admin.post(
      "/api/v1/folders", "{\"name\": \"33\", \"parent_folder_id\":" + std::to_string(bottom) + "}");
  EXPECT_EQ(deeper.status, 422) << deeper.body;
  EXPECT_EQ(deeper.field("code"), "folder_depth");
  const auto above = folder(admin, "0");
  EXPECT_EQ(move(admin, top, above).field("code"), "folder_depth") << "what is below comes along";
  EXPECT_EQ(move(admin, middle, above).status, 200) << "32 again";
}

TEST_F(LibraryApi, TwoFoldersMovedIntoEachOtherAtOnceMakeNoCircle) {
  HttpClient admin = administrator();
  for (int round = 0; round < 8; ++round) {
    const auto one = folder(admin, "one " + std::to_string(round));
    const auto other = folder(admin, "other " + std::to_string(round));
    HttpAnswer first;
    HttpAnswer second;
    {
      HttpClient by_one = client_of("a" + std::to_string(round), {"crm-administrators"});
      HttpClient by_other = client_of("b" + std::to_string(round), {"crm-administrators"});
      std::jthread moves([&] { first = move(by_one, one, other); });
      second = move(by_other, other, one);
    }
    EXPECT_EQ(std::min(first.status, second.status), 200) << first.body << second.body;
    EXPECT_EQ(std::max(first.status, second.status), 422) << first.body << second.body;
  }
  EXPECT_EQ(sql("SELECT count(*) FROM crm.folder f JOIN crm.folder g ON g.id = f.parent_folder_id "
                "WHERE g.parent_folder_id = f.id"),
            0);
}

TEST_F(LibraryApi, AFolderIsNoWayUpInAnArchiveOfIt) {
  HttpClient admin = administrator();
  for (const std::string name : {".", "..", "a/b", "a\\\\b"}) {
    const auto refused = admin.post("/api/v1/folders", R"({"name":")" + name + "\"}");
    EXPECT_EQ(refused.status, 422) << name;
    EXPECT_EQ(refused.field("code"), "invalid_name") << name;
  }
}

TEST_F(LibraryApi, AFolderIsDeletedEmptyOrWithAllThatIsInIt) {
  HttpClient admin = administrator();
  const auto top = folder(admin, "top");
  const auto below = folder(admin, "below", top);
  const auto document = file(admin, into(below), "a.txt");
  const auto deal = make_deal(admin, "D");
  const auto of_deal = file(admin, "/api/v1/deals/" + std::to_string(deal) + "/documents", "b.txt");
  ASSERT_EQ(admin
                .patch(document_path(of_deal), "{\"folder_id\":" + std::to_string(below) + "}",
                       kAnyVersion)
                .status,
            200);

  const auto refused = admin.del(folder_path(top), kAnyVersion);
  EXPECT_EQ(refused.status, 409) << refused.body;
  EXPECT_EQ(refused.field("code"), "folder_not_empty");
  EXPECT_EQ(admin.del(folder_path(below), kAnyVersion).field("code"), "folder_not_empty");
  EXPECT_EQ(admin.del(folder_path(top) + "?recursive=maybe", kAnyVersion).status, 400);
  EXPECT_EQ(admin.del(folder_path(top) + "?recursive=true").status, 428);
  EXPECT_EQ(admin.del(folder_path(top) + "?recursive=true", {{"If-Match", "\"7\""}}).status, 412);
  EXPECT_EQ(admin.get("/api/v1/folders?count=exact").field("total"), "2") << "nothing is half done";

  sql("INSERT INTO crm.task (kind, record_id, assignee_group_id, title_ru, title_en) SELECT "
      "'custom', d.id, 'crm-manager', 'Т', 'T' FROM crm.document d RETURNING id");
  EXPECT_EQ(admin.del(folder_path(top) + "?recursive=true", kAnyVersion).status, 204);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.task WHERE status = 'active'"), 1) << "the deal's";
  EXPECT_EQ(admin.get("/api/v1/folders?count=exact").field("total"), "0");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.document WHERE deleted_at IS NOT NULL AND id = " +
                std::to_string(document)),
            1);
  EXPECT_EQ(admin.get(document_path(document) + "/history").field("items/0/event"), "deleted");
  EXPECT_EQ(admin.get(document_path(of_deal)).field("name"), "b.txt") << "it is the deal's";
  EXPECT_TRUE(admin.get(document_path(of_deal)).json().find("folder_id")->is_null());

  const auto orphan = admin.post(document_path(document) + "/restore", "", kAnyVersion);
  EXPECT_EQ(orphan.field("code"), "folder_deleted") << orphan.body;
  EXPECT_EQ(admin.post(folder_path(below) + "/restore", "", kAnyVersion).field("code"),
            "folder_deleted");
  EXPECT_EQ(admin.post(folder_path(top) + "/restore", "", kAnyVersion).status, 200);
  EXPECT_EQ(admin.del(folder_path(top), kAnyVersion).status, 204) << "empty now";
  EXPECT_EQ(admin.del(folder_path(top), kAnyVersion).status, 404);
}

TEST_F(LibraryApi, ADeletedFolderTakesNothingIn) {
  HttpClient admin = administrator();
  HttpClient other = client_of("other", {"crm-administrators"});
  for (int round = 0; round < 8; ++round) {
    const auto id = folder(admin, "f" + std::to_string(round));
    const auto document = file(admin, "/api/v1/documents", "d" + std::to_string(round));
    HttpAnswer moved;
    HttpAnswer removed;
    {
      std::jthread moves([&] {
        moved = other.patch(document_path(document), "{\"folder_id\":" + std::to_string(id) + "}",
                            kAnyVersion);
      });
      removed = admin.del(folder_path(id), kAnyVersion);
    }
    EXPECT_TRUE((moved.status == 200) != (removed.status == 204)) << moved.body << removed.body;
  }
  EXPECT_EQ(sql("SELECT count(*) FROM crm.document d JOIN crm.folder f ON f.id = d.folder_id "
                "WHERE f.deleted_at IS NOT NULL AND d.deleted_at IS NULL"),
            0);
}

TEST_F(LibraryApi, TheFolderDecidesWhoMayAddAndChange) {
  HttpClient owner = client_of("owner", {});
  HttpClient other = client_of("other", {});
  HttpClient director = client_of("director", {"crm-cco"});
  const auto mine = folder(owner, "mine");
  const auto document = file(owner, into(mine), "plan.txt");

  EXPECT_EQ(other.get(document_path(document) + "/content").body, "content")
      << "all employees read";
  EXPECT_EQ(other.get(into(mine) + "?count=exact").field("total"), "1");
  EXPECT_EQ(other.request("POST", into(mine), kPlainText, "x").status, 403);
  EXPECT_EQ(other.patch(folder_path(mine), R"({"name": "yours"})", kAnyVersion).status, 403);
  EXPECT_EQ(other.del(folder_path(mine) + "?recursive=true", kAnyVersion).status, 403);
  EXPECT_EQ(other.del(document_path(document), kAnyVersion).status, 403);
  EXPECT_EQ(other
                .post("/api/v1/folders",
                      "{\"name\": \"inside\", \"parent_folder_id\":" + std::to_string(mine) + "}")
                .status,
            403);
  const auto his = file(other, "/api/v1/documents", "his.txt");
  const std::string to_mine = "{\"folder_id\":" + std::to_string(mine) + "}";
  EXPECT_EQ(other.patch(document_path(his), to_mine, kAnyVersion).status, 403);
  EXPECT_EQ(owner.patch(document_path(his), R"({"name": "stolen.txt"})", kAnyVersion).status, 403);

  const auto directors = file(director, into(mine), "rules.txt");
  EXPECT_EQ(owner.patch(document_path(directors), R"({"name": "r.txt"})", kAnyVersion).status, 200)
      << "in the owner's folder";
  const auto below = folder(director, "below", mine);
  EXPECT_EQ(owner.del(folder_path(mine) + "?recursive=true", kAnyVersion).status, 403)
      << "the folder below is another's";
  EXPECT_EQ(director.del(folder_path(below), kAnyVersion).status, 204);
  EXPECT_EQ(owner.del(folder_path(mine) + "?recursive=true", kAnyVersion).status, 204);
}

TEST_F(LibraryApi, ADocumentOfARecordIsHiddenInAFolderToo) {
  HttpClient owner = client_of("owner", {});
  HttpClient stranger = client_of("stranger", {});
  const auto deal = make_deal(owner, "secret");
  const auto shared = folder(owner, "shared");
  const auto document =
      file(owner, "/api/v1/deals/" + std::to_string(deal) + "/documents", "secret.txt");
  ASSERT_EQ(owner
                .patch(document_path(document), "{\"folder_id\":" + std::to_string(shared) + "}",
                       kAnyVersion)
                .status,
            200);

  EXPECT_EQ(owner.get(into(shared) + "?count=exact").field("total"), "1");
  EXPECT_EQ(owner.get("/api/v1/library/tree").field("items/0/documents"), "1");
  EXPECT_EQ(stranger.get(into(shared) + "?count=exact").field("total"), "0");
  EXPECT_EQ(stranger.get("/api/v1/library/tree").field("items/0/documents"), "0");
  EXPECT_EQ(
      stranger.get("/api/v1/documents?folder_id.under=" + std::to_string(shared) + "&count=exact")
          .field("total"),
      "0");
  for (const std::string_view tail : {"", "/content", "/versions", "/history", "/actions"}) {
    EXPECT_EQ(stranger.get(document_path(document) + std::string(tail)).status, 404) << tail;
  }
  EXPECT_EQ(
      stranger.post(document_path(document) + "/restore-version", R"({"version_no": 1})").status,
      404);
  HttpClient narrow = client_of("narrow", {}, {"folder:read"});
  EXPECT_EQ(narrow.get(into(shared)).status, 403) << "documents need their own scope";
  EXPECT_EQ(narrow.request("POST", into(shared), kPlainText, "x").status, 403);
}

TEST_F(LibraryApi, DocumentsAreFoundByNameTypeStatusFolderAndRecord) {
  HttpClient admin = administrator();
  const auto top = folder(admin, "top");
  const auto below = folder(admin, "below", folder(admin, "between", top));
  const auto elsewhere = folder(admin, "elsewhere");
  file(admin, into(top), "Смета кровли.xlsx");
  const auto deep = file(admin, into(below), "Смета фасада.xlsx");
  file(admin, into(elsewhere), "Смета забора.xlsx");
  const auto deal = std::to_string(make_deal(admin, "D"));
  file(admin, "/api/v1/deals/" + deal + "/documents", "Смета.pdf");
  ASSERT_EQ(admin.patch(document_path(deep), R"({"status": "archived"})", kAnyVersion).status, 200);

  const auto count = [&](const std::string& filters) {
    const auto answer = admin.get("/api/v1/documents?count=exact&" + filters);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer.field("total");
  };
  const std::string under = "folder_id.under=" + std::to_string(top);
  EXPECT_EQ(count(under), "2");
  EXPECT_EQ(count("folder_id=" + std::to_string(top)), "1");
  EXPECT_EQ(count("q=" + percent_encoded("смета")), "4");
  EXPECT_EQ(count(under + "&q=" + percent_encoded("ФАСАД")), "1");
  EXPECT_EQ(count(under + "&status=archived"), "1");
  EXPECT_EQ(count("type_code=library"), "3");
  EXPECT_EQ(count("parent_record_id=" + deal), "1");
  EXPECT_EQ(count("folder_id.null=true&parent_record_id.null=true"), "0");
  EXPECT_EQ(count("folder_id.under=999999"), "0");
  EXPECT_EQ(admin.get("/api/v1/documents?folder_id.under=x").status, 400);
  EXPECT_EQ(admin.get("/api/v1/documents?parent_record_id.under=1").field("code"),
            "unknown_operator");
  const auto folders =
      admin.get("/api/v1/folders?count=exact&parent_folder_id.under=" + std::to_string(top));
  EXPECT_EQ(folders.field("total"), "2");
  EXPECT_EQ(admin.get("/api/v1/folders?name.like=ELSE&count=exact").field("total"), "1");
}

TEST_F(LibraryApi, TreesAndDeletionsHaveTheirLimits) {
  HttpClient admin = administrator();
  const auto top = folder(admin, "top");
  const auto half = folder(admin, "half", top);
  many_folders(kMaxTreeFolders, half);
  EXPECT_EQ(admin.get("/api/v1/library/tree?folder_id=" + std::to_string(half)).status, 200);
  const auto large = admin.get("/api/v1/library/tree");
  EXPECT_EQ(large.status, 422);
  EXPECT_EQ(large.field("code"), "tree_too_large");

  many_folders(store::kMaxFolderRemoval - static_cast<std::int64_t>(kMaxTreeFolders) - 1, top);
  const auto refused = admin.del(folder_path(top) + "?recursive=true", kAnyVersion);
  EXPECT_EQ(refused.status, 409) << refused.body;
  EXPECT_EQ(refused.field("code"), "folder_too_large");
  EXPECT_EQ(admin.del(folder_path(half) + "?recursive=true", kAnyVersion).status, 204);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.folder WHERE deleted_at IS NULL"),
            store::kMaxFolderRemoval - static_cast<std::int64_t>(kMaxTreeFolders));
}

}  // namespace
}  // namespace c360::api
