//! The vector instructions: numbers, names and operands. Facts from AMD's "RDNA3 ISA" document; names as LLVM writes them.

use super::Kind;
use super::table::table;

table! {
    /// One result a lane. Numbers are those of the long encoding: what has a short one of two sources lies at 256, of one source at 384.
    Vop {
        257 CndmaskB32 "v_cndmask_b32" F32 [F32 F32 Mask];
        259 AddF32 "v_add_f32" F32 [F32 F32];
        260 SubF32 "v_sub_f32" F32 [F32 F32];
        261 SubrevF32 "v_subrev_f32" F32 [F32 F32];
        262 FmacDx9ZeroF32 "v_fmac_dx9_zero_f32" F32 [F32 F32];
        263 MulDx9ZeroF32 "v_mul_dx9_zero_f32" F32 [F32 F32];
        264 MulF32 "v_mul_f32" F32 [F32 F32];
        265 MulI32I24 "v_mul_i32_i24" B32 [B32 B32];
        266 MulHiI32I24 "v_mul_hi_i32_i24" B32 [B32 B32];
        267 MulU32U24 "v_mul_u32_u24" B32 [B32 B32];
        268 MulHiU32U24 "v_mul_hi_u32_u24" B32 [B32 B32];
        271 MinF32 "v_min_f32" F32 [F32 F32];
        272 MaxF32 "v_max_f32" F32 [F32 F32];
        273 MinI32 "v_min_i32" B32 [B32 B32];
        274 MaxI32 "v_max_i32" B32 [B32 B32];
        275 MinU32 "v_min_u32" B32 [B32 B32];
        276 MaxU32 "v_max_u32" B32 [B32 B32];
        280 LshlrevB32 "v_lshlrev_b32" B32 [B32 B32];
        281 LshrrevB32 "v_lshrrev_b32" B32 [B32 B32];
        282 AshrrevI32 "v_ashrrev_i32" B32 [B32 B32];
        283 AndB32 "v_and_b32" B32 [B32 B32];
        284 OrB32 "v_or_b32" B32 [B32 B32];
        285 XorB32 "v_xor_b32" B32 [B32 B32];
        286 XnorB32 "v_xnor_b32" B32 [B32 B32];
        288 AddCoCiU32 "v_add_co_ci_u32" B32 [B32 B32 Mask];
        289 SubCoCiU32 "v_sub_co_ci_u32" B32 [B32 B32 Mask];
        290 SubrevCoCiU32 "v_subrev_co_ci_u32" B32 [B32 B32 Mask];
        293 AddNcU32 "v_add_nc_u32" B32 [B32 B32];
        294 SubNcU32 "v_sub_nc_u32" B32 [B32 B32];
        295 SubrevNcU32 "v_subrev_nc_u32" B32 [B32 B32];
        299 FmacF32 "v_fmac_f32" F32 [F32 F32];
        300 FmamkF32 "v_fmamk_f32" F32 [F32 F32 F32];
        301 FmaakF32 "v_fmaak_f32" F32 [F32 F32 F32];
        303 CvtPkRtzF16F32 "v_cvt_pk_rtz_f16_f32" B32 [F32 F32];
        306 AddF16 "v_add_f16" F16 [F16 F16];
        307 SubF16 "v_sub_f16" F16 [F16 F16];
        308 SubrevF16 "v_subrev_f16" F16 [F16 F16];
        309 MulF16 "v_mul_f16" F16 [F16 F16];
        310 FmacF16 "v_fmac_f16" F16 [F16 F16];
        311 FmamkF16 "v_fmamk_f16" F16 [F16 F16 F16];
        312 FmaakF16 "v_fmaak_f16" F16 [F16 F16 F16];
        313 MaxF16 "v_max_f16" F16 [F16 F16];
        314 MinF16 "v_min_f16" F16 [F16 F16];
        315 LdexpF16 "v_ldexp_f16" F16 [F16 B16];
        316 PkFmacF16 "v_pk_fmac_f16" Pair [Pair Pair];
        384 Nop "v_nop" Nil [];
        385 MovB32 "v_mov_b32" B32 [B32];
        386 ReadfirstlaneB32 "v_readfirstlane_b32" Scalar [B32];
        387 CvtI32F64 "v_cvt_i32_f64" B32 [F64];
        388 CvtF64I32 "v_cvt_f64_i32" F64 [B32];
        389 CvtF32I32 "v_cvt_f32_i32" F32 [B32];
        390 CvtF32U32 "v_cvt_f32_u32" F32 [B32];
        391 CvtU32F32 "v_cvt_u32_f32" B32 [F32];
        392 CvtI32F32 "v_cvt_i32_f32" B32 [F32];
        394 CvtF16F32 "v_cvt_f16_f32" F16 [F32];
        395 CvtF32F16 "v_cvt_f32_f16" F32 [F16];
        396 CvtNearestI32F32 "v_cvt_nearest_i32_f32" B32 [F32];
        397 CvtFloorI32F32 "v_cvt_floor_i32_f32" B32 [F32];
        398 CvtOffF32I4 "v_cvt_off_f32_i4" F32 [B32];
        399 CvtF32F64 "v_cvt_f32_f64" F32 [F64];
        400 CvtF64F32 "v_cvt_f64_f32" F64 [F32];
        401 CvtF32Ubyte0 "v_cvt_f32_ubyte0" F32 [B32];
        402 CvtF32Ubyte1 "v_cvt_f32_ubyte1" F32 [B32];
        403 CvtF32Ubyte2 "v_cvt_f32_ubyte2" F32 [B32];
        404 CvtF32Ubyte3 "v_cvt_f32_ubyte3" F32 [B32];
        405 CvtU32F64 "v_cvt_u32_f64" B32 [F64];
        406 CvtF64U32 "v_cvt_f64_u32" F64 [B32];
        407 TruncF64 "v_trunc_f64" F64 [F64];
        408 CeilF64 "v_ceil_f64" F64 [F64];
        409 RndneF64 "v_rndne_f64" F64 [F64];
        410 FloorF64 "v_floor_f64" F64 [F64];
        412 MovB16 "v_mov_b16" B16 [B16];
        416 FractF32 "v_fract_f32" F32 [F32];
        417 TruncF32 "v_trunc_f32" F32 [F32];
        418 CeilF32 "v_ceil_f32" F32 [F32];
        419 RndneF32 "v_rndne_f32" F32 [F32];
        420 FloorF32 "v_floor_f32" F32 [F32];
        421 ExpF32 "v_exp_f32" F32 [F32];
        423 LogF32 "v_log_f32" F32 [F32];
        426 RcpF32 "v_rcp_f32" F32 [F32];
        427 RcpIflagF32 "v_rcp_iflag_f32" F32 [F32];
        430 RsqF32 "v_rsq_f32" F32 [F32];
        431 RcpF64 "v_rcp_f64" F64 [F64];
        433 RsqF64 "v_rsq_f64" F64 [F64];
        435 SqrtF32 "v_sqrt_f32" F32 [F32];
        436 SqrtF64 "v_sqrt_f64" F64 [F64];
        437 SinF32 "v_sin_f32" F32 [F32];
        438 CosF32 "v_cos_f32" F32 [F32];
        439 NotB32 "v_not_b32" B32 [B32];
        440 BfrevB32 "v_bfrev_b32" B32 [B32];
        441 ClzI32U32 "v_clz_i32_u32" B32 [B32];
        442 CtzI32B32 "v_ctz_i32_b32" B32 [B32];
        443 ClsI32 "v_cls_i32" B32 [B32];
        444 FrexpExpI32F64 "v_frexp_exp_i32_f64" B32 [F64];
        445 FrexpMantF64 "v_frexp_mant_f64" F64 [F64];
        446 FractF64 "v_fract_f64" F64 [F64];
        447 FrexpExpI32F32 "v_frexp_exp_i32_f32" B32 [F32];
        448 FrexpMantF32 "v_frexp_mant_f32" F32 [F32];
        464 CvtF16U16 "v_cvt_f16_u16" F16 [B16];
        465 CvtF16I16 "v_cvt_f16_i16" F16 [B16];
        466 CvtU16F16 "v_cvt_u16_f16" B16 [F16];
        467 CvtI16F16 "v_cvt_i16_f16" B16 [F16];
        468 RcpF16 "v_rcp_f16" F16 [F16];
        469 SqrtF16 "v_sqrt_f16" F16 [F16];
        470 RsqF16 "v_rsq_f16" F16 [F16];
        471 LogF16 "v_log_f16" F16 [F16];
        472 ExpF16 "v_exp_f16" F16 [F16];
        473 FrexpMantF16 "v_frexp_mant_f16" F16 [F16];
        474 FrexpExpI16F16 "v_frexp_exp_i16_f16" B16 [F16];
        475 FloorF16 "v_floor_f16" F16 [F16];
        476 CeilF16 "v_ceil_f16" F16 [F16];
        477 TruncF16 "v_trunc_f16" F16 [F16];
        478 RndneF16 "v_rndne_f16" F16 [F16];
        479 FractF16 "v_fract_f16" F16 [F16];
        480 SinF16 "v_sin_f16" F16 [F16];
        481 CosF16 "v_cos_f16" F16 [F16];
        482 SatPkU8I16 "v_sat_pk_u8_i16" B16 [B32];
        483 CvtNormI16F16 "v_cvt_norm_i16_f16" B16 [F16];
        484 CvtNormU16F16 "v_cvt_norm_u16_f16" B16 [F16];
        485 SwapB32 "v_swap_b32" B32 [B32];
        486 SwapB16 "v_swap_b16" B16 [B16];
        489 NotB16 "v_not_b16" B16 [B16];
        490 CvtI32I16 "v_cvt_i32_i16" B32 [B16];
        491 CvtU32U16 "v_cvt_u32_u16" B32 [B16];
        522 MadI32I24 "v_mad_i32_i24" B32 [B32 B32 B32];
        523 MadU32U24 "v_mad_u32_u24" B32 [B32 B32 B32];
        528 BfeU32 "v_bfe_u32" B32 [B32 B32 B32];
        529 BfeI32 "v_bfe_i32" B32 [B32 B32 B32];
        530 BfiB32 "v_bfi_b32" B32 [B32 B32 B32];
        531 FmaF32 "v_fma_f32" F32 [F32 F32 F32];
        532 FmaF64 "v_fma_f64" F64 [F64 F64 F64];
        533 LerpU8 "v_lerp_u8" B32 [B32 B32 B32];
        534 AlignbitB32 "v_alignbit_b32" B32 [B32 B32 B16];
        535 AlignbyteB32 "v_alignbyte_b32" B32 [B32 B32 B16];
        537 Min3F32 "v_min3_f32" F32 [F32 F32 F32];
        538 Min3I32 "v_min3_i32" B32 [B32 B32 B32];
        539 Min3U32 "v_min3_u32" B32 [B32 B32 B32];
        540 Max3F32 "v_max3_f32" F32 [F32 F32 F32];
        541 Max3I32 "v_max3_i32" B32 [B32 B32 B32];
        542 Max3U32 "v_max3_u32" B32 [B32 B32 B32];
        543 Med3F32 "v_med3_f32" F32 [F32 F32 F32];
        544 Med3I32 "v_med3_i32" B32 [B32 B32 B32];
        545 Med3U32 "v_med3_u32" B32 [B32 B32 B32];
        546 SadU8 "v_sad_u8" B32 [B32 B32 B32];
        547 SadHiU8 "v_sad_hi_u8" B32 [B32 B32 B32];
        548 SadU16 "v_sad_u16" B32 [B32 B32 B32];
        549 SadU32 "v_sad_u32" B32 [B32 B32 B32];
        550 CvtPkU8F32 "v_cvt_pk_u8_f32" B32 [F32 B32 B32];
        551 DivFixupF32 "v_div_fixup_f32" F32 [F32 F32 F32];
        552 DivFixupF64 "v_div_fixup_f64" F64 [F64 F64 F64];
        567 DivFmasF32 "v_div_fmas_f32" F32 [F32 F32 F32];
        568 DivFmasF64 "v_div_fmas_f64" F64 [F64 F64 F64];
        576 Xor3B32 "v_xor3_b32" B32 [B32 B32 B32];
        577 MadU16 "v_mad_u16" B16 [B16 B16 B16];
        580 PermB32 "v_perm_b32" B32 [B32 B32 B32];
        581 XadU32 "v_xad_u32" B32 [B32 B32 B32];
        582 LshlAddU32 "v_lshl_add_u32" B32 [B32 B32 B32];
        583 AddLshlU32 "v_add_lshl_u32" B32 [B32 B32 B32];
        584 FmaF16 "v_fma_f16" F16 [F16 F16 F16];
        585 Min3F16 "v_min3_f16" F16 [F16 F16 F16];
        586 Min3I16 "v_min3_i16" B16 [B16 B16 B16];
        587 Min3U16 "v_min3_u16" B16 [B16 B16 B16];
        588 Max3F16 "v_max3_f16" F16 [F16 F16 F16];
        589 Max3I16 "v_max3_i16" B16 [B16 B16 B16];
        590 Max3U16 "v_max3_u16" B16 [B16 B16 B16];
        591 Med3F16 "v_med3_f16" F16 [F16 F16 F16];
        592 Med3I16 "v_med3_i16" B16 [B16 B16 B16];
        593 Med3U16 "v_med3_u16" B16 [B16 B16 B16];
        595 MadI16 "v_mad_i16" B16 [B16 B16 B16];
        596 DivFixupF16 "v_div_fixup_f16" F16 [F16 F16 F16];
        597 Add3U32 "v_add3_u32" B32 [B32 B32 B32];
        598 LshlOrB32 "v_lshl_or_b32" B32 [B32 B32 B32];
        599 AndOrB32 "v_and_or_b32" B32 [B32 B32 B32];
        600 Or3B32 "v_or3_b32" B32 [B32 B32 B32];
        601 MadU32U16 "v_mad_u32_u16" B32 [B16 B16 B32];
        602 MadI32I16 "v_mad_i32_i16" B32 [B16 B16 B32];
        603 Permlane16B32 "v_permlane16_b32" B32 [B32 Scalar Scalar];
        604 Permlanex16B32 "v_permlanex16_b32" B32 [B32 Scalar Scalar];
        605 CndmaskB16 "v_cndmask_b16" F16 [F16 F16 Mask];
        606 MaxminF32 "v_maxmin_f32" F32 [F32 F32 F32];
        607 MinmaxF32 "v_minmax_f32" F32 [F32 F32 F32];
        608 MaxminF16 "v_maxmin_f16" F16 [F16 F16 F16];
        609 MinmaxF16 "v_minmax_f16" F16 [F16 F16 F16];
        610 MaxminU32 "v_maxmin_u32" B32 [B32 B32 B32];
        611 MinmaxU32 "v_minmax_u32" B32 [B32 B32 B32];
        612 MaxminI32 "v_maxmin_i32" B32 [B32 B32 B32];
        613 MinmaxI32 "v_minmax_i32" B32 [B32 B32 B32];
        614 Dot2F16F16 "v_dot2_f16_f16" F16 [Pair Pair F16];
        615 Dot2Bf16Bf16 "v_dot2_bf16_bf16" B16 [Pair Pair B16];
        764 DivScaleF32 "v_div_scale_f32" F32 [F32 F32 F32];
        765 DivScaleF64 "v_div_scale_f64" F64 [F64 F64 F64];
        766 MadU64U32 "v_mad_u64_u32" B64 [B32 B32 B64];
        767 MadI64I32 "v_mad_i64_i32" B64 [B32 B32 B64];
        768 AddCoU32 "v_add_co_u32" B32 [B32 B32];
        769 SubCoU32 "v_sub_co_u32" B32 [B32 B32];
        770 SubrevCoU32 "v_subrev_co_u32" B32 [B32 B32];
        771 AddNcU16 "v_add_nc_u16" B16 [B16 B16];
        772 SubNcU16 "v_sub_nc_u16" B16 [B16 B16];
        773 MulLoU16 "v_mul_lo_u16" B16 [B16 B16];
        774 CvtPkI16F32 "v_cvt_pk_i16_f32" B32 [F32 F32];
        775 CvtPkU16F32 "v_cvt_pk_u16_f32" B32 [F32 F32];
        777 MaxU16 "v_max_u16" B16 [B16 B16];
        778 MaxI16 "v_max_i16" B16 [B16 B16];
        779 MinU16 "v_min_u16" B16 [B16 B16];
        780 MinI16 "v_min_i16" B16 [B16 B16];
        781 AddNcI16 "v_add_nc_i16" B16 [B16 B16];
        782 SubNcI16 "v_sub_nc_i16" B16 [B16 B16];
        785 PackB32F16 "v_pack_b32_f16" B32 [F16 F16];
        786 CvtPkNormI16F16 "v_cvt_pk_norm_i16_f16" B32 [F16 F16];
        787 CvtPkNormU16F16 "v_cvt_pk_norm_u16_f16" B32 [F16 F16];
        796 LdexpF32 "v_ldexp_f32" F32 [F32 B32];
        797 BfmB32 "v_bfm_b32" B32 [B32 B32];
        798 BcntU32B32 "v_bcnt_u32_b32" B32 [B32 B32];
        799 MbcntLoU32B32 "v_mbcnt_lo_u32_b32" B32 [B32 B32];
        800 MbcntHiU32B32 "v_mbcnt_hi_u32_b32" B32 [B32 B32];
        801 CvtPkNormI16F32 "v_cvt_pk_norm_i16_f32" B32 [F32 F32];
        802 CvtPkNormU16F32 "v_cvt_pk_norm_u16_f32" B32 [F32 F32];
        803 CvtPkU16U32 "v_cvt_pk_u16_u32" B32 [B32 B32];
        804 CvtPkI16I32 "v_cvt_pk_i16_i32" B32 [B32 B32];
        805 SubNcI32 "v_sub_nc_i32" B32 [B32 B32];
        806 AddNcI32 "v_add_nc_i32" B32 [B32 B32];
        807 AddF64 "v_add_f64" F64 [F64 F64];
        808 MulF64 "v_mul_f64" F64 [F64 F64];
        809 MinF64 "v_min_f64" F64 [F64 F64];
        810 MaxF64 "v_max_f64" F64 [F64 F64];
        811 LdexpF64 "v_ldexp_f64" F64 [F64 B32];
        812 MulLoU32 "v_mul_lo_u32" B32 [B32 B32];
        813 MulHiU32 "v_mul_hi_u32" B32 [B32 B32];
        814 MulHiI32 "v_mul_hi_i32" B32 [B32 B32];
        824 LshlrevB16 "v_lshlrev_b16" B16 [B16 B16];
        825 LshrrevB16 "v_lshrrev_b16" B16 [B16 B16];
        826 AshrrevI16 "v_ashrrev_i16" B16 [B16 B16];
        828 LshlrevB64 "v_lshlrev_b64" B64 [B32 B64];
        829 LshrrevB64 "v_lshrrev_b64" B64 [B32 B64];
        830 AshrrevI64 "v_ashrrev_i64" B64 [B32 B64];
        864 ReadlaneB32 "v_readlane_b32" Scalar [B32 Scalar];
        865 WritelaneB32 "v_writelane_b32" B32 [Scalar Scalar];
        866 AndB16 "v_and_b16" B16 [B16 B16];
        867 OrB16 "v_or_b16" B16 [B16 B16];
        868 XorB16 "v_xor_b16" B16 [B16 B16];
    }
}

