// See shim.h. Compiled and run with XRT 2.26; it needs xrt::hw_context, and containers from memory.
#include "shim.h"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "xrt/xrt_bo.h"
#include "xrt/xrt_device.h"
#include "xrt/xrt_hw_context.h"
#include "xrt/xrt_kernel.h"
#include "xrt/experimental/xrt_xclbin.h"

struct unicorn_xrt_device {
    xrt::device device;
};

struct unicorn_xrt_context {
    xrt::hw_context context;
    xrt::kernel kernel;
};

struct unicorn_xrt_buffer {
    xrt::bo bo;
};

struct unicorn_xrt_run {
    xrt::bo instructions;
    xrt::run run;
};

namespace {

// Arguments of the kernel, as the container's metadata has them: what to do, the stream, its length in words, then the stream's own.
constexpr int stream_argument = 1;
constexpr int first_argument = 3;
constexpr uint64_t opcode = 3;

void tell(unicorn_xrt_why *why, uint32_t state, const char *text) noexcept
{
    why->state = state;
    std::snprintf(why->text, sizeof why->text, "%s", text);
}

template <typename Work>
int guarded(unicorn_xrt_why *why, Work work) noexcept
{
    try {
        work();
        return 0;
    }
    catch (const std::exception &error) {
        tell(why, 0, error.what());
    }
    catch (...) {
        tell(why, 0, "an exception of an unknown kind");
    }
    return 1;
}

} // namespace

int unicorn_xrt_open(unsigned index, unicorn_xrt_device **device, char name[64], char bdf[64], unicorn_xrt_why *why)
{
    return guarded(why, [&] {
        xrt::device opened{index};
        std::snprintf(name, 64, "%s", opened.get_info<xrt::info::device::name>().c_str());
        std::snprintf(bdf, 64, "%s", opened.get_info<xrt::info::device::bdf>().c_str());
        *device = new unicorn_xrt_device{std::move(opened)};
    });
}

void unicorn_xrt_close(unicorn_xrt_device *device)
{
    delete device;
}

int unicorn_xrt_configure(unicorn_xrt_device *device, const void *container, size_t bytes, unicorn_xrt_context **context, unicorn_xrt_why *why)
{
    return guarded(why, [&] {
        const auto *first = static_cast<const char *>(container);
        xrt::xclbin xclbin{std::vector<char>(first, first + bytes)};
        const auto kernels = xclbin.get_kernels();
        if (kernels.size() != 1)
            throw std::runtime_error("a container of " + std::to_string(kernels.size()) + " kernels, not one");
        device->device.register_xclbin(xclbin);
        xrt::hw_context made{device->device, xclbin.get_uuid()};
        xrt::kernel kernel{made, kernels[0].get_name()};
        *context = new unicorn_xrt_context{std::move(made), std::move(kernel)};
    });
}

void unicorn_xrt_end(unicorn_xrt_context *context)
{
    delete context;
}

int unicorn_xrt_reserve(unicorn_xrt_device *device, unicorn_xrt_context *context, size_t bytes, unicorn_xrt_buffer **buffer, void **map, unicorn_xrt_why *why)
{
    return guarded(why, [&] {
        xrt::bo bo(device->device, bytes, xrt::bo::flags::host_only, context->kernel.group_id(first_argument));
        *map = bo.map<void *>();
        std::memset(*map, 0, bytes);
        bo.sync(XCL_BO_SYNC_BO_TO_DEVICE);
        *buffer = new unicorn_xrt_buffer{std::move(bo)};
    });
}

void unicorn_xrt_free(unicorn_xrt_buffer *buffer)
{
    delete buffer;
}

int unicorn_xrt_sync(unicorn_xrt_buffer *buffer, int to_device, size_t bytes, unicorn_xrt_why *why)
{
    return guarded(why, [&] { buffer->bo.sync(to_device ? XCL_BO_SYNC_BO_TO_DEVICE : XCL_BO_SYNC_BO_FROM_DEVICE, bytes, 0); });
}

int unicorn_xrt_prepare(unicorn_xrt_device *device, unicorn_xrt_context *context, const void *stream, size_t bytes, unicorn_xrt_buffer *const *buffers, size_t count, unicorn_xrt_run **run, unicorn_xrt_why *why)
{
    return guarded(why, [&] {
        xrt::bo instructions(device->device, bytes, xrt::bo::flags::cacheable, context->kernel.group_id(stream_argument));
        std::memcpy(instructions.map<void *>(), stream, bytes);
        instructions.sync(XCL_BO_SYNC_BO_TO_DEVICE);
        xrt::run made{context->kernel};
        made.set_arg(0, opcode);
        made.set_arg(stream_argument, instructions);
        made.set_arg(2, static_cast<uint32_t>(bytes / 4));
        for (size_t at = 0; at < count; ++at)
            made.set_arg(first_argument + static_cast<int>(at), buffers[at]->bo);
        *run = new unicorn_xrt_run{std::move(instructions), std::move(made)};
    });
}

void unicorn_xrt_drop(unicorn_xrt_run *run)
{
    delete run;
}

int unicorn_xrt_execute(unicorn_xrt_run *run, unsigned milliseconds, unicorn_xrt_why *why)
{
    auto state = ERT_CMD_STATE_NEW;
    bool begun = false;
    const int failed = guarded(why, [&] {
        run->run.start();
        begun = true;
        run->run.wait(std::chrono::milliseconds{milliseconds});
        // What waiting gives for a limit that has passed is what a command has that the driver broke off; the command itself knows which.
        state = run->run.state();
    });
    if (failed)
        return begun ? 2 : 1;
    if (state == ERT_CMD_STATE_COMPLETED)
        return 0;
    const bool ended = state > ERT_CMD_STATE_COMPLETED && state != ERT_CMD_STATE_SUBMITTED;
    tell(why, state, ended ? "the command did not end well" : "the command is in progress still");
    return ended ? 1 : 2;
}
