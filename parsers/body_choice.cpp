#include "parsers/body_choice.h"

#include "daemon/base/text.h"

namespace c360::parsers {
namespace {

bool is_text(const MimeNode& node) {
  return node.media_type == "text/plain" || node.media_type == "text/html";
}

class Chooser {
 public:
  explicit Chooser(const MimeTree& tree) : tree_(tree) {}

  // The recursion is as deep as MimeLimits::depth let the tree become.
  std::vector<BodyCandidate> candidates(std::size_t index) const {  // NOLINT(misc-no-recursion)
    const MimeNode& node = tree_.nodes[index];
    if (node.kind == MimeNode::Kind::attached_mail) return {};
    if (node.kind == MimeNode::Kind::leaf) return of_leaf(index);
    if (node.media_type == "multipart/alternative") return of_alternative(node);
    if (node.media_type == "multipart/related") return of_related(node);
    std::vector<BodyCandidate> found;
    const bool first_only =
        node.media_type == "multipart/signed" || node.media_type == "multipart/report";
    for (const std::size_t child : node.children) {
      for (BodyCandidate& candidate : candidates(child)) found.push_back(std::move(candidate));
      if (first_only) break;
    }
    return found;
  }

 private:
  std::vector<BodyCandidate> of_leaf(std::size_t index) const {
    const MimeNode& node = tree_.nodes[index];
    if (!is_text(node) || (node.disposition.value == "attachment" && index != 0)) return {};
    BodyCandidate candidate;
    (node.media_type == "text/html" ? candidate.html : candidate.plain) = index;
    candidate.leaves.push_back(index);
    return {candidate};
  }

  std::vector<BodyCandidate> of_alternative(
      const MimeNode& node) const {  // NOLINT(misc-no-recursion)
    BodyCandidate merged;
    for (const std::size_t child : node.children) {
      const MimeNode& form = tree_.nodes[child];
      for (const BodyCandidate& candidate : candidates(child)) {
        if (!merged.html) merged.html = candidate.html;
        if (!merged.plain) merged.plain = candidate.plain;
        merged.leaves.insert(merged.leaves.end(), candidate.leaves.begin(), candidate.leaves.end());
      }
      // AMP and enriched text are further forms; an invitation is a file of its own.
      if (form.kind == MimeNode::Kind::leaf && !is_text(form) &&
          form.media_type.starts_with("text/") && form.media_type != "text/calendar" &&
          given_file_name(form).empty()) {
        merged.leaves.push_back(child);
      }
    }
    if (!merged.html && !merged.plain) return {};
    return {merged};
  }

  // RFC 2387, 3.2: the root is named by `start`, else it is the first.
  std::vector<BodyCandidate> of_related(const MimeNode& node) const {  // NOLINT(misc-no-recursion)
    if (node.children.empty()) return {};
    if (const std::string* start = node.content_type.find("start")) {
      const std::string id = parse_message_id(*start);
      for (const std::size_t child : node.children) {
        if (tree_.nodes[child].content_id == id && !id.empty()) {
          if (auto found = candidates(child); !found.empty()) return found;
        }
      }
    }
    for (const std::size_t child : node.children) {
      if (auto found = candidates(child); !found.empty()) return found;
    }
    return {};
  }

  const MimeTree& tree_;
};

}  // namespace

std::vector<BodyCandidate> body_candidates(const MimeTree& tree) {
  return Chooser(tree).candidates(0);
}

std::string given_file_name(const MimeNode& node) {
  for (const auto& [field, name] :
       {std::pair{&node.disposition, "filename"}, std::pair{&node.content_type, "name"},
        std::pair{&node.disposition, "name"}, std::pair{&node.content_type, "filename"}}) {
    const std::string* value = field->find(name);
    if (value != nullptr && !trimmed(*value).empty()) return *value;
  }
  return {};
}

}  // namespace c360::parsers
