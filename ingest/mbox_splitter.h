// The messages of an mbox file (RFC 4155) while it streams in: whatever its size and the length of
// its lines, a few KiB are held.
//
// A message begins with a line "From SENDER DATE" that is the first of the file or comes after an
// empty one; such a line without a time of day is text, as careless writers leave it. ">From " of
// the text loses one ">" (the form called mboxrd). Lines end with LF or CRLF; what comes out has
// them as they are. The empty line in front of a separator and at the end of the file belongs to
// the file.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "daemon/base/error.h"

namespace c360::ingest {

// Takes messages, one after the other. An error ends the splitting.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  virtual Result<void> begin() = 0;
  virtual Result<void> bytes(std::string_view piece) = 0;
  virtual Result<void> end() = 0;
};

class MboxSplitter {
 public:
  explicit MboxSplitter(MessageSink& sink) : sink_(sink) {}

  // malformed_message, reason not_an_mbox, where the first line is no separator; errors of the
  // sink.
  Result<void> write(std::string_view piece);
  // The end of the file: the last message ends with it.
  Result<void> finish();

 private:
  enum class Line : unsigned char {
    undecided,  // what there is of it in line_ could still become a separator or a quoted one
    text,       // the rest of it passes through
  };

  Result<void> take_whole_line();
  Result<void> pass(std::string_view text);
  Result<void> flush();

  MessageSink& sink_;
  std::string line_;   // the beginning of the line, while undecided; with its end when complete
  std::string blank_;  // an empty line that may belong to the file
  std::string out_;    // passed and not yet given to the sink
  Line state_ = Line::undecided;
  bool inside_ = false;  // a message has begun
};

}  // namespace c360::ingest
