//! A Radeon that is not there: executes RDNA3 (gfx11) code objects on the host, behind the functions of `libamdhip64` that `hip-sys` opens.
