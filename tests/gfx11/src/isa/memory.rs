//! The memory instructions of the vector unit: numbers, names, what comes back and what is sent (the address aside). Facts from AMD's "RDNA3 ISA"
//! document; names as LLVM writes them.

use super::table::table;

table! {
    /// The memory of a workgroup, and what uses its crossbar.
    Ds {
        0 AddU32 "ds_add_u32" Nil [B32];
        1 SubU32 "ds_sub_u32" Nil [B32];
        2 RsubU32 "ds_rsub_u32" Nil [B32];
        3 IncU32 "ds_inc_u32" Nil [B32];
        4 DecU32 "ds_dec_u32" Nil [B32];
        5 MinI32 "ds_min_i32" Nil [B32];
        6 MaxI32 "ds_max_i32" Nil [B32];
        7 MinU32 "ds_min_u32" Nil [B32];
        8 MaxU32 "ds_max_u32" Nil [B32];
        9 AndB32 "ds_and_b32" Nil [B32];
        10 OrB32 "ds_or_b32" Nil [B32];
        11 XorB32 "ds_xor_b32" Nil [B32];
        12 MskorB32 "ds_mskor_b32" Nil [B32 B32];
        13 StoreB32 "ds_store_b32" Nil [B32];
        14 Store2addrB32 "ds_store_2addr_b32" Nil [B32 B32];
        15 Store2addrStride64B32 "ds_store_2addr_stride64_b32" Nil [B32 B32];
        16 CmpstoreB32 "ds_cmpstore_b32" Nil [B32 B32];
        18 MinF32 "ds_min_f32" Nil [B32];
        19 MaxF32 "ds_max_f32" Nil [B32];
        20 Nop "ds_nop" Nil [];
        21 AddF32 "ds_add_f32" Nil [B32];
        30 StoreB8 "ds_store_b8" Nil [B32];
        31 StoreB16 "ds_store_b16" Nil [B32];
        32 AddRtnU32 "ds_add_rtn_u32" B32 [B32];
        33 SubRtnU32 "ds_sub_rtn_u32" B32 [B32];
        34 RsubRtnU32 "ds_rsub_rtn_u32" B32 [B32];
        35 IncRtnU32 "ds_inc_rtn_u32" B32 [B32];
        36 DecRtnU32 "ds_dec_rtn_u32" B32 [B32];
        37 MinRtnI32 "ds_min_rtn_i32" B32 [B32];
        38 MaxRtnI32 "ds_max_rtn_i32" B32 [B32];
        39 MinRtnU32 "ds_min_rtn_u32" B32 [B32];
        40 MaxRtnU32 "ds_max_rtn_u32" B32 [B32];
        41 AndRtnB32 "ds_and_rtn_b32" B32 [B32];
        42 OrRtnB32 "ds_or_rtn_b32" B32 [B32];
        43 XorRtnB32 "ds_xor_rtn_b32" B32 [B32];
        44 MskorRtnB32 "ds_mskor_rtn_b32" B32 [B32 B32];
        45 StorexchgRtnB32 "ds_storexchg_rtn_b32" B32 [B32];
        48 CmpstoreRtnB32 "ds_cmpstore_rtn_b32" B32 [B32 B32];
        50 MinRtnF32 "ds_min_rtn_f32" B32 [B32];
        51 MaxRtnF32 "ds_max_rtn_f32" B32 [B32];
        53 SwizzleB32 "ds_swizzle_b32" B32 [];
        54 LoadB32 "ds_load_b32" B32 [];
        55 Load2addrB32 "ds_load_2addr_b32" B64 [];
        56 Load2addrStride64B32 "ds_load_2addr_stride64_b32" B64 [];
        57 LoadI8 "ds_load_i8" B32 [];
        58 LoadU8 "ds_load_u8" B32 [];
        59 LoadI16 "ds_load_i16" B32 [];
        60 LoadU16 "ds_load_u16" B32 [];
        64 AddU64 "ds_add_u64" Nil [B64];
        65 SubU64 "ds_sub_u64" Nil [B64];
        66 RsubU64 "ds_rsub_u64" Nil [B64];
        67 IncU64 "ds_inc_u64" Nil [B64];
        68 DecU64 "ds_dec_u64" Nil [B64];
        69 MinI64 "ds_min_i64" Nil [B64];
        70 MaxI64 "ds_max_i64" Nil [B64];
        71 MinU64 "ds_min_u64" Nil [B64];
        72 MaxU64 "ds_max_u64" Nil [B64];
        73 AndB64 "ds_and_b64" Nil [B64];
        74 OrB64 "ds_or_b64" Nil [B64];
        75 XorB64 "ds_xor_b64" Nil [B64];
        76 MskorB64 "ds_mskor_b64" Nil [B64 B64];
        77 StoreB64 "ds_store_b64" Nil [B64];
        78 Store2addrB64 "ds_store_2addr_b64" Nil [B64 B64];
        79 Store2addrStride64B64 "ds_store_2addr_stride64_b64" Nil [B64 B64];
        80 CmpstoreB64 "ds_cmpstore_b64" Nil [B64 B64];
        96 AddRtnU64 "ds_add_rtn_u64" B64 [B64];
        97 SubRtnU64 "ds_sub_rtn_u64" B64 [B64];
        98 RsubRtnU64 "ds_rsub_rtn_u64" B64 [B64];
        99 IncRtnU64 "ds_inc_rtn_u64" B64 [B64];
        100 DecRtnU64 "ds_dec_rtn_u64" B64 [B64];
        101 MinRtnI64 "ds_min_rtn_i64" B64 [B64];
        102 MaxRtnI64 "ds_max_rtn_i64" B64 [B64];
        103 MinRtnU64 "ds_min_rtn_u64" B64 [B64];
        104 MaxRtnU64 "ds_max_rtn_u64" B64 [B64];
        105 AndRtnB64 "ds_and_rtn_b64" B64 [B64];
        106 OrRtnB64 "ds_or_rtn_b64" B64 [B64];
        107 XorRtnB64 "ds_xor_rtn_b64" B64 [B64];
        108 MskorRtnB64 "ds_mskor_rtn_b64" B64 [B64 B64];
        109 StorexchgRtnB64 "ds_storexchg_rtn_b64" B64 [B64];
        112 CmpstoreRtnB64 "ds_cmpstore_rtn_b64" B64 [B64 B64];
        118 LoadB64 "ds_load_b64" B64 [];
        119 Load2addrB64 "ds_load_2addr_b64" X4 [];
        120 Load2addrStride64B64 "ds_load_2addr_stride64_b64" X4 [];
        121 AddRtnF32 "ds_add_rtn_f32" B32 [B32];
        160 StoreB8D16Hi "ds_store_b8_d16_hi" Nil [B32];
        161 StoreB16D16Hi "ds_store_b16_d16_hi" Nil [B32];
        162 LoadU8D16 "ds_load_u8_d16" B32 [];
        163 LoadU8D16Hi "ds_load_u8_d16_hi" B32 [];
        164 LoadI8D16 "ds_load_i8_d16" B32 [];
        165 LoadI8D16Hi "ds_load_i8_d16_hi" B32 [];
        166 LoadU16D16 "ds_load_u16_d16" B32 [];
        167 LoadU16D16Hi "ds_load_u16_d16_hi" B32 [];
        178 PermuteB32 "ds_permute_b32" B32 [B32];
        179 BpermuteB32 "ds_bpermute_b32" B32 [B32];
        222 StoreB96 "ds_store_b96" Nil [X3];
        223 StoreB128 "ds_store_b128" Nil [X4];
        254 LoadB96 "ds_load_b96" X3 [];
        255 LoadB128 "ds_load_b128" X4 [];
    }
}

