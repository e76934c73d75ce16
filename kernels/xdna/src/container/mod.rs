//! Containers and streams: CDO, PDI, xclbin and TXN, strict readers beside writers.
