// Who writes to the service desk, and what the request is that a mail answers (domain.md 18.8).
// Set-wise: one round trip for a batch.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "daemon/base/clock.h"
#include "store/database.h"

namespace c360::store {

struct SupportSenderClue {
  std::string email;
  std::string domain;  // lower case
};

// A sender as the CRM knows him.
struct SupportSender {
  struct Customer {
    std::int64_t id = 0;
    bool by_domain = false;   // the sender's domain is one of the customer's
    bool is_default = false;  // our own organisation as a customer (portal_default)
    std::optional<std::int64_t> contact_id;
    std::optional<std::int64_t> account_id;  // a portal account that is not blocked
    bool knows_sender() const { return contact_id || account_id; }
  };
  std::vector<Customer> customers;      // at most a few, oldest first
  std::optional<std::int64_t> user_id;  // an active user: one of us

  const Customer* customer(std::int64_t id) const;
  bool belongs_to(std::int64_t customer_id) const { return customer(customer_id) != nullptr; }
};

// Whose request it is. `problem` is empty when `customer` is set.
struct SupportCustomer {
  const SupportSender::Customer* customer = nullptr;  // inside the sender
  bool ambiguous = false;
};
// By the sender's domain; among several the one that knows him; else the default customer, for
// people we know. A contact that writes from elsewhere counts where he is a contact of one only.
SupportCustomer support_customer(const SupportSender& sender);

// The one customer with the sender's domain; nullptr where there is none or more.
const SupportSender::Customer* only_customer_by_domain(const SupportSender& sender);

// Queued when made; results() after run().
class SupportSenderLookup {
 public:
  SupportSenderLookup(Transaction& tx, std::span<const SupportSenderClue> clues);
  std::vector<SupportSender> results() const;

 private:
  Transaction& tx_;
  std::size_t count_;
  Ticket customers_ = 0;
  Ticket users_ = 0;
};

// Who asks: exactly one is set.
struct SupportInitiator {
  std::optional<std::int64_t> user_id, contact_id, account_id;
  bool empty() const { return !user_id && !contact_id && !account_id; }
};
// The sender as the initiator at that customer; empty where nothing but the domain is known.
SupportInitiator support_initiator(const SupportSender& sender, std::int64_t customer_id);

struct SupportRequestState {
  std::int64_t counterparty_id = 0;
  std::int64_t number = 0;
  std::string status;
  std::string returns_to;  // empty unless it rests
  std::optional<Instant> closed_at;
  SupportInitiator initiator;
};

// Queued when made: the requests (locked until the transaction ends) and, of customers, the group
// of their first line.
class SupportRequestLookup {
 public:
  SupportRequestLookup(Transaction& tx, std::span<const std::int64_t> request_ids,
                       std::span<const std::int64_t> customer_ids);
  std::map<std::int64_t, SupportRequestState> requests() const;
  std::map<std::int64_t, std::string> first_lines() const;

 private:
  Transaction& tx_;
  Ticket requests_ = 0;
  Ticket lines_ = 0;
};

}  // namespace c360::store
