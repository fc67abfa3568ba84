// Pools on a GPU: the rows of node/pool_memory.h that ask the CUDA driver. All of them demand that cuda::unavailable() is empty.
#pragma once

#include "node/pool_memory.h"

namespace yoke::node::gpu {

std::string no_export(int device);
std::string no_registering(int device);
std::string no_page_tables(int device);

uint64_t device_bytes(int device);  // free on the GPU; MemAvailable where that is one memory with the host's

std::unique_ptr<PoolMemory> create_exported(int device, uint64_t bytes, uint64_t directory_bytes);
std::unique_ptr<PoolMemory> attach_exported(int device, std::vector<Descriptor> descriptors);
std::unique_ptr<PoolMemory> attach_registered(int device, std::vector<Descriptor> descriptors);

}  // namespace yoke::node::gpu
