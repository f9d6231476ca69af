#include "daemon/base/seal.h"

#include <gtest/gtest.h>

namespace c360 {
namespace {

TEST(Seal, OpensWhatItClosedAndShowsNothingOfIt) {
  const Seal seal{Secret("a long random secret"), "box"};
  for (const std::string& text : {std::string(), std::string("token"), std::string(5'000, 'x')}) {
    const std::string closed = seal.close(text);
    const auto opened = seal.open(closed);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->reveal(), text);
    EXPECT_NE(closed, seal.close(text)) << "two of them tell that they hold the same";
    EXPECT_EQ(closed.find(text), text.empty() ? 0 : std::string::npos);
  }
}

TEST(Seal, OfAnotherSecretOrPurposeHasAnotherIdAndOpensNothing) {
  const Seal seal{Secret("one"), "box"};
  const std::string closed = seal.close("token");
  for (const Seal& other : {Seal{Secret("two"), "box"}, Seal{Secret("one"), "other"}}) {
    EXPECT_NE(other.id(), seal.id());
    EXPECT_FALSE(other.open(closed));
  }
  const Seal same(Secret("one"), "box");
  EXPECT_EQ(same.id(), seal.id());
  EXPECT_TRUE(same.open(closed));
}

TEST(Seal, NoticesEveryChangedByteAndAnythingTooShort) {
  const Seal seal{Secret("one"), "box"};
  const std::string closed = seal.close("token");
  for (std::size_t i = 0; i < closed.size(); ++i) {
    std::string changed = closed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(seal.open(changed)) << i;
    EXPECT_FALSE(seal.open(closed.substr(0, i))) << i;
  }
}

TEST(SealRing, OpensWhatEitherKeyClosedAndClosesUnderTheNewest) {
  const Secret former("one");
  const Secret newest("two");
  const std::string before = Seal(former, "box").close("token");
  const SealRing both{newest, former, "box"};
  EXPECT_EQ(both.open(before)->reveal(), "token");
  EXPECT_EQ(both.open(both.newest()->close("word"))->reveal(), "word");
  EXPECT_EQ(both.ids().size(), 2U);
  EXPECT_EQ(both.former()->id(), Seal(former, "box").id());

  EXPECT_FALSE(SealRing(newest, {}, "box").open(before));
  EXPECT_FALSE(SealRing(newest, former, "other").open(before));
  const SealRing none{{}, former, "box"};
  EXPECT_EQ(none.newest(), nullptr);
  EXPECT_FALSE(none.open(before));
}

}  // namespace
}  // namespace c360
