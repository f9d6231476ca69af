// What an installation defines itself and every request goes by (custom fields, required fields,
// names of sections): read from the database again when the last answer has grown too old.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>

#include "daemon/base/error.h"
#include "store/database.h"

namespace c360::store {

inline constexpr std::chrono::milliseconds kShapingMaxAge{1'000};

// `T` is what the rows of one statement mean; an empty one stands for no rows. Any thread.
template <typename T>
class RecentlyRead {
 public:
  using Answer = std::shared_ptr<const T>;

  // The texts of `read` must outlive this.
  RecentlyRead(Database& database, const Sql& read, Answer (*make)(const Rows& rows),
               std::chrono::milliseconds max_age)
      : database_(database), read_(read), make_(make), max_age_(max_age) {}

  // One short query when the last answer is too old, in `tx` or by itself. By itself: while the
  // database is away the last answer stays, at first none at all; never null.
  Result<Answer> current(Transaction& tx) {
    {
      const std::scoped_lock lock{mutex_};
      if (is_fresh()) return last_;
    }
    auto answer = read_anew(tx);
    if (answer) keep(*answer);
    return answer;
  }
  Answer current() {
    {
      const std::scoped_lock lock{mutex_};
      if (is_fresh()) return last_;
      // Whoever comes while one reads, or while the database is away, takes the last answer.
      mark_read();
    }
    if (const auto rows = database_.execute(Pool::api, read_)) keep(make_(*rows));
    const std::scoped_lock lock{mutex_};
    return last_;
  }
  // As the transaction sees it.
  Result<Answer> read_anew(Transaction& tx) const {
    const auto rows = tx.query(read_);
    if (!rows) return std::unexpected(rows.error());
    return make_(**rows);
  }

 private:
  bool is_fresh() const {
    return ever_read_ && std::chrono::steady_clock::now() - read_at_ < max_age_;
  }
  void mark_read() {
    ever_read_ = true;
    read_at_ = std::chrono::steady_clock::now();
  }
  void keep(Answer answer) {
    const std::scoped_lock lock{mutex_};
    last_ = std::move(answer);
    mark_read();
  }

  Database& database_;
  const Sql read_;
  Answer (*make_)(const Rows& rows);
  const std::chrono::milliseconds max_age_;
  std::mutex mutex_;  // guards the rest
  Answer last_ = std::make_shared<const T>();
  std::chrono::steady_clock::time_point read_at_{};
  bool ever_read_ = false;
};

}  // namespace c360::store
