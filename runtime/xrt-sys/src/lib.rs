//! The amdxdna kernel interface: ioctls and packets, as raw declarations. Nothing here has met the real driver.
