// The functions of libcuda.so.1 that Yoke calls: X(name, exported symbol, parameters). All return CUresult. The symbol is the
// version whose parameters stand here (cuda.h maps cuMemAlloc to cuMemAlloc_v2, and so on). driver.h makes a table of them.
#pragma once

#include "core/cuda/driver_api.h"

// clang-format off
#define YOKE_CUDA_FUNCTIONS(X)                                                                                                    \
  /* process, devices, contexts */                                                                                                \
  X(cuInit, cuInit, (unsigned flags))                                                                                             \
  X(cuDriverGetVersion, cuDriverGetVersion, (int* version))                                                                       \
  X(cuGetErrorName, cuGetErrorName, (CUresult error, const char** text))                                                          \
  X(cuGetErrorString, cuGetErrorString, (CUresult error, const char** text))                                                      \
  X(cuDeviceGet, cuDeviceGet, (CUdevice* device, int ordinal))                                                                    \
  X(cuDeviceGetCount, cuDeviceGetCount, (int* count))                                                                             \
  X(cuDeviceGetName, cuDeviceGetName, (char* name, int length, CUdevice device))                                                  \
  X(cuDeviceGetAttribute, cuDeviceGetAttribute, (int* value, CUdevice_attribute attribute, CUdevice device))                      \
  X(cuDeviceTotalMem, cuDeviceTotalMem_v2, (size_t* bytes, CUdevice device))                                                      \
  X(cuDeviceGetUuid, cuDeviceGetUuid_v2, (CUuuid* uuid, CUdevice device))                                                         \
  X(cuDeviceGetPCIBusId, cuDeviceGetPCIBusId, (char* text, int length, CUdevice device))                                          \
  X(cuDevicePrimaryCtxRetain, cuDevicePrimaryCtxRetain, (CUcontext* context, CUdevice device))                                    \
  X(cuDevicePrimaryCtxRelease, cuDevicePrimaryCtxRelease_v2, (CUdevice device))                                                   \
  X(cuCtxSetCurrent, cuCtxSetCurrent, (CUcontext context))                                                                        \
  X(cuCtxGetCurrent, cuCtxGetCurrent, (CUcontext* context))                                                                       \
  X(cuCtxSynchronize, cuCtxSynchronize, ())                                                                                       \
  X(cuCtxGetStreamPriorityRange, cuCtxGetStreamPriorityRange, (int* least, int* greatest))                                        \
  /* code */                                                                                                                      \
  X(cuModuleLoadData, cuModuleLoadData, (CUmodule* module, const void* image))                                                    \
  X(cuModuleUnload, cuModuleUnload, (CUmodule module))                                                                            \
  X(cuModuleGetFunction, cuModuleGetFunction, (CUfunction* function, CUmodule module, const char* name))                          \
  X(cuModuleGetGlobal, cuModuleGetGlobal_v2, (CUdeviceptr* pointer, size_t* bytes, CUmodule module, const char* name))            \
  X(cuFuncSetAttribute, cuFuncSetAttribute, (CUfunction function, CUfunction_attribute attribute, int value))                     \
  X(cuFuncGetAttribute, cuFuncGetAttribute, (int* value, CUfunction_attribute attribute, CUfunction function))                    \
  X(cuFuncGetParamInfo, cuFuncGetParamInfo, (CUfunction function, size_t index, size_t* offset, size_t* bytes))                   \
  X(cuOccupancyMaxActiveBlocksPerMultiprocessor, cuOccupancyMaxActiveBlocksPerMultiprocessor,                                     \
    (int* blocks, CUfunction function, int block_threads, size_t dynamic_shared_bytes))                                           \
  X(cuLaunchKernelEx, cuLaunchKernelEx, (const CUlaunchConfig* config, CUfunction function, void** params, void** extra))         \
  X(cuLaunchHostFunc, cuLaunchHostFunc, (CUstream stream, CUhostFn function, void* user_data))                                    \
  /* memory */                                                                                                                    \
  X(cuMemAlloc, cuMemAlloc_v2, (CUdeviceptr* pointer, size_t bytes))                                                              \
  X(cuMemFree, cuMemFree_v2, (CUdeviceptr pointer))                                                                               \
  X(cuMemGetInfo, cuMemGetInfo_v2, (size_t* free, size_t* total))                                                                 \
  X(cuMemHostAlloc, cuMemHostAlloc, (void** pointer, size_t bytes, unsigned flags))                                               \
  X(cuMemFreeHost, cuMemFreeHost, (void* pointer))                                                                                \
  X(cuMemHostRegister, cuMemHostRegister_v2, (void* pointer, size_t bytes, unsigned flags))                                       \
  X(cuMemHostUnregister, cuMemHostUnregister, (void* pointer))                                                                    \
  X(cuMemHostGetDevicePointer, cuMemHostGetDevicePointer_v2, (CUdeviceptr* device_pointer, void* pointer, unsigned flags))        \
  X(cuPointerGetAttribute, cuPointerGetAttribute, (void* data, CUpointer_attribute attribute, CUdeviceptr pointer))               \
  X(cuMemcpyHtoDAsync, cuMemcpyHtoDAsync_v2, (CUdeviceptr to, const void* from, size_t bytes, CUstream stream))                   \
  X(cuMemcpyDtoHAsync, cuMemcpyDtoHAsync_v2, (void* to, CUdeviceptr from, size_t bytes, CUstream stream))                         \
  X(cuMemcpyDtoDAsync, cuMemcpyDtoDAsync_v2, (CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream))                   \
  X(cuMemsetD8Async, cuMemsetD8Async, (CUdeviceptr to, unsigned char value, size_t count, CUstream stream))                       \
  X(cuMemsetD32Async, cuMemsetD32Async, (CUdeviceptr to, unsigned value, size_t count, CUstream stream))                          \
  /* memory with handles: export, import, map */                                                                                  \
  X(cuMemGetAllocationGranularity, cuMemGetAllocationGranularity,                                                                 \
    (size_t* bytes, const CUmemAllocationProp* prop, CUmemAllocationGranularity_flags option))                                    \
  X(cuMemCreate, cuMemCreate,                                                                                                     \
    (CUmemGenericAllocationHandle* handle, size_t bytes, const CUmemAllocationProp* prop, unsigned long long flags))              \
  X(cuMemRelease, cuMemRelease, (CUmemGenericAllocationHandle handle))                                                            \
  X(cuMemAddressReserve, cuMemAddressReserve,                                                                                     \
    (CUdeviceptr* pointer, size_t bytes, size_t alignment, CUdeviceptr wanted, unsigned long long flags))                         \
  X(cuMemAddressFree, cuMemAddressFree, (CUdeviceptr pointer, size_t bytes))                                                      \
  X(cuMemMap, cuMemMap,                                                                                                           \
    (CUdeviceptr pointer, size_t bytes, size_t offset, CUmemGenericAllocationHandle handle, unsigned long long flags))            \
  X(cuMemUnmap, cuMemUnmap, (CUdeviceptr pointer, size_t bytes))                                                                  \
  X(cuMemSetAccess, cuMemSetAccess, (CUdeviceptr pointer, size_t bytes, const CUmemAccessDesc* access, size_t count))             \
  X(cuMemExportToShareableHandle, cuMemExportToShareableHandle,                                                                   \
    (void* shareable, CUmemGenericAllocationHandle handle, CUmemAllocationHandleType type, unsigned long long flags))             \
  X(cuMemImportFromShareableHandle, cuMemImportFromShareableHandle,                                                               \
    (CUmemGenericAllocationHandle* handle, void* shareable, CUmemAllocationHandleType type))                                      \
  /* streams and events */                                                                                                        \
  X(cuStreamCreateWithPriority, cuStreamCreateWithPriority, (CUstream* stream, unsigned flags, int priority))                     \
  X(cuStreamDestroy, cuStreamDestroy_v2, (CUstream stream))                                                                       \
  X(cuStreamQuery, cuStreamQuery, (CUstream stream))                                                                              \
  X(cuStreamSynchronize, cuStreamSynchronize, (CUstream stream))                                                                  \
  X(cuStreamWaitEvent, cuStreamWaitEvent, (CUstream stream, CUevent event, unsigned flags))                                       \
  X(cuStreamBeginCapture, cuStreamBeginCapture_v2, (CUstream stream, CUstreamCaptureMode mode))                                   \
  X(cuStreamEndCapture, cuStreamEndCapture, (CUstream stream, CUgraph* graph))                                                    \
  X(cuStreamIsCapturing, cuStreamIsCapturing, (CUstream stream, CUstreamCaptureStatus* status))                                   \
  X(cuEventCreate, cuEventCreate, (CUevent* event, unsigned flags))                                                               \
  X(cuEventDestroy, cuEventDestroy_v2, (CUevent event))                                                                           \
  X(cuEventRecord, cuEventRecord, (CUevent event, CUstream stream))                                                               \
  X(cuEventQuery, cuEventQuery, (CUevent event))                                                                                  \
  X(cuEventSynchronize, cuEventSynchronize, (CUevent event))                                                                      \
  X(cuEventElapsedTime, cuEventElapsedTime_v2, (float* milliseconds, CUevent start, CUevent end))                                 \
  /* graphs */                                                                                                                    \
  X(cuGraphInstantiate, cuGraphInstantiateWithFlags, (CUgraphExec* exec, CUgraph graph, unsigned long long flags))                \
  X(cuGraphLaunch, cuGraphLaunch, (CUgraphExec exec, CUstream stream))                                                            \
  X(cuGraphExecDestroy, cuGraphExecDestroy, (CUgraphExec exec))                                                                   \
  X(cuGraphDestroy, cuGraphDestroy, (CUgraph graph))                                                                              \
  X(cuGraphGetNodes, cuGraphGetNodes, (CUgraph graph, CUgraphNode* nodes, size_t* count))                                         \
  X(cuGraphNodeGetType, cuGraphNodeGetType, (CUgraphNode node, CUgraphNodeType* type))
// clang-format on
