// XRT's C++ interface for what the runtime asks of it, as C. Declared once more in ../src/shim.rs.
//
// Every function that can fail gives 0, or 1 with the reason in `why`. No exception leaves this file. A handle belongs to the thread that uses it.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// A reason: text ended by 0, cut to fit; `state` is what XRT says became of a command (ert_cmd_state), 0 for anything else.
struct unicorn_xrt_why {
    uint32_t state;
    char text[508];
};

struct unicorn_xrt_device;
struct unicorn_xrt_context;
struct unicorn_xrt_buffer;
struct unicorn_xrt_run;

// Opens a device by its number; `name` and `bdf` get what XRT calls it and its PCI address, cut to 64 bytes.
int unicorn_xrt_open(unsigned index, struct unicorn_xrt_device **device, char name[64], char bdf[64], struct unicorn_xrt_why *why);
void unicorn_xrt_close(struct unicorn_xrt_device *device);

// Registers a container (xclbin) of one kernel and makes a hardware context of it.
int unicorn_xrt_configure(struct unicorn_xrt_device *device, const void *container, size_t bytes, struct unicorn_xrt_context **context, struct unicorn_xrt_why *why);
void unicorn_xrt_end(struct unicorn_xrt_context *context);

// Memory of the host that the kernel's arguments may lie in, and where it is mapped.
int unicorn_xrt_reserve(struct unicorn_xrt_device *device, struct unicorn_xrt_context *context, size_t bytes, struct unicorn_xrt_buffer **buffer, void **map, struct unicorn_xrt_why *why);
void unicorn_xrt_free(struct unicorn_xrt_buffer *buffer);
// Shows the device what the host wrote, or the host what the device wrote.
int unicorn_xrt_sync(struct unicorn_xrt_buffer *buffer, int to_device, size_t bytes, struct unicorn_xrt_why *why);

// A command: an instruction stream whose argument n is buffers[n].
int unicorn_xrt_prepare(struct unicorn_xrt_device *device, struct unicorn_xrt_context *context, const void *stream, size_t bytes, struct unicorn_xrt_buffer *const *buffers, size_t count, struct unicorn_xrt_run **run, struct unicorn_xrt_why *why);
// XRT ends the process if the command is in progress still.
void unicorn_xrt_drop(struct unicorn_xrt_run *run);
// Runs a command and waits. 1 if it failed or did not end well; 2 if it is in progress still after so many milliseconds.
int unicorn_xrt_execute(struct unicorn_xrt_run *run, unsigned milliseconds, struct unicorn_xrt_why *why);

#ifdef __cplusplus
}
#endif
