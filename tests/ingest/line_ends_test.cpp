// A mail of a file has the bytes it would have on the wire, however it is cut into pieces.
#include "ingest/line_ends.h"

#include <gtest/gtest.h>

namespace c360::ingest {
namespace {

std::string in_pieces(std::string_view mail, std::size_t step) {
  LineEnds ends;
  ends.begin();
  std::string out;
  for (std::size_t at = 0; at < mail.size(); at += step) out += ends.write(mail.substr(at, step));
  return out;
}

TEST(LineEnds, OfAFileBecomeThoseOfTheWireWhateverThePieces) {
  const std::string file = "Subject: x\n\nOne\nmixed\r\n\n\nlast";
  for (std::size_t step = 1; step <= file.size(); ++step)
    EXPECT_EQ(in_pieces(file, step), "Subject: x\r\n\r\nOne\r\nmixed\r\n\r\n\r\nlast") << step;
}

TEST(LineEnds, OfTheWireStayAsTheyAreEvenWhereOneIsBare) {
  const std::string wire = "Subject: x\r\n\r\nbare\nand CR\rtwice\r\r\n";
  for (std::size_t step = 1; step <= wire.size(); ++step) EXPECT_EQ(in_pieces(wire, step), wire);
  EXPECT_EQ(in_pieces("no line at all", 3), "no line at all");
}

TEST(LineEnds, OfEachMailAreDecidedAnew) {
  LineEnds ends;
  ends.begin();
  EXPECT_EQ(ends.write("a\nb"), "a\r\nb");
  ends.begin();
  EXPECT_EQ(ends.write("a\r\nb\nc"), "a\r\nb\nc");
  ends.begin();
  EXPECT_EQ(ends.write("\n"), "\r\n");
}

}  // namespace
}  // namespace c360::ingest
