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

TEST(UidSet, TakesSearchesOfAnyOrderWithDoubles) {
  UidSet set;
  set.add(70'000, 70'001);
  set.add(4294967295, 4294967295);
  set.add(65'535, 65'537);
  for (int again = 0; again < 500'000; ++again) set.add(9, 9);  // no more memory than once
  UidSet more;
  more.add(2, 3);
  more.add(70'001, 70'002);
  set.add(std::move(more));
  EXPECT_EQ(set.told(), 500'010U);

  EXPECT_EQ(set.take(), (std::vector<Uid>{2, 3, 9, 65'535, 65'536, 65'537, 70'000, 70'001, 70'002,
                                          4294967295}));
  EXPECT_TRUE(set.take().empty());
  EXPECT_EQ(set.told(), 0U);
}

TEST(UidSet, TakesRangesOverManyBlocks) {
  UidSet set;
  set.add(60'000, 400'000);
  set.add(1, 5);

  const std::vector<Uid> uids = set.take();

  ASSERT_EQ(uids.size(), 340'006U);
  EXPECT_TRUE(std::ranges::is_sorted(uids));
  EXPECT_EQ(uids[5], 60'000U);
  EXPECT_EQ(uids.back(), 400'000U);
}

TEST(UidSet, HasNothingToSayAboutNothing) {
  EXPECT_TRUE(to_ranges({}).empty());
  EXPECT_TRUE(to_sequence_sets({}, 100).empty());
}

}  // namespace
}  // namespace c360::ingest::imap
