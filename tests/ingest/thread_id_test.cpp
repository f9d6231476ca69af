#include "ingest/thread_id.h"

#include <gtest/gtest.h>

#include "daemon/base/text.h"

namespace c360::ingest {
namespace {

const Secret& key() {
  static const Secret kKey{"a key of the tests"};
  return kKey;
}

TEST(ThreadId, AnIdOfOursNamesItsRecord) {
  const std::string id = make_thread_id(key(), 4711, "0badcafe", "client360.example");

  EXPECT_TRUE(id.starts_with("c360-4711-0badcafe-"));
  EXPECT_EQ(record_of_thread_id(key(), id), 4711);
  std::string shouted = id;
  for (char& c : shouted) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  EXPECT_EQ(record_of_thread_id(key(), shouted), 4711) << "gateways change letter case";
  EXPECT_EQ(record_of_thread_id(key(), id.substr(0, id.find('@')) + "@elsewhere"), 4711);
}

TEST(ThreadId, AnIdOfOursNamesItsMessage) {
  const std::string id = make_thread_id(key(), 4711, "1f", "client360.example");

  EXPECT_EQ(message_of_thread_id(key(), id), 31);
  EXPECT_EQ(message_of_thread_id(key(), to_upper(id)), 31);
  EXPECT_EQ(message_of_thread_id(key(), make_thread_id(key(), 0, "1f", "x")), 31)
      << "what is about no record has an id too";
  EXPECT_FALSE(message_of_thread_id(Secret{"another key"}, id));
  EXPECT_FALSE(message_of_thread_id(Secret{}, id));
  for (const char* nonce : {"", "0", "-1f", "1g", "ffffffffffffffffff"})
    EXPECT_FALSE(message_of_thread_id(key(), make_thread_id(key(), 4711, nonce, "x"))) << nonce;
}

TEST(ThreadId, NobodyElseMakesOne) {
  const std::string id = make_thread_id(key(), 4711, "0badcafe", "client360.example");
  std::string other_record = id;
  other_record.replace(5, 4, "4712");
  std::string other_proof = id;
  other_proof[20] = other_proof[20] == '0' ? '1' : '0';

  for (const std::string& forged :
       {other_record, other_proof, std::string("c360-4711@x"), std::string("c360-4711-0badcafe-@x"),
        std::string("c360--@x"), std::string("c360-"), std::string(), std::string("a@b"),
        id.substr(0, id.find('@') - 1), std::string("c360-") + std::string(500, '1')})
    EXPECT_FALSE(record_of_thread_id(key(), forged)) << forged;
  EXPECT_FALSE(record_of_thread_id(Secret{"another key"}, id));
  EXPECT_FALSE(record_of_thread_id(Secret{}, id)) << "without a key there are none";
  EXPECT_FALSE(record_of_thread_id(key(), make_thread_id(key(), -5, "00", "x")));
}

}  // namespace
}  // namespace c360::ingest
