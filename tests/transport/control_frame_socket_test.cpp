// Blocking frames between agent and engine, with a descriptor beside the first.
#include <gtest/gtest.h>

#include <sys/mman.h>
#include <unistd.h>

#include <thread>

#include "core/error.h"
#include "transport/control/frame_socket.h"

namespace yoke::transport {
namespace {

TEST(FrameSocket, CarriesDescriptorsBesideAFrameInTheirOrder) {
  SocketPair pair = make_socket_pair();
  FrameSocket agent(std::move(pair.agent)), engine(std::move(pair.engine));
  Descriptor memory(memfd_create("test", MFD_CLOEXEC));
  ASSERT_EQ(::write(memory.get(), "weights", 7), 7);
  Descriptor directory(memfd_create("test", MFD_CLOEXEC));
  ASSERT_EQ(::write(directory.get(), "regions", 7), 7);

  proto::Envelope attach;
  attach.mutable_attach()->set_pool_bytes(7);
  agent.write(attach, {directory.get(), memory.get()});
  directory = Descriptor();
  memory = Descriptor();

  auto frame = engine.read();
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ(frame->envelope.attach().pool_bytes(), 7u);
  ASSERT_EQ(frame->descriptors.size(), 2u);
  for (const char* text : {"regions", "weights"}) {
    char bytes[8] = {};
    ASSERT_EQ(pread(frame->descriptors[text[0] == 'w'].get(), bytes, 7, 0), 7);
    EXPECT_STREQ(bytes, text);
  }
}

TEST(FrameSocket, CarriesFramesLargerThanTheSocketsBuffer) {
  SocketPair pair = make_socket_pair();
  FrameSocket agent(std::move(pair.agent)), engine(std::move(pair.engine));
  proto::Envelope rows;
  rows.mutable_logit_rows()->set_rows(std::string(4u << 20, 'r'));
  std::jthread writer([&] {
    for (int i = 0; i < 3; ++i) engine.write(rows);
  });
  for (int i = 0; i < 3; ++i) EXPECT_EQ(agent.read()->envelope.logit_rows().rows().size(), 4u << 20);
}

TEST(FrameSocket, TellsAnEndBetweenFramesFromOneInside) {
  SocketPair pair = make_socket_pair();
  FrameSocket engine(std::move(pair.engine));
  pair.agent = Descriptor();
  EXPECT_FALSE(engine.read().has_value());
  proto::Envelope ready;
  ready.mutable_ready();
  EXPECT_THROW(engine.write(ready), Error) << "and no SIGPIPE";

  SocketPair torn = make_socket_pair();
  FrameSocket reader(std::move(torn.engine));
  ASSERT_EQ(::write(torn.agent.get(), "\x10\0\0\0ab", 6), 6);
  torn.agent = Descriptor();
  EXPECT_THROW(reader.read(), Error);
}

}  // namespace
}  // namespace yoke::transport
