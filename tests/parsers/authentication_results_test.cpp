#include "parsers/authentication_results.h"

#include <gtest/gtest.h>

#include "daemon/base/json.h"
#include "parsers/mime_reader.h"

namespace c360::parsers {
namespace {

AuthenticationResults results_of(const std::string& fields, std::string_view id = "mx.our.example",
                                 const std::string& from = "ann@romashka.example") {
  return read_authentication_results(
      read_mail(fields + "From: " + from + "\nSubject: x\n\ntext\n").message(), id);
}

SenderProof proof_of(const std::string& methods, const std::string& from = "ann@romashka.example") {
  return results_of("Authentication-Results: mx.our.example; " + methods + "\n", "mx.our.example",
                    from)
      .proof;
}

TEST(AuthenticationResults, OurServersWordIsRead) {
  const auto results = results_of(
      "Authentication-Results: MX.our.example 1 (a \"comment\" (nested; dmarc=fail));\n"
      "\tspf=pass (sender IP is 192.0.2.1) smtp.mailfrom=bounce@mail.romashka.example;\n"
      "\tdkim=pass reason=\"good; signature\" header.d=Romashka.example header.s=k1;\n"
      "\tdmarc/1=pass (p=reject) header.from=romashka.example\n");

  EXPECT_EQ(results.dmarc, "pass");
  EXPECT_EQ(results.spf, "pass");
  EXPECT_EQ(results.spf_domain, "mail.romashka.example");
  ASSERT_EQ(results.dkim_pass_domains.size(), 1U);
  EXPECT_EQ(results.dkim_pass_domains.front(), "romashka.example");
  EXPECT_EQ(results.proof, SenderProof::pass);
  const auto json = Json::parse(to_json(results));
  ASSERT_TRUE(json);
  EXPECT_EQ(json->find("proof")->as_string(), "pass");
}

TEST(AuthenticationResults, AnybodyElsesWordIsNot) {
  const std::string forged = "Authentication-Results: mx.evil.example; dmarc=pass\n";
  EXPECT_EQ(results_of(forged).proof, SenderProof::none);
  EXPECT_EQ(results_of(forged, "").proof, SenderProof::none) << "no id: nobody is believed";
  EXPECT_EQ(to_json(results_of(forged)), "{}");
  // Below our own field lies what the mail brought along.
  const auto below = results_of(
      "Authentication-Results: mx.our.example; dmarc=fail header.from=romashka.example\n"
      "Authentication-Results: mx.our.example; dmarc=pass header.from=romashka.example\n");
  EXPECT_EQ(below.proof, SenderProof::fail);
}

TEST(AuthenticationResults, OnlyWhatSpeaksOfTheDomainOfFromProvesIt) {
  EXPECT_EQ(proof_of("dkim=pass header.d=romashka.example"), SenderProof::pass);
  EXPECT_EQ(proof_of("dkim=pass header.i=@mail.romashka.example"), SenderProof::pass);
  EXPECT_EQ(proof_of("dkim=pass header.d=mailer.example"), SenderProof::none);
  EXPECT_EQ(proof_of("dkim=fail header.d=x.example; dkim=pass header.d=romashka.example"),
            SenderProof::pass);
  EXPECT_EQ(proof_of("spf=pass smtp.mailfrom=ann@romashka.example"), SenderProof::pass);
  EXPECT_EQ(proof_of("spf=pass smtp.mailfrom=evilromashka.example"), SenderProof::none);
  EXPECT_EQ(proof_of("spf=pass smtp.mailfrom=example"), SenderProof::none) << "a top level";
  EXPECT_EQ(proof_of("spf=fail smtp.mailfrom=romashka.example"), SenderProof::fail);
  EXPECT_EQ(proof_of("spf=softfail smtp.mailfrom=romashka.example"), SenderProof::none);
  EXPECT_EQ(proof_of("dmarc=fail; dkim=pass header.d=romashka.example"), SenderProof::fail);
  EXPECT_EQ(proof_of("dmarc=pass header.from=other.example"), SenderProof::none);
}

TEST(AuthenticationResults, NothingOrNonsenseDecidesNothing) {
  for (const char* methods :
       {"none", "", ";;;", "dmarc", "dmarc=", "=pass", "dmarc pass", "(dmarc=pass", "\"dmarc=pass"})
    EXPECT_EQ(proof_of(methods), SenderProof::none) << methods;
  EXPECT_EQ(proof_of("dmarc=pass", "ann@romashka.example, boss@polus.example"), SenderProof::none)
      << "two authors";
  EXPECT_EQ(results_of("Subject: y\n").proof, SenderProof::none);
  const std::string long_field(kMaxAuthenticationFieldBytes, 'x');
  EXPECT_EQ(proof_of(long_field + "; dmarc=pass"), SenderProof::none);
}

}  // namespace
}  // namespace c360::parsers
