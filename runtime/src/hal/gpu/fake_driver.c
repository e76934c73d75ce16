// A CUDA driver without a device, for tests: memory of the device is memory of the host, work is done when it is asked for, and a graph is a list of it.
// The one kernel it knows, `count`, adds its second argument to the word at its first. Failures are chosen when it is compiled:
// FAIL_ALLOCATION=n the n-th is refused; FAIL_LAUNCH=n the n-th to run goes astray, which the next wait says; FAIL_RECORD=n the n-th to be recorded is
// refused; NO_DEVICE; NO_LAUNCH_EX leaves a function out. Once lost, any further call ends the process.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef FAIL_ALLOCATION
#define FAIL_ALLOCATION 0
#endif
#ifndef FAIL_LAUNCH
#define FAIL_LAUNCH 0
#endif
#ifndef FAIL_RECORD
#define FAIL_RECORD 0
#endif

typedef int R;
typedef void *H;
typedef uint64_t P;

enum { MOST = 64, TOTAL = 1 << 30 };
enum kind { UPLOAD, DOWNLOAD, FILL, LAUNCH };
struct work { enum kind kind; P device; void *host; size_t bytes; uint32_t value; };
struct graph { int count; struct work work[MOST]; };
struct block { size_t bytes; char pad[8]; };
struct module { char *text; };

static int dead, astray, allocations, launches, records, recording, invalid;
static size_t live;
static struct graph *open_graph;

static void alive(void) {
    if (dead) {
        fputs("fake driver: called although the device is lost\n", stderr);
        abort();
    }
}

static void run(const struct work *w) {
    switch (w->kind) {
    case UPLOAD: memcpy((void *)w->device, w->host, w->bytes); break;
    case DOWNLOAD: memcpy(w->host, (void *)w->device, w->bytes); break;
    case FILL: for (size_t i = 0; i < w->bytes / 4; i++) ((uint32_t *)w->device)[i] = w->value; break;
    case LAUNCH:
        if (++launches == FAIL_LAUNCH) astray = 1;
        else *(uint32_t *)w->device += w->value;
    }
}

static R put(struct work w) {
    alive();
    if (!recording) return run(&w), 0;
    if (w.kind == LAUNCH && ++records == FAIL_RECORD) return invalid = 1, 900;
    if (invalid || open_graph->count == MOST) return 901;
    open_graph->work[open_graph->count++] = w;
    return 0;
}

R cuGetErrorString(R error, const char **text) {
    switch (error) {
    case 2: *text = "out of memory"; break;
    case 218: *text = "a PTX JIT compilation failed"; break;
    case 700: *text = "an illegal memory access was encountered"; break;
    case 900: *text = "operation not permitted when stream is capturing"; break;
    default: *text = NULL; return 1;
    }
    return 0;
}

#ifdef NO_DEVICE
R cuInit(unsigned flags) { (void)flags; return 100; }
#else
R cuInit(unsigned flags) { return flags ? 1 : 0; }
#endif
R cuDriverGetVersion(int *version) { *version = 13000; return 0; }
R cuDeviceGetCount(int *count) { *count = 1; return 0; }
R cuDeviceGet(int *device, int ordinal) { *device = ordinal; return ordinal ? 101 : 0; }
R cuDeviceGetName(char *name, int length, int device) { (void)device; snprintf(name, (size_t)length, "Fake GPU"); return 0; }
R cuDeviceTotalMem_v2(size_t *bytes, int device) { (void)device; *bytes = TOTAL; return 0; }
R cuDeviceGetAttribute(int *value, int attribute, int device) {
    (void)device;
    *value = attribute == 75 ? 9 : attribute == 16 ? 4 : 0;
    return 0;
}
R cuDevicePrimaryCtxRetain(H *context, int device) { (void)device; *context = &live; return 0; }
R cuDevicePrimaryCtxRelease_v2(int device) { alive(); return device; }
R cuCtxSetCurrent(H context) { alive(); return context && context != &live ? 201 : 0; }
R cuMemGetInfo_v2(size_t *free_bytes, size_t *total) { alive(); *free_bytes = TOTAL - live; *total = TOTAL; return 0; }

