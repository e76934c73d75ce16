// See include/xrt/stub.h.
#include "xrt/stub.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>

namespace {

thread_local const unicorn_xrt_stub *installed = nullptr;
std::atomic<size_t> contexts{0}, buffers{0}, runs{0};

// Where arguments lie: the stream in one bank, its own in another; numbers alone are in none.
constexpr xrt::memory_group nowhere = 0xffff;

} // namespace

void unicorn_xrt_stub_install(const unicorn_xrt_stub *stub)
{
    installed = stub;
}

void unicorn_xrt_stub_alive(size_t alive[3])
{
    alive[0] = contexts;
    alive[1] = buffers;
    alive[2] = runs;
}

namespace xrt {

struct device::impl {
    const unicorn_xrt_stub *stub;
    std::vector<std::shared_ptr<xclbin::impl>> registered;
};

struct xclbin::impl {
    std::vector<char> data;
};

struct hw_context::impl {
    std::shared_ptr<xrt::device::impl> device;
    std::shared_ptr<xclbin::impl> container;
    int64_t number;

    ~impl()
    {
        device->stub->end(device->stub->device, number);
        --contexts;
    }
};

struct bo::impl {
    std::shared_ptr<xrt::device::impl> device;
    size_t bytes;
    memory_group bank;
    char *host;
    // What the device sees: not what the host wrote until it is told.
    std::vector<char> side;

    ~impl()
    {
        std::free(host);
        --buffers;
    }
};

struct run::impl {
    explicit impl(std::shared_ptr<hw_context::impl> of) : context{std::move(of)} {}

    std::shared_ptr<hw_context::impl> context;
    uint64_t opcode = 0;
    uint32_t words = 0;
    std::map<int, std::shared_ptr<bo::impl>> given;
    ert_cmd_state state = ERT_CMD_STATE_NEW;
    bool done = true;

    ~impl()
    {
        if (!done) {
            std::fputs("xrt::run destructed while command is still in progress\n", stderr);
            std::abort();
        }
        --runs;
    }
};

xclbin::xclbin(const std::vector<char> &data) : handle{std::make_shared<impl>(impl{data})} {}

std::vector<xclbin::kernel> xclbin::get_kernels() const
{
    size_t count = 0;
    char name[64] = "", why[256] = "";
    if (installed->read(installed->device, handle->data.data(), handle->data.size(), &count, name, why))
        throw std::runtime_error(why);
    return std::vector<kernel>(count, kernel{name});
}

uuid xclbin::get_uuid() const
{
    return uuid{handle.get()};
}

device::device(unsigned index)
{
    if (installed == nullptr || index != 0)
        throw std::runtime_error("Could not open device with index '" + std::to_string(index) + "'");
    handle = std::make_shared<impl>(impl{installed, {}});
}

uuid device::register_xclbin(const xclbin &xclbin)
{
    handle->registered.push_back(xclbin.handle);
    return xclbin.get_uuid();
}

hw_context::hw_context(const xrt::device &device, const uuid &uuid)
{
    for (const auto &container : device.handle->registered) {
        if (container.get() != uuid.of)
            continue;
        const auto *stub = device.handle->stub;
        char why[256] = "";
        const auto number = stub->begin(stub->device, container->data.data(), container->data.size(), why);
        if (number < 0)
            throw std::runtime_error(why);
        ++contexts;
        handle.reset(new impl{device.handle, container, number});
        return;
    }
    throw std::runtime_error("xclbin with this uuid is not registered");
}

kernel::kernel(const hw_context &made, const std::string &name) : context{made.handle}
{
    const auto kernels = xclbin{context->container->data}.get_kernels();
    if (kernels[0].get_name() != name)
        throw std::runtime_error("no such kernel '" + name + "'");
}

int kernel::group_id(int argument) const
{
    const int slot = 1 << 16;
    return slot | (argument == 1 ? 1 : argument >= 3 && argument <= 5 ? 0 : static_cast<int>(nowhere));
}

bo::bo(const device &device, size_t bytes, flags flags, memory_group group)
{
    const memory_group bank = group & 0xffff;
    if (bank == nowhere || flags != (bank == 1 ? flags::cacheable : flags::host_only))
        throw std::runtime_error("no memory for such a buffer");
    auto *host = static_cast<char *>(std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096));
    // Neither side is cleared by anybody.
    std::memset(host, 0xa5, bytes);
    ++buffers;
    handle.reset(new impl{device.handle, bytes, bank, host, std::vector<char>(bytes, 0x5a)});
}

void *bo::map()
{
    return handle->host;
}

void bo::sync(xclBOSyncDirection direction)
{
    sync(direction, handle->bytes, 0);
}

void bo::sync(xclBOSyncDirection direction, size_t bytes, size_t offset)
{
    if (offset > handle->bytes || bytes > handle->bytes - offset)
        throw std::runtime_error("sync beyond the buffer");
    if (direction == XCL_BO_SYNC_BO_TO_DEVICE)
        std::memcpy(handle->side.data() + offset, handle->host + offset, bytes);
    else
        std::memcpy(handle->host + offset, handle->side.data() + offset, bytes);
}

run::run(const kernel &kernel) : handle{std::make_shared<impl>(kernel.context)}
{
    ++runs;
}

void run::set_arg(int at, uint64_t value)
{
    if (at != 0)
        throw std::runtime_error("no argument of 64 bits");
    handle->opcode = value;
}

void run::set_arg(int at, uint32_t value)
{
    if (at != 2)
        throw std::runtime_error("no argument of 32 bits");
    handle->words = value;
}

void run::set_arg(int at, const bo &buffer)
{
    const memory_group connected = at == 1 ? 1 : at >= 3 && at <= 5 ? 0 : nowhere;
    if (buffer.handle->bank != connected)
        throw std::runtime_error("an argument in a bank that the kernel is not connected to");
    handle->given[at] = buffer.handle;
}

void run::start()
{
    if (!handle->done)
        throw std::runtime_error("bad command state, can't launch");
    const auto stream = handle->given.find(1);
    if (handle->opcode != 3 || stream == handle->given.end() || 4 * static_cast<size_t>(handle->words) > stream->second->bytes)
        throw std::runtime_error("a command without its stream");
    std::vector<char *> arguments;
    std::vector<size_t> lengths;
    for (const auto &[at, buffer] : handle->given) {
        if (at >= 3) {
            arguments.push_back(buffer->side.data());
            lengths.push_back(buffer->bytes);
        }
    }
    const auto *stub = handle->context->device->stub;
    handle->done = false;
    handle->state = static_cast<ert_cmd_state>(stub->run(
        stub->device, handle->context->number, stream->second->side.data(), 4 * handle->words, arguments.data(), lengths.data(), arguments.size()));
}

ert_cmd_state run::wait(const std::chrono::milliseconds &) const
{
    // Nothing ends later than at once, so a limit of any length has passed.
    return handle->state == ERT_CMD_STATE_RUNNING ? ERT_CMD_STATE_TIMEOUT : handle->state;
}

ert_cmd_state run::state() const
{
    handle->done = handle->state >= ERT_CMD_STATE_COMPLETED;
    return handle->state;
}

} // namespace xrt