table! {
    /// Packed halves, dot products and matrices.
    Packed {
        0 PkMadI16 "v_pk_mad_i16" Pair [Pair Pair Pair];
        1 PkMulLoU16 "v_pk_mul_lo_u16" Pair [Pair Pair];
        2 PkAddI16 "v_pk_add_i16" Pair [Pair Pair];
        3 PkSubI16 "v_pk_sub_i16" Pair [Pair Pair];
        4 PkLshlrevB16 "v_pk_lshlrev_b16" Pair [Pair Pair];
        5 PkLshrrevB16 "v_pk_lshrrev_b16" Pair [Pair Pair];
        6 PkAshrrevI16 "v_pk_ashrrev_i16" Pair [Pair Pair];
        7 PkMaxI16 "v_pk_max_i16" Pair [Pair Pair];
        8 PkMinI16 "v_pk_min_i16" Pair [Pair Pair];
        9 PkMadU16 "v_pk_mad_u16" Pair [Pair Pair Pair];
        10 PkAddU16 "v_pk_add_u16" Pair [Pair Pair];
        11 PkSubU16 "v_pk_sub_u16" Pair [Pair Pair];
        12 PkMaxU16 "v_pk_max_u16" Pair [Pair Pair];
        13 PkMinU16 "v_pk_min_u16" Pair [Pair Pair];
        14 PkFmaF16 "v_pk_fma_f16" Pair [Pair Pair Pair];
        15 PkAddF16 "v_pk_add_f16" Pair [Pair Pair];
        16 PkMulF16 "v_pk_mul_f16" Pair [Pair Pair];
        17 PkMinF16 "v_pk_min_f16" Pair [Pair Pair];
        18 PkMaxF16 "v_pk_max_f16" Pair [Pair Pair];
        19 Dot2F32F16 "v_dot2_f32_f16" F32 [Pair Pair F32];
        22 Dot4I32Iu8 "v_dot4_i32_iu8" B32 [B32 B32 B32];
        23 Dot4U32U8 "v_dot4_u32_u8" B32 [B32 B32 B32];
        24 Dot8I32Iu4 "v_dot8_i32_iu4" B32 [B32 B32 B32];
        25 Dot8U32U4 "v_dot8_u32_u4" B32 [B32 B32 B32];
        26 Dot2F32Bf16 "v_dot2_f32_bf16" F32 [Pair Pair F32];
        32 FmaMixF32 "v_fma_mix_f32" F32 [F32 F32 F32];
        33 FmaMixloF16 "v_fma_mixlo_f16" F32 [F32 F32 F32];
        34 FmaMixhiF16 "v_fma_mixhi_f16" F32 [F32 F32 F32];
        64 WmmaF32F16 "v_wmma_f32_16x16x16_f16" X8 [X8 X8 X8];
        65 WmmaF32Bf16 "v_wmma_f32_16x16x16_bf16" X8 [X8 X8 X8];
        66 WmmaF16F16 "v_wmma_f16_16x16x16_f16" X8 [X8 X8 X8];
        67 WmmaBf16Bf16 "v_wmma_bf16_16x16x16_bf16" X8 [X8 X8 X8];
        68 WmmaI32Iu8 "v_wmma_i32_16x16x16_iu8" X8 [X4 X4 X8];
        69 WmmaI32Iu4 "v_wmma_i32_16x16x16_iu4" X8 [B64 B64 X8];
    }
}

