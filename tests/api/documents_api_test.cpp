// Files: up, down, in ranges, in versions.
#include <set>
#include <thread>

#include "api/multipart.h"
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

using DocumentsApi = ApiTest;

std::string form(std::string_view boundary, std::string_view content) {
  const std::string line = "--" + std::string(boundary) + "\r\n";
  return line + "Content-Disposition: form-data; name=\"type_code\"\r\n\r\ncontract\r\n" + line +
         "Content-Disposition: form-data; name=\"file\"; filename=\"../../Договор.pdf\"\r\n"
         "Content-Type: application/pdf\r\n\r\n" +
         std::string(content) + "\r\n--" + std::string(boundary) + "--\r\n";
}

TEST_F(DocumentsApi, AFileComesBackAsItWasSent) {
  HttpClient admin = administrator();
  const std::string deal = "/api/v1/deals/" + std::to_string(make_deal(admin, "A"));
  std::string content = "line\r\n--not-a-boundary\n";
  content.push_back('\0');
  content += "\xff\xfe end";

  const auto raw = admin.request("POST", deal + "/documents?name=notes.txt",
                                 {{"Content-Type", "text/plain"}}, content);
  ASSERT_EQ(raw.status, 201) << raw.body;
  const auto multipart = admin.request(
      "POST", deal + "/documents", {{"Content-Type", "multipart/form-data; boundary=\"a b'c\""}},
      form("a b'c", content));
  ASSERT_EQ(multipart.status, 201) << multipart.body;
  EXPECT_EQ(multipart.field("content_sha256"), raw.field("content_sha256"));
  EXPECT_EQ(multipart.field("name"), "Договор.pdf") << "no folders in a name";

  const auto got = admin.get("/api/v1/documents/" + raw.field("id") + "/content");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, content);
  EXPECT_EQ(got.header("content-type"), "text/plain");
  EXPECT_NE(got.header("content-disposition").find("notes.txt"), std::string::npos);
  EXPECT_EQ(admin
                .get("/api/v1/documents/" + raw.field("id") + "/content",
                     {{"If-None-Match", got.header("etag")}})
                .status,
            304);
  EXPECT_EQ(admin.get(deal + "/documents?count=exact").field("total"), "2");
  EXPECT_EQ(admin.get(multipart.header("location")).field("type_code"), "contract");
  EXPECT_EQ(sql("SELECT count(*) FROM ops.blob"), 1) << "the same content is kept once";
}

TEST_F(DocumentsApi, TheFirstVersionKeepsTheNameOfItsFileAndWhatWasSaidOfIt) {
  HttpClient admin = administrator();
  const std::string path = "/api/v1/deals/" + std::to_string(make_deal(admin, "A")) + "/documents";
  const auto sent = [&](std::string_view comment) {
    std::string body = form("b", "content");
    body.insert(0,
                "--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nScan\r\n"
                "--b\r\nContent-Disposition: form-data; name=\"comment\"\r\n\r\n" +
                    std::string(comment) + "\r\n");
    return admin.request(
        "POST", path,
        {{"Content-Type", "multipart/form-data; boundary=b"}, {"Idempotency-Key", "one"}}, body);
  };
  const auto made = sent("signed");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.field("name"), "Scan");
  EXPECT_EQ(sql_text("SELECT file_name || ' ' || comment FROM crm.document_version"),
            "Договор.pdf signed");
  EXPECT_EQ(sent("signed").body, made.body);
  EXPECT_EQ(sent("something else").status, 422) << "another request under the same key";
}

