//! Builds the LLD shim when kernels can be compiled (feature `llvm`), and says what to install where that cannot be done.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "llvm")]
    lld();
}

#[cfg(feature = "llvm")]
fn lld() {
    const VARIABLE: &str = "LLVM_SYS_221_PREFIX";
    println!("cargo:rerun-if-changed=src/lld.cpp");
    println!("cargo:rerun-if-env-changed={VARIABLE}");
    let prefix = std::env::var(VARIABLE).unwrap_or_else(|_| "/usr/lib/llvm-22".into());
    let header = format!("{prefix}/include/lld/Common/Driver.h");
    if !std::path::Path::new(&header).is_file() {
        println!(
            "cargo:error=LLVM, MLIR and LLD 22 are not under {prefix} ({header} is missing). Install libmlir-22-dev llvm-22-dev liblld-22-dev \
             libclang-22-dev libpolly-22-dev libzstd-dev zlib1g-dev libxml2-dev, or set MLIR_SYS_220_PREFIX, TABLEGEN_220_PREFIX and {VARIABLE} \
             to what `llvm-config-22 --prefix` prints, or build without the feature `llvm`."
        );
        std::process::exit(1);
    }
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .flags(["-fno-rtti", "-fno-exceptions", "-w"])
        .include(format!("{prefix}/include"))
        .file("src/lld.cpp")
        .compile("unicorn_lld");
    println!("cargo:rustc-link-search={prefix}/lib");
    println!("cargo:rustc-link-lib=static:-bundle=lldELF");
    println!("cargo:rustc-link-lib=static:-bundle=lldCommon");
}
