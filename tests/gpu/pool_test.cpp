// A pool on a GPU, in each place that one may have: the loader fills it, engines that come and are killed find weights and KV in it.
// Settings of the double are read once, so every test has a process of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include <fmt/format.h>

#include "core/cuda/context.h"
#include "core/error.h"
#include "node/loader.h"
#include "node/made_weights.h"
#include "transport/control/frame_socket.h"

namespace yoke::node {
namespace {

namespace proto = transport::proto;
using testing::HasSubstr;

constexpr int kEngineSocket = 3;
constexpr const char* kEngineFilter = "PoolOnAGpu.DISABLED_Engine";

// copy(to, from, words): block b copies words b * 256 .. of 32 bits; add(x, words, what): x[i] += what. In PTX: whoever can address the
// memory like this can run kernels on it.
constexpr char kPtx[] = R"(
.version 9.0
.target sm_90
.address_size 64
.visible .entry copy(.param .u64 p_to, .param .u64 p_from, .param .u32 p_words)
{
  .reg .pred %p<2>;
  .reg .b32 %r<7>;
  .reg .b64 %rd<8>;
  ld.param.u64 %rd1, [p_to];
  ld.param.u64 %rd2, [p_from];
  ld.param.u32 %r1, [p_words];
  mov.u32 %r2, %ctaid.x;
  mov.u32 %r3, %ntid.x;
  mov.u32 %r4, %tid.x;
  mad.lo.s32 %r5, %r2, %r3, %r4;
  setp.ge.u32 %p1, %r5, %r1;
  @%p1 bra done;
  cvta.to.global.u64 %rd3, %rd1;
  cvta.to.global.u64 %rd4, %rd2;
  mul.wide.u32 %rd5, %r5, 4;
  add.s64 %rd6, %rd4, %rd5;
  add.s64 %rd7, %rd3, %rd5;
  ld.global.u32 %r6, [%rd6];
  st.global.u32 [%rd7], %r6;
done:
  ret;
}
.visible .entry add(.param .u64 p_x, .param .u32 p_words, .param .u32 p_what)
{
  .reg .pred %p<2>;
  .reg .b32 %r<9>;
  .reg .b64 %rd<5>;
  ld.param.u64 %rd1, [p_x];
  ld.param.u32 %r1, [p_words];
  ld.param.u32 %r2, [p_what];
  mov.u32 %r3, %ctaid.x;
  mov.u32 %r4, %ntid.x;
  mov.u32 %r5, %tid.x;
  mad.lo.s32 %r6, %r3, %r4, %r5;
  setp.ge.u32 %p1, %r6, %r1;
  @%p1 bra done;
  cvta.to.global.u64 %rd2, %rd1;
  mul.wide.u32 %rd3, %r6, 4;
  add.s64 %rd4, %rd2, %rd3;
  ld.global.u32 %r7, [%rd4];
  add.s32 %r8, %r7, %r2;
  st.global.u32 [%rd4], %r8;
done:
  ret;
}
)";

// What an engine does with a pool: kernels on it, on a stream of its own.
class Kernels {
 public:
  Kernels() : context_(0) {
    using namespace yoke::cuda;
    check(driver().cuStreamCreateWithPriority(&stream_, CU_STREAM_NON_BLOCKING, 0), "a stream");
    check(driver().cuModuleLoadData(&module_, kPtx), "the test's kernels");
  }

  std::vector<std::byte> read(const std::byte* from, uint64_t bytes) {
    using namespace yoke::cuda;
    CUdeviceptr buffer = 0;
    check(driver().cuMemAlloc(&buffer, bytes), "cuMemAlloc");
    CUdeviceptr source = reinterpret_cast<CUdeviceptr>(from);
    uint32_t words = static_cast<uint32_t>(bytes / 4);
    launch("copy", words, {&buffer, &source, &words});
    std::vector<std::byte> result(bytes);
    check(driver().cuMemcpyDtoHAsync(result.data(), buffer, bytes, stream_), "cuMemcpyDtoHAsync");
    check(driver().cuStreamSynchronize(stream_), "cuStreamSynchronize");
    check(driver().cuMemFree(buffer), "cuMemFree");
    return result;
  }