TEST_F(DocumentsApi, RangesAreServed) {
  HttpClient admin = administrator();
  const std::string deal = "/api/v1/deals/" + std::to_string(make_deal(admin, "A"));
  std::string content;
  for (int i = 0; content.size() < 2'500'000; ++i) content += std::to_string(i) + ",";
  const auto made =
      admin.request("POST", deal + "/documents", {{"Content-Type", "text/csv"}}, content);
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string path = "/api/v1/documents/" + made.field("id") + "/content";
  const auto range = [&](std::string_view bytes) {
    return admin.get(path, {{"Range", "bytes=" + std::string(bytes)}});
  };

  EXPECT_EQ(admin.get(path).body, content) << "larger than a chunk and than the memory of a spool";
  const auto middle = range("1048570-1048585");
  EXPECT_EQ(middle.status, 206);
  EXPECT_EQ(middle.body, content.substr(1'048'570, 16)) << "over the edge of a chunk";
  EXPECT_EQ(middle.header("content-range"),
            "bytes 1048570-1048585/" + std::to_string(content.size()));
  EXPECT_EQ(range("-5").body, content.substr(content.size() - 5));
  EXPECT_EQ(range("2000000-").body, content.substr(2'000'000));
  EXPECT_EQ(range("0-0").body, content.substr(0, 1));
  EXPECT_EQ(range("99999999-").status, 416);
  EXPECT_EQ(range("5-1").status, 200) << "nonsense is ignored";
  EXPECT_EQ(range("0-1,5-6").status, 200) << "several ranges are answered whole";
  EXPECT_EQ(admin.get(path, {{"Range", "bytes=0-1"}, {"If-Range", "\"another\""}}).status, 200);
  EXPECT_EQ(admin.get(path, {{"Range", "bytes=0-1"}, {"If-Range", "Sun, 22 Nov 2026 10:00:00 GMT"}})
                .status,
            200)
      << "no date is told, so none is known";
  const std::string etag = admin.get(path, {{"Range", "bytes=0-0"}}).header("etag");
  EXPECT_EQ(admin.get(path, {{"Range", "bytes=0-1"}, {"If-Range", etag}}).status, 206);
  EXPECT_EQ(range("99999999-").header("content-range"),
            "bytes */" + std::to_string(content.size()));
}

TEST_F(DocumentsApi, HeadTellsWhatGetWouldSend) {
  HttpClient admin = administrator();
  const std::string deal = "/api/v1/deals/" + std::to_string(make_deal(admin, "A"));
  const auto made =
      admin.request("POST", deal + "/documents?name=" + percent_encoded("Счёт \"№1\".pdf"),
                    {{"Content-Type", "application/pdf"}}, "0123456789");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string path = "/api/v1/documents/" + made.field("id") + "/content";
  const auto head = admin.request("HEAD", path);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(head.header("content-length"), "10");
  EXPECT_EQ(head.header("accept-ranges"), "bytes");
  EXPECT_EQ(head.header("content-type"), "application/pdf");
  EXPECT_EQ(head.header("etag"), admin.get(path).header("etag"));
  // RFC 6266, appendix D: the plain form for old readers, the extended one for all others.
  EXPECT_EQ(head.header("content-disposition"),
            "attachment; filename=\"________ ____1_.pdf\"; filename*=UTF-8''" +
                percent_encoded("Счёт \"№1\".pdf"));
  EXPECT_EQ(admin.request("HEAD", path, {{"If-None-Match", head.header("etag")}}).status, 304);
}

TEST_F(DocumentsApi, TheSameContentIsKeptOnceAndByEachWhoHasIt) {
  HttpClient admin = administrator();
  const std::string deal = "/api/v1/deals/" + std::to_string(make_deal(admin, "A"));
  const std::string content(1'500'000, 'x');
  const auto upload = [&](const std::string& at, std::string_view name) {
    const auto made = admin.request("POST", at + "?name=" + std::string(name),
                                    {{"Content-Type", "text/plain"}}, content);
    EXPECT_EQ(made.status, 201) << made.body;
    return "/api/v1/documents/" + made.field("id");
  };
  const std::string one = upload(deal + "/documents", "one.txt");
  const std::string other = upload("/api/v1/documents", "other.txt");
  EXPECT_EQ(sql("SELECT count(*) FROM ops.blob"), 1);
  EXPECT_EQ(sql("SELECT count(*) FROM ops.blob_chunk"), 2) << "of 1 MiB";
  EXPECT_EQ(admin.get(one + "/content").header("etag"),
            admin.get(other + "/content").header("etag"));

  EXPECT_EQ(admin.del(one, {{"If-Match", "*"}}).status, 204);
  HttpClient employee = client_of("employee", {});
  EXPECT_EQ(employee.get(one + "/content").status, 404);
  EXPECT_EQ(employee.get(other + "/content").body, content);
  // What retention does to a deleted document for good.
  sql("DELETE FROM crm.record WHERE id IN (SELECT id FROM crm.document WHERE deleted_at IS NOT "
      "NULL) RETURNING id");
  EXPECT_EQ(employee.get(other + "/content").body, content);
}