impl Vop {
    /// Whether the short encoding has it; then the long one is written with `_e64`.
    pub const fn is_short(self) -> bool {
        self.code() < 512
    }

    /// Whether it exists only in the short encoding.
    pub const fn only_short(self) -> bool {
        matches!(self, Self::FmamkF32 | Self::FmaakF32 | Self::FmamkF16 | Self::FmaakF16 | Self::SwapB32 | Self::SwapB16 | Self::PkFmacF16)
    }

    /// Whether it adds to what its destination held.
    pub const fn accumulates(self) -> bool {
        matches!(self, Self::FmacF32 | Self::FmacF16 | Self::FmacDx9ZeroF32 | Self::PkFmacF16)
    }

    /// Whether it writes a second result, one bit a lane, to a scalar register.
    pub const fn writes_mask(self) -> bool {
        matches!(
            self,
            Self::AddCoCiU32
                | Self::SubCoCiU32
                | Self::SubrevCoCiU32
                | Self::AddCoU32
                | Self::SubCoU32
                | Self::SubrevCoU32
                | Self::DivScaleF32
                | Self::DivScaleF64
                | Self::MadU64U32
                | Self::MadI64I32
        )
    }
}

/// What a comparison asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Always false.
    False,
    /// Less.
    Lt,
    /// Equal.
    Eq,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Different: of integers `ne`; of floats `lg`, which is false for NaN.
    Ne,
    /// Greater or equal.
    Ge,
    /// No NaN.
    O,
    /// A NaN.
    U,
    /// Not greater or equal.
    Nge,
    /// Equal or a NaN.
    Nlg,
    /// Not greater.
    Ngt,
    /// Not less or equal.
    Nle,
    /// Not equal.
    Neq,
    /// Not less.
    Nlt,
    /// Always true.
    True,
    /// Of the classes that the second operand names.
    Class,
}

