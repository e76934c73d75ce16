// A CUDA driver without a device, for plans that nobody should trust: memory of the device is memory of the host, kernels do nothing, but every copy and
// every argument of a launch must lie in memory that is allocated. What does not is counted (`fake_faults`) and named on standard error.
// A null argument is counted apart (`fake_nulls`): it is what a kernel gets for a parameter that it is not given, a matter of its code and not of the plan.
// A kernel's parameters are the lines with `.param` of its entry in the PTX text.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int R;
typedef void *H;
typedef uint64_t P;

enum { MOST_BLOCKS = 64, TOTAL = 1 << 28 };
enum kind { UPLOAD, DOWNLOAD, FILL, LAUNCH };
struct work { enum kind kind; P device; void *host; size_t bytes; uint32_t value; int count; P arguments[33]; };
struct graph { int count, room; struct work *work; };
struct block { P address; size_t bytes; };
struct function { char *name; int parameters; };

static struct block blocks[MOST_BLOCKS];
static size_t live;
static int recording;
static struct graph *open_graph;
static int faults, nulls, launches;

int fake_faults(void) { return faults; }
int fake_nulls(void) { return nulls; }
int fake_launches(void) { return launches; }

static void inside(const char *what, P address, size_t bytes) {
    for (int i = 0; i < MOST_BLOCKS; i++)
        if (blocks[i].address && address >= blocks[i].address && address + bytes <= blocks[i].address + blocks[i].bytes) return;
    faults++;
    fprintf(stderr, "fake GPU: %s of %zu bytes at %#llx, where nothing is allocated\n", what, bytes, (unsigned long long)address);
}

static void run(const struct work *w) {
    int before = faults;
    switch (w->kind) {
    case UPLOAD: inside("an upload", w->device, w->bytes); if (faults == before) memcpy((void *)w->device, w->host, w->bytes); break;
    case DOWNLOAD: inside("a download", w->device, w->bytes); if (faults == before) memcpy(w->host, (void *)w->device, w->bytes); break;
    case FILL: inside("a fill", w->device, w->bytes); if (faults == before) memset((void *)w->device, (int)w->value, w->bytes); break;
    case LAUNCH:
        launches++;
        for (int i = 0; i < w->count; i++) {
            if (w->arguments[i]) inside("an argument", w->arguments[i], 1);
            else nulls++;
        }
    }
}

static R put(struct work w) {
    if (!recording) return run(&w), 0;
    if (open_graph->count == open_graph->room) {
        open_graph->room = 2 * open_graph->room + 16;
        open_graph->work = realloc(open_graph->work, (size_t)open_graph->room * sizeof w);
        if (!open_graph->work) return 2;
    }
    open_graph->work[open_graph->count++] = w;
    return 0;
}

R cuGetErrorString(R error, const char **text) { *text = error == 2 ? "out of memory" : error == 218 ? "a PTX JIT compilation failed" : "a fault"; return 0; }
R cuInit(unsigned flags) { return flags ? 1 : 0; }
R cuDriverGetVersion(int *version) { *version = 13000; return 0; }
R cuDeviceGetCount(int *count) { *count = 1; return 0; }
R cuDeviceGet(int *device, int ordinal) { *device = ordinal; return ordinal ? 101 : 0; }
R cuDeviceGetName(char *name, int length, int device) { (void)device; snprintf(name, (size_t)length, "Fake GPU"); return 0; }
R cuDeviceTotalMem_v2(size_t *bytes, int device) { (void)device; *bytes = TOTAL; return 0; }
R cuDeviceGetAttribute(int *value, int attribute, int device) { (void)device; *value = attribute == 75 ? 9 : attribute == 16 ? 4 : 0; return 0; }
R cuDevicePrimaryCtxRetain(H *context, int device) { (void)device; *context = &live; return 0; }
R cuDevicePrimaryCtxRelease_v2(int device) { (void)device; return 0; }
R cuCtxSetCurrent(H context) { (void)context; return 0; }
R cuMemGetInfo_v2(size_t *free_bytes, size_t *total) { *free_bytes = TOTAL - live; *total = TOTAL; return 0; }