TEST_F(DocumentsApi, VersionsFollowEachOther) {
  HttpClient admin = administrator();
  const std::string deal = "/api/v1/deals/" + std::to_string(make_deal(admin, "A"));
  const auto made = admin.request("POST", deal + "/documents?name=a.txt",
                                  {{"Content-Type", "text/plain"}}, "one");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string document = "/api/v1/documents/" + made.field("id");

  const auto second = admin.request("POST", document + "/versions?name=a.txt&comment=better",
                                    {{"Content-Type", "text/plain"}}, "two");
  EXPECT_EQ(second.status, 201) << second.body;
  EXPECT_EQ(second.field("version_no"), "2");
  EXPECT_EQ(admin.get(document + "/content").body, "two");
  EXPECT_EQ(admin.get(document + "/content?version=1").body, "one");
  EXPECT_EQ(admin.get(document + "/content?version=3").status, 404);
  EXPECT_EQ(admin.get(document + "/content?version=x").status, 400);
  EXPECT_EQ(admin.get(document).header("etag"), "\"2\"");
  EXPECT_EQ(admin.get(document + "/versions?count=exact").field("total"), "2");
}

TEST_F(DocumentsApi, VersionsAddedAtOnceAllGetTheirNumber) {
  HttpClient admin = administrator();
  const auto made =
      admin.request("POST", "/api/v1/documents?name=a.txt", {{"Content-Type", "text/plain"}}, "0");
  const std::string document = "/api/v1/documents/" + made.field("id");
  constexpr int kWriters = 6;
  std::vector<HttpAnswer> answers(kWriters);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kWriters; ++i) {
      HttpClient writer = client_of("w" + std::to_string(i), {"crm-administrators"});
      threads.emplace_back([&answers, &document, i, writer = std::move(writer)]() mutable {
        answers.at(static_cast<std::size_t>(i)) =
            writer.request("POST", document + "/versions", {{"Content-Type", "text/plain"}},
                           "content " + std::to_string(i));
      });
    }
  }
  std::set<std::string> numbers;
  for (const auto& answer : answers) {
    EXPECT_EQ(answer.status, 201) << answer.body;
    numbers.insert(answer.field("version_no"));
  }
  EXPECT_EQ(numbers, (std::set<std::string>{"2", "3", "4", "5", "6", "7"}));
  EXPECT_EQ(admin.get(document).header("etag"), "\"7\"");
}

TEST_F(DocumentsApi, AnOldVersionComesBackAsTheNewest) {
  HttpClient admin = administrator();
  const testing::HttpHeaders type{{"Content-Type", "text/plain"}};
  const auto made = admin.request("POST", "/api/v1/documents?name=a.txt", type, "one");
  const std::string document = "/api/v1/documents/" + made.field("id");
  ASSERT_EQ(admin.request("POST", document + "/versions?name=b.txt", type, "two").status, 201);

  EXPECT_NE(admin.get(document + "/actions").body.find("restore-version"), std::string::npos);
  const auto restored = admin.post(document + "/restore-version", R"({"version_no": 1})");
  EXPECT_EQ(restored.status, 200) << restored.body;
  EXPECT_EQ(restored.header("etag"), "\"3\"");
  EXPECT_EQ(admin.get(document + "/content").body, "one");
  EXPECT_EQ(admin.get(document + "/content?version=2").body, "two");
  const auto versions = admin.get(document + "/versions?sort=-version_no");
  EXPECT_EQ(versions.field("items/0/version_no"), "3");
  EXPECT_EQ(versions.field("items/0/label"), "1.2");
  EXPECT_EQ(versions.field("items/0/comment"), "Restored from version_no 1");
  EXPECT_EQ(sql("SELECT count(*) FROM ops.blob"), 2) << "no third content";
  const auto journal = admin.get(document + "/history?event=version_added");
  EXPECT_EQ(journal.field("items/0/version"), "3");
  EXPECT_EQ(journal.field("items/1/version"), "2");

  EXPECT_EQ(admin.post(document + "/restore-version", R"({"version_no": 3})").field("code"),
            "already_current");
  EXPECT_EQ(admin.post(document + "/restore-version", R"({"version_no": 9})").field("code"),
            "unknown_version");
  EXPECT_EQ(admin.post(document + "/restore-version", "{}").status, 422);
  EXPECT_EQ(admin.post(document + "/restore-version", R"({"version_no": 99999999999})").status,
            422);
  EXPECT_EQ(
      admin.post(document + "/restore-version", R"({"version_no": 1})", {{"If-Match", "\"1\""}})
          .status,
      412);
  HttpClient reader = client_of("reader", {});
  EXPECT_EQ(reader.post(document + "/restore-version", R"({"version_no": 1})").status, 403);
}

