// A journal that passes records on and holds the exchange of one operation, for the cache of
// answers. Of one worker.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "adapters/service_call.h"

namespace c360::adapters {

class HeldExchange final : public CallJournal {
 public:
  explicit HeldExchange(std::string operation, CallJournal* next = nullptr)
      : operation_(std::move(operation)), next_(next) {}

  void record(const CallRecord& record) override {
    if (record.operation == operation_) exchange_ = record.exchange;
    if (next_ != nullptr) next_->record(record);
  }
  void quota(const QuotaLeft& left) override {
    if (next_ != nullptr) next_->quota(left);
  }
  // The latest one, once.
  std::optional<RecordedExchange> take() { return std::exchange(exchange_, std::nullopt); }

 private:
  const std::string operation_;
  CallJournal* const next_;
  std::optional<RecordedExchange> exchange_;
};

}  // namespace c360::adapters
