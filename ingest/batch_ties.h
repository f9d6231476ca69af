// Whether two batches of one mailbox may be applied at the same time. A mail finds what earlier
// ones made: the record it answers, the contact it names. Where a batch can find nothing of
// another, their order does not matter, and neither waits for the other's commit.
#pragma once

#include <string>
#include <unordered_set>

#include "ingest/batch_processor.h"

namespace c360::ingest {

// What a batch leaves for others to find, and looks for itself. All of it is known once it is read.
struct BatchTies {
  // Every mail makes a record of its own, or nothing: it joins none that there is.
  bool stands_alone = true;
  bool is_known = true;  // every mail was read: none began before and may have killed a daemon
  std::unordered_set<std::string> contents;     // SHA-256 of the raw mails
  std::unordered_set<std::string> message_ids;  // of the mails
  std::unordered_set<std::string> answered;     // ids that they answer
  std::unordered_set<std::string> addresses;    // lower case, by which customers are looked for
  std::unordered_set<std::string> contacts;     // lower case, of the people it may make
};

BatchTies ties_of(const ReadBatch& batch);

// `later` came after `earlier` and may be applied before it is, or while it is.
bool may_overtake(const BatchTies& later, const BatchTies& earlier);

}  // namespace c360::ingest
