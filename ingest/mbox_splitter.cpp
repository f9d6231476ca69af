#include "ingest/mbox_splitter.h"

#include <algorithm>
#include <utility>

namespace c360::ingest {

namespace {

constexpr std::string_view kFrom = "From ";
constexpr std::size_t kMaxSeparator = 1'000;  // a longer line is text
constexpr std::size_t kPiece = 64U << 10U;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "From " and a time of day somewhere behind it: every writer's date has one.
bool is_separator(std::string_view line) {
  if (!line.starts_with(kFrom)) return false;
  for (std::size_t i = kFrom.size(); i + 4 < line.size(); ++i) {
    if (is_digit(line[i]) && is_digit(line[i + 1]) && line[i + 2] == ':' && is_digit(line[i + 3]) &&
        is_digit(line[i + 4]))
      return true;
  }
  return false;
}

// Whether more bytes could make this one a line "From …" or ">>From …".
bool may_be_from(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of('>'), line.size()));
  return line.substr(0, kFrom.size()) == kFrom.substr(0, line.size());
}

bool is_blank(std::string_view line) { return line == "\n" || line == "\r\n"; }

}  // namespace

Result<void> MboxSplitter::write(std::string_view piece) {
  while (!piece.empty()) {
    const auto end = piece.find('\n');
    const bool whole = end != std::string_view::npos;
    const std::string_view part = piece.substr(0, whole ? end + 1 : piece.size());
    piece.remove_prefix(part.size());
    if (state_ == Line::text) {
      if (auto passed = pass(part); !passed) return passed;
      if (whole) state_ = Line::undecided;
      continue;
    }
    line_ += part;
    if (whole) {
      if (auto taken = take_whole_line(); !taken) return taken;
      continue;
    }
    // A lone CR may be the first half of an empty line.
    const bool open = line_ == "\r" || (line_.size() <= kMaxSeparator && may_be_from(line_));
    if (open) continue;
    if (auto taken = take_whole_line(); !taken) return taken;
    state_ = Line::text;
  }
  return {};
}

// line_ is complete, or already known to be text.
Result<void> MboxSplitter::take_whole_line() {
  const std::string line = std::exchange(line_, {});
  const bool after_blank = !inside_ || !blank_.empty();
  if (after_blank && line.size() <= kMaxSeparator && is_separator(line)) {
    if (inside_) {
      if (auto flushed = flush(); !flushed) return flushed;
      if (auto ended = sink_.end(); !ended) return ended;
    }
    blank_.clear();
    inside_ = true;
    return sink_.begin();
  }
  if (!inside_) {
    if (is_blank(line)) return {};  // some writers begin with one
    return fail(ErrorCode::malformed_message,
                "the file is no mbox: its first line does not begin with \"From \" and hold a date",
                "not_an_mbox");
  }
  const std::string blank = std::exchange(blank_, {});
  if (auto passed = pass(blank); !passed) return passed;
  if (is_blank(line)) {
    blank_ = line;
    return {};
  }
  const bool quoted = line.starts_with('>') && may_be_from(line) && line.contains(kFrom);
  return pass(quoted ? std::string_view(line).substr(1) : std::string_view(line));
}

Result<void> MboxSplitter::pass(std::string_view text) {
  out_ += text;
  return out_.size() < kPiece ? Result<void>{} : flush();
}

Result<void> MboxSplitter::flush() {
  if (out_.empty()) return {};
  const std::string out = std::exchange(out_, {});
  return sink_.bytes(out);
}

Result<void> MboxSplitter::finish() {
  if (!line_.empty()) {
    if (auto taken = take_whole_line(); !taken) return taken;
  }
  if (!inside_) {
    return fail(ErrorCode::malformed_message, "the file holds no mail", "not_an_mbox");
  }
  if (auto flushed = flush(); !flushed) return flushed;
  inside_ = false;
  return sink_.end();
}

}  // namespace c360::ingest
