#include "xrt/stub.h"
