#include "store/operations/find_employee.h"

namespace c360::store {

namespace {

constexpr Sql kEmployee{"mail_find_employee", R"sql(
  SELECT id FROM crm.user
  WHERE is_active AND kind = 'employee'
    AND (login = $1::citext OR email = $1::citext OR id::text = $1)
  LIMIT 2)sql"};

std::optional<std::int64_t> only(const Rows& rows) {
  if (rows.size() != 1) return std::nullopt;
  return rows.int64(0, 0);
}

}  // namespace

EmployeeLookup::EmployeeLookup(Transaction& tx, std::string_view name)
    : tx_(tx), ticket_(tx.queue(kEmployee, std::move(Params{}.add(name)))) {}

std::optional<std::int64_t> EmployeeLookup::result() const { return only(tx_.rows(ticket_)); }

Result<std::optional<std::int64_t>> find_employee(Database& database, std::string_view name) {
  auto rows = database.execute(Pool::work, kEmployee, std::move(Params{}.add(name)));
  if (!rows) return std::unexpected(rows.error());
  return only(*rows);
}

}  // namespace c360::store
