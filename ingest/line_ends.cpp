#include "ingest/line_ends.h"

namespace c360::ingest {

void LineEnds::begin() {
  form_ = Form::unknown;
  last_ = '\0';
}

std::string_view LineEnds::write(std::string_view piece) {
  if (piece.empty()) return piece;
  const auto before = [&](std::size_t at) { return at == 0 ? last_ : piece[at - 1]; };
  if (form_ == Form::unknown) {
    const auto end = piece.find('\n');
    if (end != std::string_view::npos) form_ = before(end) == '\r' ? Form::wire : Form::file;
  }
  if (form_ == Form::file) {
    converted_.clear();
    for (std::size_t done = 0; done < piece.size();) {
      const auto end = piece.find('\n', done);
      converted_ += piece.substr(done, end - done);
      if (end == std::string_view::npos) break;
      converted_ += before(end) == '\r' ? "\n" : "\r\n";
      done = end + 1;
    }
  }
  last_ = piece.back();
  return form_ == Form::file ? std::string_view(converted_) : piece;
}

}  // namespace c360::ingest
