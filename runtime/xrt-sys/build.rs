//! Compiles the shim over XRT's C++ interface, if feature `xrt` wants it. XRT is looked for where `XILINX_XRT` says (its own `setup.sh` sets it), else in
//! `/opt/xilinx/xrt`, else where the compiler looks.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "xrt")]
    shim();
}

#[cfg(feature = "xrt")]
fn shim() {
    println!("cargo:rerun-if-changed=shim");
    println!("cargo:rerun-if-env-changed=XILINX_XRT");
    let root = std::env::var_os("XILINX_XRT").map_or_else(|| "/opt/xilinx/xrt".into(), std::path::PathBuf::from);
    let mut build = cc::Build::new();
    build.cpp(true).std("c++17").file("shim/shim.cpp").warnings(true).extra_warnings(true);
    const HEADER: &str = "include/xrt/xrt_device.h";
    if !root.join(HEADER).exists() && !std::path::Path::new("/usr").join(HEADER).exists() {
        let root = root.display();
        println!("cargo::error=feature `xrt` needs XRT: no {HEADER} in {root} nor in /usr. Install XRT, and source its setup.sh or set XILINX_XRT");
        return;
    }
    if root.join(HEADER).exists() {
        // As a system's: XRT's own headers are not warned about.
        build.flag("-isystem").flag(root.join("include"));
        println!("cargo:rerun-if-changed={}", root.join("include").display());
        println!("cargo:rustc-link-search=native={}", root.join("lib").display());
    }
    build.compile("unicorn_xrt");
    println!("cargo:rustc-link-lib=dylib=xrt_coreutil");
}
