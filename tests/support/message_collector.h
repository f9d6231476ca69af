// A FetchSink that keeps everything, for tests of what fetches.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ingest/mailbox.h"

namespace c360::testing {

class MessageCollector final : public ingest::FetchSink {
 public:
  Result<void> begin(std::uint64_t literal_size) override {
    current.clear();
    announced = literal_size;
    return {};
  }
  Result<void> bytes(std::string_view piece) override {
    if (keep) current += piece;
    received += piece.size();
    return {};
  }
  Result<void> end(const ingest::FetchedMeta& meta) override {
    order.push_back(meta.uid);
    messages[meta.uid] = std::exchange(current, {});
    metas[meta.uid] = meta;
    return {};
  }
  void discard() override {
    current.clear();
    ++discarded;
  }
  void missing(ingest::Uid uid) override { gone.push_back(uid); }
  void refused(ingest::Uid uid, const Error& error) override { refusals.emplace(uid, error); }

  bool keep = true;  // false: only counts
  std::string current;
  std::uint64_t announced = 0;
  std::uint64_t received = 0;
  std::vector<ingest::Uid> order;
  std::map<ingest::Uid, std::string> messages;
  std::map<ingest::Uid, ingest::FetchedMeta> metas;
  std::vector<ingest::Uid> gone;
  std::map<ingest::Uid, Error> refusals;
  int discarded = 0;
};

}  // namespace c360::testing