TEST_F(DocumentsApi, EachTypeHasItsStatusesAndAnActIsSignedOnProof) {
  HttpClient admin = administrator();
  const std::string deal = "/api/v1/deals/" + std::to_string(make_deal(admin, "A"));
  const testing::HttpHeaders type{{"Content-Type", "application/pdf"}};
  const auto upload = [&](std::string_view code) {
    const auto made = admin.request(
        "POST", deal + "/documents?name=" + std::string(code) + "&type_code=" + std::string(code),
        type, "%PDF " + std::string(code));
    EXPECT_EQ(made.status, 201) << made.body;
    return "/api/v1/documents/" + made.field("id");
  };
  const auto status = [&](const std::string& document, std::string_view body) {
    return admin.post(document + "/status", body);
  };
  const std::string note = upload("other");
  EXPECT_EQ(status(note, R"({"status": "archived"})").field("status"), "archived");
  EXPECT_EQ(status(note, R"({"status": "signed"})").field("code"), "status_not_of_type");

  const std::string act = upload("act");
  EXPECT_EQ(admin.get(act).field("status"), "draft");
  EXPECT_EQ(status(act, R"({"status": "issued"})").status, 200);
  const auto unproven = status(act, R"({"status": "signed"})");
  EXPECT_EQ(unproven.status, 422) << unproven.body;
  EXPECT_EQ(unproven.field("code"), "scan_or_date_required");
  EXPECT_EQ(status(act, R"({"status": "signed", "document_date": "2026-11-20"})").field("status"),
            "signed");
  const std::string scanned = upload("act");
  upload("scan");
  EXPECT_EQ(status(scanned, R"({"status": "signed"})").status, 200);
  EXPECT_EQ(
      admin.get(act + "/history?event=status_changed").json().find("items")->as_array().size(), 2U);
}

TEST_F(DocumentsApi, AGeneratedDocumentKeepsItsContentOnceItIsIssued) {
  HttpClient admin = administrator();
  const std::string deal = "/api/v1/deals/" + std::to_string(make_deal(admin, "A"));
  const testing::HttpHeaders type{{"Content-Type", "application/pdf"}};
  const auto made =
      admin.request("POST", deal + "/documents?name=1.pdf&type_code=invoice", type, "first");
  const std::string document = "/api/v1/documents/" + made.field("id");
  sql("UPDATE crm.document SET generated_from = '{\"template\": 1}' RETURNING id");
  EXPECT_EQ(admin.request("POST", document + "/versions", type, "second").status, 201) << "a draft";
  ASSERT_EQ(admin.post(document + "/status", R"({"status": "issued"})").status, 200);
  const auto refused = admin.request("POST", document + "/versions", type, "third");
  EXPECT_EQ(refused.status, 409) << refused.body;
  EXPECT_EQ(refused.field("code"), "document_issued");
  EXPECT_EQ(admin.post(document + "/restore-version", R"({"version_no": 1})").field("code"),
            "document_issued");
  EXPECT_EQ(admin.get(document + "/content").body, "second");
}

