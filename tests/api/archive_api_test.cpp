// All documents of a record or folder as one ZIP file, read back by a program that is not ours.
#include <cstdio>
#include <fstream>
#include <memory>

#include "store/operations/archive_documents.h"
#include "tests/api/api_fixture.h"
#include "tests/support/temp_folder.h"

namespace c360::api {
namespace {

class ArchiveApi : public ApiTest {
 protected:
  static std::int64_t file(HttpClient& by, const std::string& at, std::string_view name,
                           std::string_view content) {
    return created(by.request("POST", at + "?name=" + percent_encoded(name),
                              {{"Content-Type", "text/plain"}}, content));
  }
  // What a command of unzip prints about the file.
  std::string unzip(std::string_view bytes, const std::string& command) {
    const std::string path = (folder_.path() / "documents.zip").string();
    std::ofstream(path, std::ios::binary) << bytes;
    const std::string line = command + " " + path + " 2>&1";
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(line.c_str(), "r"),
                                                               ::pclose);
    std::string printed;
    char piece[4096];
    while (pipe) {
      const std::size_t count = std::fread(piece, 1, sizeof piece, pipe.get());
      if (count == 0) break;
      printed.append(piece, count);
    }
    return printed;
  }
  // Name by name as unzip writes them to a disk, each followed by a comma.
  std::string names_in(std::string_view bytes) {
    const std::string out = (folder_.path() / "out").string();
    std::string printed = unzip(bytes, "rm -rf " + out + "; LC_ALL=C.UTF-8 unzip -q -d " + out);
    printed +=
        unzip(bytes, "cd " + out + " && find . -type f | LC_ALL=C sort | tr '\\n' ','; true");
    return printed;
  }

  testing::TempFolder folder_;
};

TEST_F(ArchiveApi, AllDocumentsOfARecordComeAsOneZipFile) {
  HttpClient admin = administrator();
  const std::string deal = "/api/v1/deals/" + std::to_string(make_deal(admin, "D"));
  std::string large;
  for (int i = 0; large.size() < 2'500'000; ++i) large += std::to_string(i) + ",";
  const auto first = file(admin, deal + "/documents", "Договор.txt", "old");
  ASSERT_EQ(admin
                .request("POST", "/api/v1/documents/" + std::to_string(first) + "/versions",
                         {{"Content-Type", "text/plain"}}, "new")
                .status,
            201);
  file(admin, deal + "/documents", "ДОГОВОР.txt", "another");
  file(admin, deal + "/documents", "large.csv", large);
  const auto gone = file(admin, deal + "/documents", "gone.txt", "x");
  ASSERT_EQ(admin.del("/api/v1/documents/" + std::to_string(gone), {{"If-Match", "*"}}).status,
            204);

  const auto zip = admin.get(deal + "/documents.zip");
  ASSERT_EQ(zip.status, 200) << zip.body;
  EXPECT_EQ(zip.header("content-type"), "application/zip");
  EXPECT_NE(zip.header("content-disposition").find("deal-"), std::string::npos);
  EXPECT_EQ(zip.header("content-length"), std::to_string(zip.body.size()));
  EXPECT_NE(unzip(zip.body, "unzip -t").find("No errors detected"), std::string::npos);
  EXPECT_EQ(names_in(zip.body), "./large.csv,./ДОГОВОР (2).txt,./Договор.txt,");
  EXPECT_EQ(unzip(zip.body, "cat " + (folder_.path() / "out/Договор.txt").string() + "; true"),
            "new");
  EXPECT_EQ(unzip(zip.body, "cat " + (folder_.path() / "out/large.csv").string() + "; true"),
            large);
}

// Those we make are named with their day, whose year is no extension: without one nobody opens
// them.
TEST_F(ArchiveApi, ADocumentNamedWithADateKeepsTheExtensionOfItsContent) {
  HttpClient admin = administrator();
  const std::string deal = "/api/v1/deals/" + std::to_string(make_deal(admin, "D"));
  for (const std::string_view name : {"invoice.pdf", "act.7z", "letter.txt"}) {
    const auto id = file(admin, deal + "/documents", name, name);
    const std::string renamed = name == "letter.txt" ? "Письмо.docx" : "Счет №1 от 23.11.2026";
    ASSERT_EQ(admin
                  .patch("/api/v1/documents/" + std::to_string(id),
                         R"({"name": ")" + renamed + "\"}", {{"If-Match", "*"}})
                  .status,
              200);
  }

  EXPECT_EQ(names_in(admin.get(deal + "/documents.zip").body),
            "./Письмо.docx,./Счет №1 от 23.11.2026.7z,./Счет №1 от 23.11.2026.pdf,");
}

