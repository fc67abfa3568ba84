// Kernels as people write them, for kernels_test.cpp: it compares them with the host and breaks their PTX.
#include <cuda_bf16.h>

struct Params {
  const float* x;
  float* y;
  int n;
};

namespace {

__device__ unsigned shared_address(const void* p) { return static_cast<unsigned>(__cvta_generic_to_shared(p)); }

__device__ void copy_16_bytes(void* to, const void* from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(to)), "l"(from) : "memory");
}

__device__ float warp_sum(float v) {
  for (int step = 16; step > 0; step /= 2) v += __shfl_xor_sync(0xffffffff, v, step);
  return v;
}

}  // namespace

// y[t] = sum over n tiles of 512 of tile[(4 t + 148) % 512] * (k + 1). Tile k + 1 is copied while tile k is used.
extern "C" __global__ void double_buffer(const __grid_constant__ Params p) {
  __shared__ __align__(16) float tiles[2][512];
  const int t = threadIdx.x;
  copy_16_bytes(&tiles[0][4 * t], p.x + 4 * t);
  asm volatile("cp.async.commit_group;" ::: "memory");
  float sum = 0;
  for (int k = 0; k < p.n; ++k) {
    if (k + 1 < p.n) copy_16_bytes(&tiles[(k + 1) & 1][4 * t], p.x + 512 * (k + 1) + 4 * t);
    asm volatile("cp.async.commit_group;" ::: "memory");
    asm volatile("cp.async.wait_group 1;" ::: "memory");
    __syncthreads();
    sum = fmaf(tiles[k & 1][(4 * t + 148) % 512], static_cast<float>(k + 1), sum);
    __syncthreads();
  }
  p.y[t] = sum;
}

// y = x / sqrt(mean of squares) / max |x|, a block a row of n; both reductions use one array.
extern "C" __global__ void normalise(const __grid_constant__ Params p) {
  __shared__ float parts[8];
  const float* x = p.x + static_cast<size_t>(blockIdx.x) * p.n;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  float sum = 0, greatest = 0;
  for (int i = threadIdx.x; i < p.n; i += blockDim.x) {
    sum = fmaf(x[i], x[i], sum);
    greatest = fmaxf(greatest, fabsf(x[i]));
  }
  sum = warp_sum(sum);
  if (lane == 0) parts[warp] = sum;
  __syncthreads();
  sum = 0;
  for (int w = 0; w < blockDim.x / 32; ++w) sum += parts[w];
  __syncthreads();
  for (int step = 16; step > 0; step /= 2) greatest = fmaxf(greatest, __shfl_xor_sync(0xffffffff, greatest, step));
  if (lane == 0) parts[warp] = greatest;
  __syncthreads();
  greatest = 0;
  for (int w = 0; w < blockDim.x / 32; ++w) greatest = fmaxf(greatest, parts[w]);
  for (int i = threadIdx.x; i < p.n; i += blockDim.x) p.y[static_cast<size_t>(blockIdx.x) * p.n + i] = x[i] / sqrtf(sum / p.n) / greatest;
}

// Steps of the Collatz sequence from x: lanes part and meet again.
extern "C" __global__ void collatz(const __grid_constant__ Params p) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= p.n) return;
  int v = static_cast<int>(p.x[i]), steps = 0;
  for (; v > 1; ++steps) v = v & 1 ? 3 * v + 1 : v / 2;
  p.y[i] = steps;
}

// C (16 x 8, rows of y) = A (16 x 32) * B (8 x 32, both rows of bf16 at x, one behind the other) by one warp; swizzled tiles.
extern "C" __global__ void multiply(const __grid_constant__ Params p) {
  __shared__ __align__(16) __nv_bfloat16 a[16 * 32], b[8 * 32];
  const auto* from = reinterpret_cast<const __nv_bfloat16*>(p.x);
  const int lane = threadIdx.x;
  const auto place = [](int row, int chunk) { return row * 32 + (chunk ^ (row >> 1 & 3)) * 8; };
  for (int i = lane; i < 64; i += 32) copy_16_bytes(a + place(i / 4, i % 4), from + i * 8);
  copy_16_bytes(b + place(lane / 4, lane % 4), from + 16 * 32 + lane * 8);
  asm volatile("cp.async.wait_all;" ::: "memory");
  __syncwarp();
  float c[4] = {};
  for (int k = 0; k < 2; ++k) {
    unsigned ra[4], rb[2];
    const unsigned at_a = shared_address(a + place(lane % 16, 2 * k + lane / 16));
    const unsigned at_b = shared_address(b + place(lane % 8, 2 * k + lane / 8 % 2));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(ra[0]), "=r"(ra[1]), "=r"(ra[2]), "=r"(ra[3]) : "r"(at_a));
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];" : "=r"(rb[0]), "=r"(rb[1]) : "r"(at_b));
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(ra[0]), "r"(ra[1]), "r"(ra[2]), "r"(ra[3]), "r"(rb[0]), "r"(rb[1]));
  }
  for (int i = 0; i < 4; ++i) p.y[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = c[i];
}

// y[bin] = how many x fall into it; lanes with one bin elect a leader that adds for all.
extern "C" __global__ void histogram(const __grid_constant__ Params p) {
  __shared__ int bins[16];
  if (threadIdx.x < 16) bins[threadIdx.x] = 0;
  __syncthreads();
  for (int i = threadIdx.x; i < p.n; i += blockDim.x) {
    const int bin = static_cast<int>(p.x[i]) & 15;
    const unsigned peers = __match_any_sync(__activemask(), bin);
    if (__ffs(peers) - 1 == threadIdx.x % 32) atomicAdd(&bins[bin], __popc(peers));
  }
  __syncthreads();
  if (threadIdx.x < 16) p.y[threadIdx.x] = bins[threadIdx.x];
}
