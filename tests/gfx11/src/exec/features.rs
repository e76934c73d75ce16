//! One function, compiled twice: for any processor, and for those with the wider vectors and the fused multiply-add of x86-64-v3.

/// Whether the second form may run. `GFX11_NARROW`, set to anything, says no: for comparing the two.
#[inline(always)]
pub fn wide() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        use std::sync::LazyLock;
        static WIDE: LazyLock<bool> = LazyLock::new(|| {
            std::env::var_os("GFX11_NARROW").is_none()
                && std::arch::is_x86_feature_detected!("avx2")
                && std::arch::is_x86_feature_detected!("fma")
                && std::arch::is_x86_feature_detected!("bmi2")
                && std::arch::is_x86_feature_detected!("lzcnt")
                && std::arch::is_x86_feature_detected!("popcnt")
        });
        *WIDE
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

macro_rules! twice {
    ($(#[$doc:meta])* fn $name:ident($($argument:ident: $type:ty),* $(,)?) -> $result:ty $body:block) => {
        $(#[$doc])*
        #[inline(never)]
        pub(super) fn $name($($argument: $type),*) -> $result {
            #[inline(always)]
            fn body($($argument: $type),*) -> $result $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,bmi2,lzcnt,popcnt")]
            fn with_features($($argument: $type),*) -> $result {
                body($($argument),*)
            }

            #[cfg(target_arch = "x86_64")]
            if $crate::exec::features::wide() {
                // SAFETY: the processor has these features.
                return unsafe { with_features($($argument),*) };
            }
            body($($argument),*)
        }
    };
}

pub(crate) use twice;
