// What stands for XRT where there is none: the part of its C++ interface that the runtime's shim uses, under its names. What is behind it is the table
// below, which a test fills. It is as strict as XRT, or stricter: memory of the device is apart from the host's until it is synchronised, buffers lie in the
// bank that an argument is connected to, and a command in progress must not be let go of.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

enum ert_cmd_state {
    ERT_CMD_STATE_NEW = 1,
    ERT_CMD_STATE_QUEUED = 2,
    ERT_CMD_STATE_RUNNING = 3,
    ERT_CMD_STATE_COMPLETED = 4,
    ERT_CMD_STATE_ERROR = 5,
    ERT_CMD_STATE_ABORT = 6,
    ERT_CMD_STATE_SUBMITTED = 7,
    ERT_CMD_STATE_TIMEOUT = 8,
};

enum xclBOSyncDirection { XCL_BO_SYNC_BO_TO_DEVICE = 0, XCL_BO_SYNC_BO_FROM_DEVICE = 1 };

extern "C" {

// A device, in a test's words.
struct unicorn_xrt_stub {
    void *device;
    // Looks into a container: how many kernels it has and the first one's name; nonzero with a reason if it cannot be read.
    int (*read)(void *device, const char *container, size_t bytes, size_t *kernels, char name[64], char why[256]);
    // Makes a hardware context of a container: its number, or -1 with a reason.
    int64_t (*begin)(void *device, const char *container, size_t bytes, char why[256]);
    void (*end)(void *device, int64_t context);
    // Runs a stream on memory of the device; the state in which the command ends, or ERT_CMD_STATE_RUNNING if it does not.
    int (*run)(void *device, int64_t context, const char *stream, size_t bytes, char *const *arguments, const size_t *lengths, size_t count);
};

// What xrt::device finds from now on in this thread; null for nothing.
void unicorn_xrt_stub_install(const unicorn_xrt_stub *stub);
// Objects that are there, of all threads: contexts, buffers, commands.
void unicorn_xrt_stub_alive(size_t alive[3]);

} // extern "C"

namespace xrt {

using memory_group = uint32_t;

namespace info {
enum class device { bdf, name };
}

class uuid {
public:
    const void *of = nullptr;
};

class xclbin {
public:
    class kernel {
    public:
        std::string name;
        std::string get_name() const { return name; }
    };
    struct impl;

    explicit xclbin(const std::vector<char> &data);
    std::vector<kernel> get_kernels() const;
    uuid get_uuid() const;

    std::shared_ptr<impl> handle;
};

class device {
public:
    struct impl;

    explicit device(unsigned index);
    template <info::device what>
    std::string get_info() const
    {
        return what == info::device::name ? "RyzenAI-npu1" : "0000:c4:00.1";
    }
    uuid register_xclbin(const xclbin &xclbin);

    std::shared_ptr<impl> handle;
};

class hw_context {
public:
    struct impl;

    hw_context(const xrt::device &device, const uuid &uuid);

    std::shared_ptr<impl> handle;
};

class kernel {
public:
    kernel(const hw_context &context, const std::string &name);
    int group_id(int argument) const;

    std::shared_ptr<hw_context::impl> context;
};

class bo {
public:
    enum class flags : uint32_t { normal = 0, cacheable = 1u << 24, host_only = 1u << 29 };
    struct impl;

    bo(const device &device, size_t bytes, flags flags, memory_group group);
    template <typename To>
    To map()
    {
        return static_cast<To>(map());
    }
    void *map();
    void sync(xclBOSyncDirection direction);
    void sync(xclBOSyncDirection direction, size_t bytes, size_t offset);

    std::shared_ptr<impl> handle;
};

class run {
public:
    struct impl;

    explicit run(const kernel &kernel);
    void set_arg(int at, uint64_t value);
    void set_arg(int at, uint32_t value);
    void set_arg(int at, const bo &buffer);
    void start();
    ert_cmd_state wait(const std::chrono::milliseconds &limit) const;
    ert_cmd_state state() const;

    std::shared_ptr<impl> handle;
};

} // namespace xrt