table! {
    /// Memory of the device; with other words in front also the private memory of a lane. Only atomics with `glc` give back.
    Global {
        16 LoadU8 "global_load_u8" B32 [];
        17 LoadI8 "global_load_i8" B32 [];
        18 LoadU16 "global_load_u16" B32 [];
        19 LoadI16 "global_load_i16" B32 [];
        20 LoadB32 "global_load_b32" B32 [];
        21 LoadB64 "global_load_b64" B64 [];
        22 LoadB96 "global_load_b96" X3 [];
        23 LoadB128 "global_load_b128" X4 [];
        24 StoreB8 "global_store_b8" Nil [B32];
        25 StoreB16 "global_store_b16" Nil [B32];
        26 StoreB32 "global_store_b32" Nil [B32];
        27 StoreB64 "global_store_b64" Nil [B64];
        28 StoreB96 "global_store_b96" Nil [X3];
        29 StoreB128 "global_store_b128" Nil [X4];
        30 LoadD16U8 "global_load_d16_u8" B32 [];
        31 LoadD16I8 "global_load_d16_i8" B32 [];
        32 LoadD16B16 "global_load_d16_b16" B32 [];
        33 LoadD16HiU8 "global_load_d16_hi_u8" B32 [];
        34 LoadD16HiI8 "global_load_d16_hi_i8" B32 [];
        35 LoadD16HiB16 "global_load_d16_hi_b16" B32 [];
        36 StoreD16HiB8 "global_store_d16_hi_b8" Nil [B32];
        37 StoreD16HiB16 "global_store_d16_hi_b16" Nil [B32];
        51 AtomicSwapB32 "global_atomic_swap_b32" B32 [B32];
        52 AtomicCmpswapB32 "global_atomic_cmpswap_b32" B32 [B64];
        53 AtomicAddU32 "global_atomic_add_u32" B32 [B32];
        54 AtomicSubU32 "global_atomic_sub_u32" B32 [B32];
        55 AtomicCsubU32 "global_atomic_csub_u32" B32 [B32];
        56 AtomicMinI32 "global_atomic_min_i32" B32 [B32];
        57 AtomicMinU32 "global_atomic_min_u32" B32 [B32];
        58 AtomicMaxI32 "global_atomic_max_i32" B32 [B32];
        59 AtomicMaxU32 "global_atomic_max_u32" B32 [B32];
        60 AtomicAndB32 "global_atomic_and_b32" B32 [B32];
        61 AtomicOrB32 "global_atomic_or_b32" B32 [B32];
        62 AtomicXorB32 "global_atomic_xor_b32" B32 [B32];
        63 AtomicIncU32 "global_atomic_inc_u32" B32 [B32];
        64 AtomicDecU32 "global_atomic_dec_u32" B32 [B32];
        65 AtomicSwapB64 "global_atomic_swap_b64" B64 [B64];
        66 AtomicCmpswapB64 "global_atomic_cmpswap_b64" B64 [X4];
        67 AtomicAddU64 "global_atomic_add_u64" B64 [B64];
        68 AtomicSubU64 "global_atomic_sub_u64" B64 [B64];
        69 AtomicMinI64 "global_atomic_min_i64" B64 [B64];
        70 AtomicMinU64 "global_atomic_min_u64" B64 [B64];
        71 AtomicMaxI64 "global_atomic_max_i64" B64 [B64];
        72 AtomicMaxU64 "global_atomic_max_u64" B64 [B64];
        73 AtomicAndB64 "global_atomic_and_b64" B64 [B64];
        74 AtomicOrB64 "global_atomic_or_b64" B64 [B64];
        75 AtomicXorB64 "global_atomic_xor_b64" B64 [B64];
        76 AtomicIncU64 "global_atomic_inc_u64" B64 [B64];
        77 AtomicDecU64 "global_atomic_dec_u64" B64 [B64];
        80 AtomicCmpswapF32 "global_atomic_cmpswap_f32" B32 [B64];
        81 AtomicMinF32 "global_atomic_min_f32" B32 [B32];
        82 AtomicMaxF32 "global_atomic_max_f32" B32 [B32];
        86 AtomicAddF32 "global_atomic_add_f32" B32 [B32];
    }
}

impl Ds {
    /// Whether it has two addresses, each with its own offset.
    pub const fn is_pair(self) -> bool {
        matches!(
            self,
            Self::Load2addrB32
                | Self::Load2addrStride64B32
                | Self::Load2addrB64
                | Self::Load2addrStride64B64
                | Self::Store2addrB32
                | Self::Store2addrStride64B32
                | Self::Store2addrB64
                | Self::Store2addrStride64B64
        )
    }
}

impl Global {
    /// Whether it reads and writes as one.
    pub const fn is_atomic(self) -> bool {
        self.code() >= 51
    }
}
