// Which leaf of a mail is its text (domain.md 18.1, 1).
#pragma once

#include <optional>
#include <vector>

#include "parsers/mime_tree.h"

namespace c360::parsers {

// One text of the mail in the forms it is offered in: indices into MimeTree::nodes.
struct BodyCandidate {
  std::optional<std::size_t> html;   // preferred
  std::optional<std::size_t> plain;  // fallback
  std::vector<std::size_t> leaves;   // every form of the same text, these two among them
};

// The texts of the mail itself in order, not those of attached mails. multipart/alternative is one
// text in several forms; of multipart/related and multipart/signed only the root counts. Parts
// marked as attachments are no texts, unless such a part is the whole mail.
std::vector<BodyCandidate> body_candidates(const MimeTree& tree);

// The name given in Content-Disposition or Content-Type, decoded but not made safe.
std::string given_file_name(const MimeNode& node);

}  // namespace c360::parsers
