#include "daemon/register_lookup.h"

#include "adapters/register_facts.h"

namespace c360::daemon {

namespace {

class DadataLookup final : public api::RegisterLookup {
 public:
  DadataLookup(adapters::PartyRegister& parties, std::vector<std::string> policy,
               const Clock& clock)
      : parties_(parties), policy_(std::move(policy)), clock_(clock) {}

  Result<store::RegisterFacts> find(const api::RegisterQuestion& question) override {
    const auto found = parties_.find({.id = question.id,
                                      .kpp = question.kpp,
                                      .subject = question.subject,
                                      .typed_kpp = question.typed_kpp},
                                     question.refresh, adapters::RetryPolicy::interactive());
    if (!found) return std::unexpected(told(found.error()));
    return adapters::register_facts(found->party.requisites, "dadata", found->obtained_at);
  }
  std::vector<std::string> policy() const override { return policy_; }

 private:
  Error told(const adapters::NoAnswer& none) const {
    Error error = adapters::to_client_error(none, clock_.now());
    if (error.code == ErrorCode::not_found) error.reason = "inn_not_found";
    return error;
  }

  adapters::PartyRegister& parties_;
  const std::vector<std::string> policy_;
  const Clock& clock_;
};

}  // namespace

std::unique_ptr<api::RegisterLookup> make_register_lookup(adapters::PartyRegister& parties,
                                                          std::vector<std::string> policy,
                                                          const Clock& clock) {
  return std::make_unique<DadataLookup>(parties, std::move(policy), clock);
}

}  // namespace c360::daemon