/// What a comparison compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// Half floats.
    F16,
    /// Floats.
    F32,
    /// Doubles.
    F64,
    /// Signed 16 bits.
    I16,
    /// Unsigned 16 bits.
    U16,
    /// Signed 32 bits.
    I32,
    /// Unsigned 32 bits.
    U32,
    /// Signed 64 bits.
    I64,
    /// Unsigned 64 bits.
    U64,
}

impl Compared {
    /// How the operands are read.
    pub const fn kind(self) -> Kind {
        match self {
            Self::F16 => Kind::F16,
            Self::F32 => Kind::F32,
            Self::F64 => Kind::F64,
            Self::I16 | Self::U16 => Kind::B16,
            Self::I32 | Self::U32 => Kind::B32,
            Self::I64 | Self::U64 => Kind::B64,
        }
    }
}

/// A vector comparison: one bit a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compare {
    /// `v_cmpx`: the answer becomes the mask of active lanes.
    pub exec: bool,
    /// What it asks.
    pub condition: Condition,
    /// Of what.
    pub compared: Compared,
}

impl Compare {
    /// The comparison of a number.
    pub const fn from_code(code: u32) -> Option<Self> {
        use Compared::*;
        use Condition::*;
        const FLOATS: [Condition; 16] = [False, Lt, Eq, Le, Gt, Ne, Ge, O, U, Nge, Nlg, Ngt, Nle, Neq, Nlt, True];
        if code > 255 {
            return None;
        }
        let (group, low) = ((code & 0x7F) >> 3, (code & 7) as usize);
        let (condition, compared) = match (group, low) {
            (15, 5) => (Class, F16),
            (15, 6) => (Class, F32),
            (15, 7) => (Class, F64),
            (0 | 1, _) => (FLOATS[(code & 15) as usize], F16),
            (2 | 3, _) => (FLOATS[(code & 15) as usize], F32),
            (4 | 5, _) => (FLOATS[(code & 15) as usize], F64),
            // Comparisons of 16 bits have no `f` and no `t`.
            (6 | 7, 0 | 7) | (12.., _) => return None,
            (_, low) => {
                let compared = match group {
                    6 => I16,
                    7 => U16,
                    8 => I32,
                    9 => U32,
                    10 => I64,
                    _ => U64,
                };
                (if low == 7 { True } else { FLOATS[low] }, compared)
            }
        };
        Some(Self { exec: code & 0x80 != 0, condition, compared })
    }

