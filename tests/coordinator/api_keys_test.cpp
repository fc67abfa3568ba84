// Key files, and who gets past the door.
#include <gtest/gtest.h>

#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "coordinator/api/keys.h"
#include "tests/coordinator/api_endpoint.h"

namespace yoke::coordinator::api {
namespace {

namespace fs = std::filesystem;

class ApiKeys : public ::testing::Test {
 protected:
  ApiKeys() : folder_(fs::temp_directory_path() / ("yoke-keys-" + std::to_string(getpid()))) { fs::create_directories(folder_); }
  ~ApiKeys() override { fs::remove_all(folder_); }

  fs::path write(const std::string& text) {
    std::ofstream(file()) << text;
    return file();
  }
  fs::path file() const { return folder_ / "keys"; }
  std::string text() const {
    std::ostringstream all;
    all << std::ifstream(file()).rdbuf();
    return all.str();
  }
  static Code code_of(const std::function<void()>& act, std::string* message = nullptr) {
    try {
      act();
    } catch (const Error& error) {
      if (message != nullptr) *message = error.what();
      return error.code();
    }
    ADD_FAILURE() << "no error";
    return Code::internal;
  }

 private:
  const fs::path folder_;
};

TEST_F(ApiKeys, AnAddedKeyOpensAndIsStoredNowhere) {
  const std::string alice = add_key(file(), "alice");
  const std::string bob = add_key(file(), "bob");
  EXPECT_NE(alice, bob);
  EXPECT_GE(alice.size(), 40u);
  struct stat info {};
  ASSERT_EQ(stat(file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(text().find(alice), std::string::npos);
  const Keys keys = Keys::load(file());
  EXPECT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys.owner(alice), "alice");
  EXPECT_EQ(keys.owner(bob), "bob");
  for (const std::string& wrong : {std::string(), std::string("x"), alice + "x", alice.substr(1), std::string("alice")}) {
    EXPECT_FALSE(keys.owner(wrong)) << wrong;
  }
}

TEST_F(ApiKeys, TheLineIsTheNameAndTheSha256OfTheKey) {
  // printf secret | sha256sum
  write("# who\r\n\nme:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\r\n");
  EXPECT_EQ(Keys::load(file()).owner("secret"), "me");
}

TEST_F(ApiKeys, ABadFileIsRefusedWithItsLine) {
  std::string message;
  for (const char* line : {"noname", ":2bb8", "me:12", "me:zz", "m e:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"}) {
    write(std::string("# first\n") + line + "\n");
    EXPECT_EQ(code_of([&] { Keys::load(file()); }, &message), Code::bad_file) << line;
    EXPECT_NE(message.find("keys:2:"), std::string::npos) << message;
  }
  write("# nobody\n");
  EXPECT_EQ(code_of([&] { Keys::load(file()); }), Code::invalid_argument);
  EXPECT_EQ(code_of([&] { Keys::load(file().string() + ".missing"); }), Code::not_found);
}

TEST_F(ApiKeys, ATakenOrStrangeNameIsRefusedAndTheFileStays) {
  add_key(file(), "alice");
  const std::string before = text();
  EXPECT_EQ(code_of([&] { add_key(file(), "alice"); }), Code::invalid_argument);
  for (const std::string& name : {std::string(), std::string("a:b"), std::string("a\nb"), std::string(65, 'x')}) {
    EXPECT_EQ(code_of([&] { add_key(file(), name); }), Code::invalid_argument);
  }
  EXPECT_EQ(text(), before);
}

TEST_F(ApiKeys, OnlyHealthIsOpenWithoutAKey) {
  const std::string key = add_key(file(), "alice");
  fakes::Endpoint endpoint;
  Router guarded(endpoint.config, endpoint.model, endpoint.service, endpoint.metrics, Keys::load(file()));
  const auto status = [&](const char* method, const char* path, const std::string& authorization) {
    http::Request request{.method = method, .path = path, .query = {}, .headers = {}, .body = {}};
    if (!authorization.empty()) request.headers.push_back({"authorization", authorization});
    const auto refused = guarded.admit(request);
    if (refused) fakes::error_of(boost::json::parse(refused->body));
    return refused ? refused->status : 200;
  };
  const std::pair<const char*, const char*> closed[] = {
      {"POST", "/v1/chat/completions"}, {"POST", "/v1/completions"}, {"GET", "/v1/models"}, {"GET", "/v1/models/tiny"},
      {"GET", "/metrics"},              {"GET", "/yoke/v1/status"},  {"POST", "/yoke/v1/logits"}};
  for (const auto& [method, path] : closed) {
    for (const std::string& wrong : {std::string(), std::string("Bearer"), std::string("Bearer wrong"), "Basic " + key, key}) {
      EXPECT_EQ(status(method, path, wrong), 401) << path << " with " << wrong;
    }
    EXPECT_EQ(status(method, path, "Bearer " + key), 200) << path;
    EXPECT_EQ(status(method, path, "bearer  " + key), 200) << path;
  }
  EXPECT_EQ(status("GET", "/nowhere", ""), 401) << "a stranger learns nothing about paths";
  EXPECT_EQ(status("GET", "/nowhere", "Bearer " + key), 404);
  EXPECT_EQ(status("GET", "/health/live", ""), 200);
  EXPECT_EQ(status("GET", "/health/ready", ""), 200);
}

}  // namespace
}  // namespace yoke::coordinator::api
