//! Machine code of the fused regions, taken from the artifact: a trust decision, so the section's digest is checked first and `--no-native` avoids it.

use crate::{Error, Result};
use unicorn_artifact::file::Artifact;
use unicorn_artifact::plan::{Code, Plan, RegionArg};

/// The signature of region code.
pub type RegionFn = unsafe extern "C" fn(*const RegionArg, usize, usize);

/// An executable copy of one code section.
#[derive(Debug)]
pub struct CodeMap {
    base: *mut libc::c_void,
    bytes: usize,
    functions: Vec<RegionFn>,
}

// SAFETY: the mapping is read-only once made.
unsafe impl Send for CodeMap {}
// SAFETY: as above.
unsafe impl Sync for CodeMap {}

/// The code in `plan` that this host can run, or why there is none.
pub fn choose(plan: &Plan) -> std::result::Result<&Code, String> {
    let arch = std::env::consts::ARCH;
    let code = plan.code.iter().find(|c| c.arch == arch).ok_or_else(|| format!("the artifact has no code for {arch}"))?;
    match code.features.iter().find(|f| !host_has(f)) {
        Some(missing) => Err(format!("this CPU lacks {missing}, which the artifact's {arch} code needs")),
        None => Ok(code),
    }
}

#[cfg(target_arch = "x86_64")]
fn host_has(feature: &str) -> bool {
    match feature {
        "sse3" => is_x86_feature_detected!("sse3"),
        "ssse3" => is_x86_feature_detected!("ssse3"),
        "sse4.1" => is_x86_feature_detected!("sse4.1"),
        "sse4.2" => is_x86_feature_detected!("sse4.2"),
        "popcnt" => is_x86_feature_detected!("popcnt"),
        "avx" => is_x86_feature_detected!("avx"),
        "avx2" => is_x86_feature_detected!("avx2"),
        "fma" => is_x86_feature_detected!("fma"),
        "bmi1" => is_x86_feature_detected!("bmi1"),
        "bmi2" => is_x86_feature_detected!("bmi2"),
        "lzcnt" => is_x86_feature_detected!("lzcnt"),
        _ => false,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn host_has(feature: &str) -> bool {
    // Baseline AArch64 has Advanced SIMD, and the compiler asks for nothing more.
    feature == "neon"
}

impl CodeMap {
    /// Copies the verified section into executable memory.
    ///
    /// # Errors
    /// [`Error::Artifact`] if the section is damaged, [`Error::Memory`] if the system refuses.
    pub fn load(artifact: &Artifact, code: &Code) -> Result<Self> {
        let source = artifact.verified(&code.section).map_err(|source| Error::Artifact { path: artifact.path().into(), source })?;
        let bytes = source.len().max(1);
        let fail = || Error::Memory { what: "region code", bytes: bytes as u64, source: std::io::Error::last_os_error() };
        // SAFETY: an anonymous private mapping at an address of the kernel's choice.
        let base =
            unsafe { libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(fail());
        }
        let mut map = Self { base, bytes, functions: vec![] };
        // SAFETY: the mapping has room for the section, and the two do not overlap.
        unsafe { std::ptr::copy_nonoverlapping(source.as_ptr(), base.cast(), source.len()) };
        flush_instruction_cache(base.cast(), bytes);
        // SAFETY: the mapping made above; from here on it is not written.
        if unsafe { libc::mprotect(base, bytes, libc::PROT_READ | libc::PROT_EXEC) } != 0 {
            return Err(fail());
        }
        for span in &code.regions {
            // SAFETY: `Artifact::manifest` checked that the span lies in the section. That the bytes are a function of this signature is what the
            // digest vouches for.
            map.functions.push(unsafe { std::mem::transmute::<*mut libc::c_void, RegionFn>(base.byte_add(span.offset as usize)) });
        }
        Ok(map)
    }

    /// The function of a region.
    pub fn function(&self, region: u32) -> RegionFn {
        self.functions[region as usize]
    }
}

#[cfg(target_arch = "aarch64")]
fn flush_instruction_cache(base: *mut u8, bytes: usize) {
    // AArch64 keeps separate caches: clean data lines, then invalidate instruction lines, over the smallest line size.
    for line in (0..bytes).step_by(16) {
        // SAFETY: cache maintenance by address on memory that is mapped here.
        unsafe { std::arch::asm!("dc cvau, {0}", "ic ivau, {0}", in(reg) base.add(line)) };
    }
    // SAFETY: barriers only.
    unsafe { std::arch::asm!("dsb ish", "isb") };
}

#[cfg(not(target_arch = "aarch64"))]
fn flush_instruction_cache(_: *mut u8, _: usize) {}

impl Drop for CodeMap {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `load`, unmapped once.
        unsafe { libc::munmap(self.base, self.bytes) };
    }
}