TEST_F(DocumentsApi, UploadsAreLimitedAndGuarded) {
  options_.max_document_bytes = 1'000;
  restart();
  HttpClient admin = administrator();
  HttpClient stranger = client_of("stranger", {});
  HttpClient manager = client_of("manager", {"crm-manager"});
  HttpClient owner = client_of("owner", {});
  const std::string path = "/api/v1/deals/" + std::to_string(make_deal(owner, "A")) + "/documents";
  const testing::HttpHeaders type{{"Content-Type", "text/plain"}};

  EXPECT_EQ(admin.request("POST", path, type, std::string(1'001, 'x')).status, 413);
  EXPECT_EQ(admin.request("POST", path, type).status, 400) << "empty";
  EXPECT_EQ(stranger.request("POST", path, type, "x").status, 404);
  EXPECT_EQ(manager.request("POST", path, type, "x").status, 403) << "reads, but does not write";
  EXPECT_EQ(owner.request("POST", path, type, "x").status, 201);
  EXPECT_EQ(admin.request("POST", path + "?type_code=nonsense", type, "x").status, 422);
  EXPECT_EQ(admin.request("POST", path, {{"Content-Type", "multipart/form-data"}}, "x").status,
            400);
}

TEST_F(DocumentsApi, ARepeatedUploadIsOneDocument) {
  HttpClient admin = administrator();
  const std::string path = "/api/v1/deals/" + std::to_string(make_deal(admin, "A")) + "/documents";
  const testing::HttpHeaders headers{{"Content-Type", "text/plain"}, {"Idempotency-Key", "up"}};
  const auto first = admin.request("POST", path, headers, "content");
  const auto second = admin.request("POST", path, headers, "content");
  EXPECT_EQ(first.status, 201) << first.body;
  EXPECT_EQ(second.body, first.body);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.document"), 1);
  EXPECT_EQ(admin.request("POST", path, headers, "another").status, 422);
}

// Bytes given out `step` at a time.
class SlicedBody final : public BodyReader {
 public:
  SlicedBody(std::string bytes, std::size_t step) : bytes_(std::move(bytes)), step_(step) {}
  Result<std::size_t> read(char* buffer, std::size_t size) override {
    const std::size_t count = std::min({size, step_, bytes_.size() - at_});
    bytes_.copy(buffer, count, at_);
    at_ += count;
    return count;
  }
  void set_limit(std::uint64_t) override {}
  std::optional<std::uint64_t> declared_size() const override { return bytes_.size(); }

 private:
  std::string bytes_;
  std::size_t step_;
  std::size_t at_ = 0;
};

TEST(Multipart, IsReadHoweverTheBytesAreCut) {
  const std::string content = "a\r\n--xy\r\n--xyy b";
  for (std::size_t step = 1; step < 40; ++step) {
    SlicedBody body(form("xyz", content), step);
    std::string file;
    const auto read = read_multipart(body, "xyz", [&](std::string_view piece) -> Result<void> {
      file.append(piece);
      return {};
    });
    ASSERT_TRUE(read) << step << ": " << read.error().detail;
    EXPECT_EQ(file, content) << step;
    EXPECT_EQ(read->fields.at("type_code"), "contract");
    EXPECT_EQ(read->file->file_name, "../../Договор.pdf");
    EXPECT_EQ(read->file->media_type, "application/pdf");
  }
}

TEST(Multipart, BrokenAndOversizedFormsAreRefused) {
  const auto refused = [](std::string bytes, MultipartLimits limits = {}) {
    SlicedBody body(std::move(bytes), 1'000);
    const auto read =
        read_multipart(body, "xyz", [](std::string_view) -> Result<void> { return {}; }, limits);
    return !read && read.error().code == ErrorCode::invalid_request;
  };
  const std::string whole = form("xyz", "content");
  EXPECT_TRUE(refused(""));
  EXPECT_TRUE(refused("no boundary at all"));
  EXPECT_TRUE(refused(whole.substr(0, whole.size() - 8)));
  EXPECT_TRUE(refused("--xyzX\r\n"));
  EXPECT_TRUE(refused("--xyz\r\nContent-Disposition: form-data\r\n\r\nx\r\n--xyz--\r\n"));
  EXPECT_TRUE(refused(whole, {.max_parts = 1}));
  EXPECT_TRUE(refused(whole, {.max_field_bytes = 3}));
  EXPECT_TRUE(refused(whole, {.max_part_header_bytes = 20}));
  const std::string two = whole.substr(0, whole.size() - 4) + "\r\n" +
                          "Content-Disposition: form-data; name=\"b\"; filename=\"b\"\r\n\r\nx"
                          "\r\n--xyz--\r\n";
  EXPECT_TRUE(refused(two)) << "a second file";
}

}  // namespace
}  // namespace c360::api
