// A whole list, page by page: the filters, order and rights of Records::list without its end. Each
// page is a query of its own, so a slow reader holds no connection and memory stays that of a page.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/error.h"
#include "store/custom_fields.h"
#include "store/records.h"

namespace c360::store {

// One column of an export: a field, or a member of `custom`.
struct ListColumn {
  std::string name;  // "name", "custom.size"
  const Field* field = nullptr;
  std::string custom_code;  // of custom.CODE; `field` is then that of the definition
};

// Lives for one export, on one thread; what it is made with must outlive it.
class ListReader {
 public:
  // `parameters` as of a list, without cursor, limit, count, fields and include; `columns` as
  // named, separated by commas; empty: what lists show. invalid_request for what a list refuses,
  // and for a column that is none.
  static Result<ListReader> open(Database& database, const Records& records,
                                 const Resource& resource, Parameters parameters,
                                 std::string_view columns, const Actor& actor,
                                 std::shared_ptr<const CustomFields> custom);

  const std::vector<ListColumn>& columns() const { return columns_; }
  // The rows from here on; false when there are no more.
  Result<bool> next_page();
  int size() const { return size_; }
  // PostgreSQL text of a value of the current page; nullopt for none.
  std::optional<std::string> value(int row, std::size_t column) const;

 private:
  ListReader(Database& database, const Records& records, const Resource& resource,
             Parameters parameters, Actor actor, std::shared_ptr<const CustomFields> custom);
  Result<void> choose(std::string_view columns);

  Database& database_;
  const Records& records_;
  const Resource& resource_;
  Parameters parameters_;
  Actor actor_;
  std::shared_ptr<const CustomFields> custom_;
  std::vector<ListColumn> columns_;
  std::vector<int> places_;  // of each column in the rows
  std::optional<std::string> cursor_;
  bool begun_ = false;
  Rows rows_;
  int size_ = 0;
};

}  // namespace c360::store
