#include "tests/api/rights_fixture.h"

#include "daemon/base/text.h"
#include "store/search.h"

namespace c360::api {

std::string outward(const HttpAnswer& answer, const std::string& key) {
  std::string text = std::to_string(answer.status) + "\n";
  for (const auto& [name, value] : answer.headers) {
    if (equal_ignoring_case(name, "x-request-id") || equal_ignoring_case(name, "date")) continue;
    // A connection ends after so many requests, whatever they are.
    if (equal_ignoring_case(name, "connection")) continue;
    text += name + ": " + value + "\n";
  }
  std::string body = answer.body;
  const std::string mark = "\"request_id\":\"";
  for (auto at = body.find(mark); at != std::string::npos; at = body.find(mark, at + 1)) {
    const auto begin = at + mark.size();
    body.erase(begin, body.find('"', begin) - begin);
  }
  text += body;
  for (auto at = text.find(key); at != std::string::npos; at = text.find(key, at + 1)) {
    text.replace(at, key.size(), "#");
  }
  return text;
}

void RightsFixture::SetUp() {
  ApiTest::SetUp();
  make_records([this](const std::string& statement) { sql(statement); }, [this] { make_people(); });
  read_probes();
}

void RightsFixture::make_people() {
  std::set<std::string> names = people_of_records();
  names.emplace("nobody");
  const auto groups = database_->execute(store::Pool::work, {"", "SELECT id FROM crm.group"});
  ASSERT_TRUE(groups);
  std::set<std::string> group_names;
  for (int i = 0; i < groups->size(); ++i) group_names.emplace(groups->text(i, 0));
  names.insert(group_names.begin(), group_names.end());
  for (const std::string& name : names) {
    const auto id = group_names.contains(name) ? add_user(name, {name}) : add_user(name);
    sql("INSERT INTO public.person VALUES ('" + name + "', " + std::to_string(id) +
        ") RETURNING 1");
    ids_.emplace(name, id);
    people_.emplace(name, HttpClient(port(), add_token(id, {"admin"})));
  }
}

void RightsFixture::read_probes() {
  const auto rows = database_->execute(
      store::Pool::work, {"", "SELECT kind, status, key FROM public.probe ORDER BY key::bigint"});
  ASSERT_TRUE(rows);
  for (int i = 0; i < rows->size(); ++i) {
    probes_.push_back({std::string(rows->text(i, 0)), std::string(rows->text(i, 1)),
                       std::string(rows->text(i, 2))});
  }
}

std::vector<Probe> RightsFixture::probes_of(std::string_view kind) const {
  std::vector<Probe> found;
  for (const Probe& probe : probes_) {
    if (probe.own_kind() == kind) found.push_back(probe);
  }
  return found;
}

std::set<std::string> RightsFixture::probed_kinds() const {
  std::set<std::string> kinds;
  for (const Probe& probe : probes_) kinds.insert(probe.own_kind());
  return kinds;
}

std::set<std::string> RightsFixture::concerned(const Probe& probe) const {
  std::set<std::string> names = {"nobody"};
  for (const auto& [name, right] : row_of(matrix_, probe.kind, probe.status).rights) {
    names.insert(name);
  }
  return names;
}

std::set<std::string> RightsFixture::visible(const std::string& kind,
                                             const std::string& person) const {
  std::set<std::string> keys;
  for (const Probe& probe : probes_of(kind)) {
    if (held(probe, person) != Held::nothing) keys.insert(probe.key);
  }
  return keys;
}

std::string RightsFixture::keys_of(std::string_view kind) const {
  std::string keys;
  for (const Probe& probe : probes_of(kind)) keys += (keys.empty() ? "" : ",") + probe.key;
  return keys;
}

std::string RightsFixture::query_of_all(std::string_view kind) const {
  std::string query = "?id.in=" + keys_of(kind);
  if (resource(kind).has_field("status")) query += "&status.null=false";
  if (resource(kind).has_field("types")) query += "&types=any";
  return query;
}

std::string RightsFixture::filled(std::string text, std::string_view name,
                                  const std::string& value) {
  for (std::size_t at = text.find(name); at != std::string::npos;
       at = text.find(name, at + value.size())) {
    text.replace(at, name.size(), value);
  }
  return text;
}

void RightsFixture::index() {
  for (;;) {
    const auto read = store::index_changes(*database_, *registry_);
    ASSERT_TRUE(read) << read.error().detail;
    if (*read == 0) return;
  }
}

}  // namespace c360::api
