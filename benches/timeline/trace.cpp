// Writes when each launch began and ended on an NVIDIA GPU, without stopping it: a library that CUDA loads into any program by itself.
//
//   g++ -O1 -fPIC -shared trace.cpp -o libtrace.so -I$CUDA/include -L$CUDA/lib64 -lcupti
//   TRACE_OUT=trace.txt LD_LIBRARY_PATH=$CUDA/lib64 CUDA_INJECTION64_PATH=$PWD/libtrace.so unicorn-rt bench ARTIFACT --require gpu -p 0 -n 16 -r 1
//   sort -n trace.txt | ./table.py
//
// TRACE_GRAPH=1 writes a line a graph instead of a line a launch, which disturbs the program less and shows what the host takes between steps.
// A line: begin and end in nanoseconds, blocks along x, threads of a block, registers of a thread, name.
#include <cupti.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

static FILE *out;

static void line(uint64_t begin, uint64_t end, int blocks, int threads, int registers, const char *name) {
    fprintf(out, "%llu %llu %d %d %d %s\n", (unsigned long long)begin, (unsigned long long)end, blocks, threads, registers, name);
}

static void CUPTIAPI give(uint8_t **buffer, size_t *size, size_t *records) {
    *size = 8 << 20;
    *buffer = static_cast<uint8_t *>(aligned_alloc(64, *size));
    *records = 0;
}

static void CUPTIAPI take(CUcontext, uint32_t, uint8_t *buffer, size_t, size_t valid) {
    CUpti_Activity *record = nullptr;
    while (cuptiActivityGetNextRecord(buffer, valid, &record) == CUPTI_SUCCESS) {
        switch (record->kind) {
        case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL: {
            auto *kernel = reinterpret_cast<CUpti_ActivityKernel9 *>(record);
            line(kernel->start, kernel->end, kernel->gridX, kernel->blockX, kernel->registersPerThread, kernel->name);
            break;
        }
        case CUPTI_ACTIVITY_KIND_GRAPH_TRACE: {
            auto *graph = reinterpret_cast<CUpti_ActivityGraphTrace2 *>(record);
            line(graph->start, graph->end, 0, 0, 0, "graph");
            break;
        }
        case CUPTI_ACTIVITY_KIND_MEMCPY: {
            auto *copy = reinterpret_cast<CUpti_ActivityMemcpy5 *>(record);
            line(copy->start, copy->end, 0, 0, 0, "copy");
            break;
        }
        default:
            break;
        }
    }
    free(buffer);
}

static void finish() {
    cuptiActivityFlushAll(1);
    fclose(out);
}

extern "C" int InitializeInjection() {
    const char *path = getenv("TRACE_OUT");
    out = path ? fopen(path, "w") : nullptr;
    if (!out) {
        fprintf(stderr, "TRACE_OUT names no file that can be written\n");
        return 0;
    }
    cuptiActivityRegisterCallbacks(give, take);
    cuptiActivityEnable(getenv("TRACE_GRAPH") ? CUPTI_ACTIVITY_KIND_GRAPH_TRACE : CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL);
    cuptiActivityEnable(CUPTI_ACTIVITY_KIND_MEMCPY);
    atexit(finish);
    return 1;
}
