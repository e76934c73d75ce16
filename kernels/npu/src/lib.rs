//! NPU kernels: a call becomes core programs, an array design and an instruction stream. None of them has run on silicon.