  void add(std::byte* to, uint64_t bytes, uint32_t what) {
    yoke::cuda::CUdeviceptr target = reinterpret_cast<yoke::cuda::CUdeviceptr>(to);
    uint32_t words = static_cast<uint32_t>(bytes / 4);
    launch("add", words, {&target, &words, &what});
    check(yoke::cuda::driver().cuStreamSynchronize(stream_), "cuStreamSynchronize");
  }

 private:
  void launch(const char* name, uint32_t words, std::vector<void*> params) {
    using namespace yoke::cuda;
    CUfunction function = nullptr;
    check(driver().cuModuleGetFunction(&function, module_, name), name);
    const CUlaunchConfig config{(words + 255) / 256, 1, 1, 256, 1, 1, 0, stream_, nullptr, 0};
    check(driver().cuLaunchKernelEx(&config, function, params.data(), nullptr), name);
  }

  yoke::cuda::Context context_;
  yoke::cuda::CUstream stream_ = nullptr;
  yoke::cuda::CUmodule module_ = nullptr;
};

bool is_kv(const Region& region) { return region.name.find("kv") != std::string::npos; }

// The other process: attaches, adds to the KV cache, answers with what it finds in every region, and waits to be killed.
TEST(PoolOnAGpu, DISABLED_Engine) {
  transport::FrameSocket socket{Descriptor(kEngineSocket)};
  auto frame = socket.read();
  ASSERT_TRUE(frame.has_value());
  const proto::Attach& attach = frame->envelope.attach();
  const Pool pool = Pool::attach(std::move(frame->descriptors), pool_place(attach.pool()).place, attach.gpu());
  Kernels kernels;
  for (const Region& region : pool.regions()) {
    if (is_kv(region)) kernels.add(pool.data(region), region.bytes, static_cast<uint32_t>(attach.rank()));
    proto::Envelope answer;
    const std::vector<std::byte> bytes = kernels.read(pool.data(region), region.bytes);
    answer.mutable_logit_rows()->set_rows(bytes.data(), bytes.size());
    socket.write(answer);
  }
  while (socket.read()) {
  }
}

class EngineOfATest {
 public:
  EngineOfATest(const Pool& pool, PoolPlace place, int adds) {
    transport::SocketPair pair = transport::make_socket_pair();
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, pair.engine.get(), kEngineSocket);
    std::string program = "engine", filter = fmt::format("--gtest_filter={}", kEngineFilter), disabled = "--gtest_also_run_disabled_tests";
    std::string quiet = "--gtest_brief=1";
    char* argv[] = {program.data(), filter.data(), disabled.data(), quiet.data(), nullptr};
    EXPECT_EQ(posix_spawn(&pid_, "/proc/self/exe", &files, nullptr, argv, environ), 0);
    posix_spawn_file_actions_destroy(&files);
    socket_.emplace(std::move(pair.agent));
    proto::Envelope envelope;
    envelope.mutable_attach()->set_pool(std::string(pool_place(place).name));
    envelope.mutable_attach()->set_rank(adds);
    socket_->write(envelope, pool.descriptors());
  }
  ~EngineOfATest() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

  // Of the next region.
  std::string bytes() {
    const auto frame = socket_->read();
    if (!frame) throw Error{Code::peer_lost, "the engine of the test is gone"};
    return frame->envelope.logit_rows().rows();
  }

 private:
  pid_t pid_ = 0;
  std::optional<transport::FrameSocket> socket_;
};

struct Opened {
  explicit Opened(const std::string& name)
      : checkpoint(model::open_checkpoint(YOKE_SOURCE_DIR "/tests/golden/" + name)), catalogue(checkpoint), plan(parallel::make_plan(catalogue, {.layout = {1, 1, 1}})) {}
  model::Checkpoint checkpoint;
  model::Catalogue catalogue;
  parallel::Plan plan;
};

void expect_engine_finds(const Pool& pool, const Pool& on_host, PoolPlace place, int adds, uint32_t expected) {
  EngineOfATest engine(pool, place, adds);
  for (const Region& region : on_host.regions()) {
    const std::string found = engine.bytes();
    ASSERT_EQ(found.size(), region.bytes) << region.name;
    if (!is_kv(region)) {
      ASSERT_EQ(std::memcmp(found.data(), on_host.host(region), region.bytes), 0) << region.name;
      continue;
    }
    for (size_t i = 0; i + 4 <= found.size(); i += 4) {
      uint32_t word;
      std::memcpy(&word, found.data() + i, 4);
      ASSERT_EQ(word, expected) << region.name << " at " << i;
    }
  }
}

