#include "ingest/imap/search.h"

#include <utility>

#include "ingest/imap/uid_set.h"

namespace c360::ingest::imap {
namespace {

class SearchListener final : public Listener {
 public:
  explicit SearchListener(std::uint64_t limit) : limit_(limit) {}

  // SEARCH, or ESEARCH with RETURN (ALL). Some servers split a long answer in several.
  Result<void> untagged(Response& response) override {
    if (response.kind != Response::Kind::search && response.kind != Response::Kind::esearch) {
      return {};
    }
    ranges_.insert(ranges_.end(), response.uids.begin(), response.uids.end());
    total_ += total_size(response.uids);
    if (total_ > limit_) {
      return fail(ErrorCode::unavailable,
                  "more than " + std::to_string(limit_) + " messages in one search",
                  "limit_crossed");
    }
    return {};
  }
  std::vector<Uid> uids() { return to_uids(std::move(ranges_)); }

 private:
  std::vector<UidRange> ranges_;
  std::uint64_t total_ = 0;
  std::uint64_t limit_;
};

}  // namespace

Result<std::vector<Uid>> search_uids(Session& session, std::string_view criteria) {
  SearchListener listener{session.options().limits.uids};
  const std::string_view how = session.has("ESEARCH") ? "RETURN (ALL) " : "";
  auto completion = session.run("UID SEARCH " + std::string(how) + std::string(criteria), listener);
  if (!completion) return std::unexpected(completion.error());
  if (!completion->ok()) return std::unexpected(session.refused(*completion, "searching"));
  return listener.uids();
}

}  // namespace c360::ingest::imap
