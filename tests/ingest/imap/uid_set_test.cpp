#include "ingest/imap/uid_set.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace c360::ingest::imap {
namespace {

TEST(UidSet, CompactsUidsOfAnyOrder) {
  const std::vector<Uid> uids{9, 3, 2, 1, 3, 12, 10, 4294967295};

  const auto ranges = to_ranges(uids);

  EXPECT_EQ(ranges, (std::vector<UidRange>{{1, 3}, {9, 10}, {12, 12}, {4294967295, 4294967295}}));
  EXPECT_EQ(to_uids(ranges), (std::vector<Uid>{1, 2, 3, 9, 10, 12, 4294967295}));
  EXPECT_EQ(to_sequence_sets(ranges, 100), std::vector<std::string>{"1:3,9:10,12,4294967295"});
}

TEST(UidSet, MergesRangesThatOverlap) {
  EXPECT_EQ(to_uids({{5, 8}, {1, 2}, {6, 6}, {8, 9}, {4294967294, 4294967295}}),
            (std::vector<Uid>{1, 2, 5, 6, 7, 8, 9, 4294967294, 4294967295}));
}

TEST(UidSet, SplitsWhatIsTooLongForOneCommand) {
  std::vector<Uid> uids;
  for (Uid uid = 1; uid < 20'000; uid += 2) uids.push_back(uid);

  const auto sets = to_sequence_sets(to_ranges(uids), 1'000);

  std::size_t commas = 0;
  for (const std::string& set : sets) {
    EXPECT_LE(set.size(), 1'000U);
    EXPECT_NE(set.front(), ',');
    commas += static_cast<std::size_t>(std::ranges::count(set, ','));
  }
  EXPECT_GT(sets.size(), 40U);
  EXPECT_EQ(commas + sets.size(), uids.size());
}

TEST(UidSet, MergesWhatTouches) {
  EXPECT_EQ(merged({{9, 12}, {1, 4294967295}, {3, 5}}), (std::vector<UidRange>{{1, 4294967295}}));
  EXPECT_EQ(merged({{9, 12}, {2, 2}, {3, 5}, {11, 13}, {15, 15}}),
            (std::vector<UidRange>{{2, 5}, {9, 13}, {15, 15}}));
  EXPECT_EQ(merged({}), std::vector<UidRange>{});
}

TEST(UidSet, HasNothingToSayAboutNothing) {
  EXPECT_TRUE(to_ranges({}).empty());
  EXPECT_TRUE(to_sequence_sets({}, 100).empty());
}

}  // namespace
}  // namespace c360::ingest::imap