R cuMemAlloc_v2(P *address, size_t bytes) {
    int at = 0;
    while (at < MOST_BLOCKS && blocks[at].address) at++;
    if (at == MOST_BLOCKS || bytes > TOTAL - live) return 2;
    void *memory = calloc(1, bytes ? bytes : 1);
    if (!memory) return 2;
    live += bytes;
    blocks[at] = (struct block){(P)memory, bytes};
    *address = (P)memory;
    return 0;
}
R cuMemFree_v2(P address) {
    for (int i = 0; i < MOST_BLOCKS; i++)
        if (blocks[i].address == address) {
            live -= blocks[i].bytes;
            blocks[i] = (struct block){0, 0};
            free((void *)address);
            return 0;
        }
    faults++;
    return 1;
}
R cuMemHostAlloc(void **pointer, size_t bytes, unsigned flags) {
    (void)flags;
    *pointer = bytes > TOTAL ? NULL : malloc(bytes ? bytes : 1);
    return *pointer ? 0 : 2;
}
R cuMemFreeHost(void *pointer) { free(pointer); return 0; }
R cuMemcpyHtoDAsync_v2(P to, const void *from, size_t bytes, H s) { (void)s; return put((struct work){.kind = UPLOAD, .device = to, .host = (void *)from, .bytes = bytes}); }
R cuMemcpyDtoHAsync_v2(void *to, P from, size_t bytes, H s) { (void)s; return put((struct work){.kind = DOWNLOAD, .device = from, .host = to, .bytes = bytes}); }
R cuMemsetD32Async(P to, unsigned value, size_t count, H s) { (void)s; return put((struct work){.kind = FILL, .device = to, .bytes = count * 4, .value = value}); }

R cuStreamCreate(H *stream, unsigned flags) { (void)flags; *stream = &faults; return 0; }
R cuStreamDestroy_v2(H stream) { (void)stream; return 0; }
R cuStreamSynchronize(H stream) { (void)stream; return recording ? 900 : 0; }
R cuStreamBeginCapture_v2(H stream, int mode) {
    (void)stream, (void)mode;
    recording = 1;
    open_graph = calloc(1, sizeof *open_graph);
    return 0;
}
R cuStreamEndCapture(H stream, H *graph) { (void)stream; recording = 0; *graph = open_graph; return 0; }
R cuGraphInstantiateWithFlags(H *exec, H graph, unsigned long long flags) {
    (void)flags;
    struct graph *from = graph, *to = malloc(sizeof *to);
    *to = *from;
    to->work = malloc(sizeof(struct work) * (size_t)(from->count + 1));
    if (from->count) memcpy(to->work, from->work, sizeof(struct work) * (size_t)from->count);
    *exec = to;
    return 0;
}
R cuGraphDestroy(H graph) { free(((struct graph *)graph)->work); free(graph); return 0; }
R cuGraphExecDestroy(H exec) { return cuGraphDestroy(exec); }
R cuGraphLaunch(H exec, H stream) {
    (void)stream;
    struct graph *graph = exec;
    for (int i = 0; i < graph->count; i++) put(graph->work[i]);
    return 0;
}

R cuEventCreate(H *event, unsigned flags) { (void)flags; *event = malloc(1); return 0; }
R cuEventDestroy_v2(H event) { free(event); return 0; }
R cuEventRecord(H event, H stream) { (void)event, (void)stream; return 0; }
R cuEventSynchronize(H event) { (void)event; return 0; }
R cuEventElapsedTime(float *milliseconds, H start, H end) { (void)start, (void)end; *milliseconds = 1; return 0; }

// A module holds one function: the image's first entry.
R cuModuleLoadDataEx(H *module, const void *image, unsigned count, int *options, void **values) {
    (void)count, (void)options, (void)values;
    const char *name = strstr(image, ".visible .entry ");
    if (!name) return 218;
    name += strlen(".visible .entry ");
    const char *end = strchr(name, '('), *close = strchr(name, ')');
    if (!end || !close || close < end) return 218;
    struct function *function = malloc(sizeof *function);
    function->name = strndup(name, (size_t)(end - name));
    function->parameters = 0;
    for (const char *at = end; (at = strstr(at, ".param")) && at < close; at++) function->parameters++;
    *module = function;
    return 0;
}
R cuModuleUnload(H module) { free(((struct function *)module)->name); free(module); return 0; }
R cuModuleGetFunction(H *function, H module, const char *name) { *function = module; return strcmp(((struct function *)module)->name, name) ? 500 : 0; }
R cuFuncSetAttribute(H function, int attribute, int value) { (void)function, (void)attribute, (void)value; return 0; }
R cuLaunchKernel(H function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, H stream, void **parameters,
                 void **extra) {
    (void)shared, (void)stream;
    if (!gx || !gy || !gz || gy > 65535 || gz > 65535 || !bx || bx > 1024 || by != 1 || bz != 1 || extra) return 1;
    struct work w = {.kind = LAUNCH, .count = ((struct function *)function)->parameters};
    if (w.count > 33) return 1;
    for (int i = 0; i < w.count; i++) w.arguments[i] = *(P *)parameters[i];
    return put(w);
}
struct config { unsigned gx, gy, gz, bx, by, bz, shared; H stream; void *attributes; unsigned count; };
R cuLaunchKernelEx(const struct config *c, H function, void **parameters, void **extra) {
    return cuLaunchKernel(function, c->gx, c->gy, c->gz, c->bx, c->by, c->bz, c->shared, c->stream, parameters, extra);
}