    /// How the operands are read.
    pub const fn src(self) -> [Kind; 2] {
        let kind = self.compared.kind();
        match (self.condition, self.compared) {
            (Condition::Class, Compared::F16) => [kind, Kind::B16],
            (Condition::Class, _) => [kind, Kind::B32],
            _ => [kind, kind],
        }
    }

    /// Its name in the assembler, without a suffix for the encoding.
    pub fn text(self) -> String {
        use Condition::*;
        let float = self.compared.kind().is_float();
        let condition = match self.condition {
            False => "f",
            Lt => "lt",
            Eq => "eq",
            Le => "le",
            Gt => "gt",
            Ne if float => "lg",
            Ne => "ne",
            Ge => "ge",
            O => "o",
            U => "u",
            Nge => "nge",
            Nlg => "nlg",
            Ngt => "ngt",
            Nle => "nle",
            Neq => "neq",
            Nlt => "nlt",
            True => "t",
            Class => "class",
        };
        let compared = match self.compared {
            Compared::F16 => "f16",
            Compared::F32 => "f32",
            Compared::F64 => "f64",
            Compared::I16 => "i16",
            Compared::U16 => "u16",
            Compared::I32 => "i32",
            Compared::U32 => "u32",
            Compared::I64 => "i64",
            Compared::U64 => "u64",
        };
        format!("v_cmp{}_{condition}_{compared}", if self.exec { "x" } else { "" })
    }
}