TEST_F(ArchiveApi, AFolderComesWithThoseBelowItAndNoNameLeavesIt) {
  HttpClient admin = administrator();
  const auto top = created(admin.post("/api/v1/folders", R"({"name": "Архив"})"));
  const auto below = created(admin.post(
      "/api/v1/folders", "{\"name\": \"2026\", \"parent_folder_id\":" + std::to_string(top) + "}"));
  const auto into = [](std::int64_t id) {
    return "/api/v1/folders/" + std::to_string(id) + "/documents";
  };
  const auto bad = file(admin, into(top), "x.txt", "1");
  ASSERT_EQ(admin
                .patch("/api/v1/documents/" + std::to_string(bad), R"({"name": "../../etc/x"})",
                       {{"If-Match", "*"}})
                .status,
            200);
  file(admin, into(below), "a.txt", "2");
  const auto zip = admin.get("/api/v1/folders/" + std::to_string(top) + "/documents.zip");
  ASSERT_EQ(zip.status, 200) << zip.body;
  EXPECT_EQ(names_in(zip.body), "./.._.._etc_x.txt,./2026/a.txt,");
}

TEST_F(ArchiveApi, ItHoldsWhatTheCallerMayReadAndNobodyElseLearnsOfIt) {
  HttpClient owner = client_of("owner", {});
  HttpClient stranger = client_of("stranger", {});
  HttpClient narrow = client_of("narrow", {"crm-administrators"}, {"deal:read"});
  const std::string deal = "/api/v1/deals/" + std::to_string(make_deal(owner, "D"));
  EXPECT_NE(unzip(owner.get(deal + "/documents.zip").body, "unzip -t").find("zipfile is empty"),
            std::string::npos);
  const auto secret = file(owner, deal + "/documents", "secret.txt", "1");
  EXPECT_EQ(stranger.get(deal + "/documents.zip").status, 404);
  EXPECT_EQ(narrow.get(deal + "/documents.zip").status, 403);

  const auto shared = created(owner.post("/api/v1/folders", R"({"name": "shared"})"));
  const std::string folder = "/api/v1/folders/" + std::to_string(shared);
  ASSERT_EQ(owner
                .patch("/api/v1/documents/" + std::to_string(secret),
                       "{\"folder_id\":" + std::to_string(shared) + "}", {{"If-Match", "*"}})
                .status,
            200);
  file(owner, folder + "/documents", "open.txt", "2");
  EXPECT_EQ(names_in(stranger.get(folder + "/documents.zip").body), "./open.txt,");
  EXPECT_EQ(names_in(owner.get(folder + "/documents.zip").body), "./open.txt,./secret.txt,");
}

TEST_F(ArchiveApi, ItsCountAndSizeAreLimited) {
  HttpClient admin = administrator();
  const auto deal = make_deal(admin, "D");
  const std::string path = "/api/v1/deals/" + std::to_string(deal);
  const auto one = file(admin, path + "/documents", "one.txt", "1");
  const std::string id = std::to_string(one);
  sql("UPDATE crm.document_version SET size_bytes = " +
      std::to_string(store::kMaxArchiveBytes + 1) + " WHERE document_id = " + id + " RETURNING id");
  const auto large = admin.get(path + "/documents.zip");
  EXPECT_EQ(large.status, 422);
  EXPECT_EQ(large.field("code"), "archive_too_large");
  sql("UPDATE crm.document_version SET size_bytes = 2 WHERE document_id = " + id + " RETURNING id");
  const auto broken = admin.get(path + "/documents.zip");
  EXPECT_EQ(broken.status, 500) << "a content shorter than recorded is no file";

  sql("UPDATE crm.document_version SET size_bytes = 1 WHERE document_id = " + id + " RETURNING id");
  sql("WITH r AS (INSERT INTO crm.record (kind) SELECT 'document' FROM generate_series(1, " +
      std::to_string(store::kMaxArchiveDocuments) +
      ") RETURNING id), v AS (INSERT INTO crm.document_version (id, document_id, version_no, "
      "content_sha256, size_bytes, mime_type, file_name, storage_key) SELECT r.id, r.id, 1, "
      "o.content_sha256, 1, 'text/plain', 'x', o.storage_key FROM r, crm.document_version o WHERE "
      "o.document_id = " +
      id +
      ") INSERT INTO crm.document (id, parent_record_id, type_code, name, current_version_id) "
      "SELECT r.id, " +
      std::to_string(deal) + ", 'attachment', 'x', r.id FROM r");
  const auto many = admin.get(path + "/documents.zip");
  EXPECT_EQ(many.status, 422);
  EXPECT_EQ(many.field("code"), "archive_too_large");
  ASSERT_EQ(admin.del("/api/v1/documents/" + id, {{"If-Match", "*"}}).status, 204);
  EXPECT_EQ(admin.get(path + "/documents.zip").status, 200) << "as many as there may be";
}

}  // namespace
}  // namespace c360::api