R cuMemAlloc_v2(P *address, size_t bytes) {
    alive();
    if (++allocations == FAIL_ALLOCATION || bytes > TOTAL - live) return 2;
    struct block *block = malloc(sizeof *block + bytes);
    if (!block) return 2;
    memset(block, 0xa5, sizeof *block + bytes);
    block->bytes = bytes;
    live += bytes;
    *address = (P)(block + 1);
    return 0;
}
R cuMemFree_v2(P address) {
    alive();
    struct block *block = (struct block *)address - 1;
    live -= block->bytes;
    free(block);
    return 0;
}
R cuMemHostAlloc(void **pointer, size_t bytes, unsigned flags) { alive(); (void)flags; *pointer = malloc(bytes); return *pointer ? 0 : 2; }
R cuMemFreeHost(void *pointer) { alive(); free(pointer); return 0; }
R cuMemcpyHtoDAsync_v2(P to, const void *from, size_t bytes, H stream) { (void)stream; return put((struct work){UPLOAD, to, (void *)from, bytes, 0}); }
R cuMemcpyDtoHAsync_v2(void *to, P from, size_t bytes, H stream) { (void)stream; return put((struct work){DOWNLOAD, from, to, bytes, 0}); }
R cuMemsetD32Async(P to, unsigned value, size_t count, H stream) { (void)stream; return put((struct work){FILL, to, NULL, count * 4, value}); }

R cuStreamCreate(H *stream, unsigned flags) { alive(); *stream = &dead; return flags == 1 ? 0 : 1; }
R cuStreamDestroy_v2(H stream) { alive(); return stream == &dead ? 0 : 400; }
R cuStreamSynchronize(H stream) {
    alive();
    (void)stream;
    if (recording) return invalid = 1, 900;
    if (astray) return dead = 1, 700;
    return 0;
}
R cuStreamBeginCapture_v2(H stream, int mode) {
    alive();
    (void)stream;
    if (recording || mode != 2) return 1;
    recording = 1, invalid = 0;
    open_graph = calloc(1, sizeof *open_graph);
    return 0;
}
R cuStreamEndCapture(H stream, H *graph) {
    alive();
    (void)stream;
    if (!recording) return 1;
    recording = 0;
    if (invalid) {
        free(open_graph);
        *graph = NULL;
        return 901;
    }
    *graph = open_graph;
    return 0;
}
R cuGraphInstantiateWithFlags(H *exec, H graph, unsigned long long flags) {
    alive();
    if (flags) return 1;
    *exec = malloc(sizeof(struct graph));
    memcpy(*exec, graph, sizeof(struct graph));
    return 0;
}
R cuGraphDestroy(H graph) { alive(); free(graph); return 0; }
R cuGraphExecDestroy(H exec) { alive(); free(exec); return 0; }
R cuGraphLaunch(H exec, H stream) {
    (void)stream;
    struct graph *graph = exec;
    for (int i = 0; i < graph->count; i++) put(graph->work[i]);
    return 0;
}

R cuEventCreate(H *event, unsigned flags) { alive(); *event = malloc(1); return flags ? 1 : 0; }
R cuEventDestroy_v2(H event) { alive(); free(event); return 0; }
R cuEventRecord(H event, H stream) { alive(); (void)event, (void)stream; return 0; }
R cuEventSynchronize(H event) { alive(); (void)event; return 0; }
R cuEventElapsedTime(float *milliseconds, H start, H end) { alive(); (void)start, (void)end; *milliseconds = 1.5f; return 0; }

R cuModuleLoadDataEx(H *module, const void *image, unsigned count, int *options, void **values) {
    alive();
    if (!strstr(image, ".entry")) {
        if (count == 2 && options[0] == 5 && options[1] == 6) snprintf(values[0], (size_t)values[1], "line 1; fatal: syntax error");
        return 218;
    }
    struct module *new = malloc(sizeof *new);
    new->text = strdup(image);
    *module = new;
    return 0;
}
R cuModuleUnload(H module) { alive(); free(((struct module *)module)->text); free(module); return 0; }
R cuModuleGetFunction(H *function, H module, const char *name) {
    alive();
    *function = strstr(((struct module *)module)->text, name);
    return *function ? 0 : 500;
}
R cuFuncSetAttribute(H function, int attribute, int value) { alive(); (void)function; return attribute == 8 && value <= 232448 ? 0 : 1; }
R cuLaunchKernel(H function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, H stream, void **parameters,
                 void **extra) {
    (void)function, (void)shared, (void)stream;
    if (!gx || !gy || !gz || !bx || by != 1 || bz != 1 || extra) return 1;
    return put((struct work){LAUNCH, *(P *)parameters[0], NULL, 0, *(uint32_t *)parameters[1]});
}
#ifndef NO_LAUNCH_EX
struct attribute { int id; char pad[4]; union { char pad[64]; int allowed; uint64_t align; } value; };
struct config { unsigned gx, gy, gz, bx, by, bz, shared; H stream; struct attribute *attributes; unsigned count; };
R cuLaunchKernelEx(const struct config *c, H function, void **parameters, void **extra) {
    if (c->count != 1 || c->attributes->id != 6 || c->attributes->value.allowed != 1) return 1;
    return cuLaunchKernel(function, c->gx, c->gy, c->gz, c->bx, c->by, c->bz, c->shared, c->stream, parameters, extra);
}
#endif
