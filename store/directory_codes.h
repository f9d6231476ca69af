// Which values a field limited to a list may have now: the codes of directories in use and active
// users as the database has them, the choices of code fields as declared.
//
// For those who fill in records without a person to ask (rule files, mail): a value that is not
// there would cost the whole record. A directory changed through the API, by another daemon or by
// hand counts within `max_age`, without a restart.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "store/database.h"
#include "store/model/registry.h"

namespace c360::store {

// As of one moment; immutable.
class DirectoryCodes {
 public:
  // By kind of the target: "request_category" -> its active codes, "user" -> ids.
  using Codes = std::map<std::string, std::set<std::string, std::less<>>, std::less<>>;
  DirectoryCodes(const Registry& registry, Codes codes)
      : registry_(registry), codes_(std::move(codes)) {}

  // False where `value` is surely refused by `field` of `kind`. True for every other field, and
  // where the kind or the field is not known here.
  bool may_store(std::string_view kind, std::string_view field, std::string_view value) const;

 private:
  const Registry& registry_;
  Codes codes_;
};

// Whether a code field declares `value`: what can be said without a database. True for others.
bool is_declared(const Registry& registry, std::string_view kind, std::string_view field,
                 std::string_view value);

// Reads them again when they are older than `max_age`. Any thread.
class DirectoryReader {
 public:
  // Both outlive the reader. Nothing is read before the first current().
  DirectoryReader(Database& database, const Registry& registry,
                  std::chrono::milliseconds max_age = std::chrono::seconds{1});

  // One short query when the last answer is too old. While the database is away the last answer
  // stays; nullptr when there never was one.
  std::shared_ptr<const DirectoryCodes> current();

 private:
  Database& database_;
  const Registry& registry_;
  const std::chrono::milliseconds max_age_;
  const std::string query_;
  std::mutex mutex_;
  std::shared_ptr<const DirectoryCodes> last_;
  std::chrono::steady_clock::time_point asked_{};
  bool ever_asked_ = false;
};

}  // namespace c360::store