// Engines find what the agent's loader wrote, bit for bit, and in the cache what engines before them did.
void expect_survives_engines(const char* model, PoolPlace wanted) {
  const Opened opened(model);
  const PoolChoice choice = choose_pool_place(0);
  ASSERT_EQ(choice.place, wanted) << choice.text;
  const std::vector<Region> regions = regions_of(opened.plan, 0, opened.catalogue, 2);
  const Pool on_host = Pool::create(regions);
  load(opened.plan, 0, opened.catalogue, on_host, {}, {}, {.threads = 2});
  const Pool pool = Pool::create(regions, choice.place, 0);
  LoadTimes times;
  load(opened.plan, 0, opened.catalogue, pool, {}, {}, {.threads = 2, .read_bytes = 64 << 10, .times = &times});
  if (wanted == PoolPlace::device) EXPECT_GT(times.copies.bytes, pool.bytes() / 2);
  else EXPECT_EQ(times.copies.bytes, 0u);
  ASSERT_NO_FATAL_FAILURE(expect_engine_finds(pool, on_host, wanted, 5, 5));
  ASSERT_NO_FATAL_FAILURE(expect_engine_finds(pool, on_host, wanted, 7, 12));
}

// Runs the body in a process of its own, with these settings of the double.
#define IN_PROCESS(without, memory, ...)                               \
  EXPECT_EXIT(                                                         \
      {                                                                \
        setenv("YOKE_EMULATOR_WITHOUT", without, 1);                   \
        setenv("YOKE_EMULATOR_MEMORY", memory, 1);                     \
        setenv("YOKE_EMULATOR_SEED", "7", 1);                          \
        __VA_ARGS__;                                                   \
        _exit(testing::Test::HasFailure() ? 1 : 0);                    \
      },                                                               \
      testing::ExitedWithCode(0), "")

TEST(PoolOnAGpu, InExportableMemoryOutlivesEngines) {
  IN_PROCESS("", "8000000000", expect_survives_engines("models/llama", PoolPlace::device));
  IN_PROCESS("", "8000000000", expect_survives_engines("quantised/llama_modelopt_nvfp4", PoolPlace::device));
}

TEST(PoolOnAGpu, InARegisteredMemfdOutlivesEngines) {
  IN_PROCESS("vmm", "8000000000", expect_survives_engines("models/llama", PoolPlace::registered));
}

TEST(PoolOnAGpu, InAMemfdThatTheGpuReadsInPlaceOutlivesEngines) {
  IN_PROCESS("vmm,register", "8000000000", expect_survives_engines("models/llama", PoolPlace::in_place));
}

TEST(PoolOnAGpu, WithoutAnyMemoryThatOutlivesEnginesIsRefusedWithAllReasons) {
  IN_PROCESS("vmm,register,ats", "8000000000", {
    try {
      choose_pool_place(0);
      ADD_FAILURE() << "a place was chosen";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::unsupported);
      for (const char* part : {"exportable device memory", "registered memfd", "memfd read in place", "--device cpu"}) EXPECT_THAT(error.what(), HasSubstr(part));
    }
  });
}

TEST(PoolOnAGpu, LargerThanTheDeviceDoesNotFit) {
  IN_PROCESS("", "16000000", {
    EXPECT_EQ(choose_pool_place(0).place, PoolPlace::device) << "a full device is no reason for a slower place";
    try {
      Pool::create({{"a", {}, 64 << 20}}, PoolPlace::device, 0);
      ADD_FAILURE() << "it was created";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::does_not_fit);
      EXPECT_THAT(error.what(), HasSubstr("use more GPUs"));
    }
  });
}

TEST(PoolOnAGpu, ADescriptorThatIsNoMemoryOfAGpuIsRefused) {
  IN_PROCESS("", "8000000000", {
    const Pool pool = Pool::create({{"a", {}, 64}}, PoolPlace::device, 0);
    std::vector<Descriptor> descriptors;
    descriptors.emplace_back(dup(pool.descriptors()[0]));
    descriptors.emplace_back(memfd_create("no-memory-of-a-gpu", 0));
    try {
      Pool::attach(std::move(descriptors), PoolPlace::device, 0);
      ADD_FAILURE() << "it was attached";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::bad_file) << error.what();
    }
  });
}

}  // namespace
}  // namespace yoke::node
