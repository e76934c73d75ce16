//! The scalar instructions: numbers, names and operand widths. Facts from AMD's "RDNA3 ISA" document; names as LLVM writes them.

use super::table::table;

table! {
    /// Two sources, one destination.
    Sop2 {
        0 AddU32 "s_add_u32" B32 [B32 B32];
        1 SubU32 "s_sub_u32" B32 [B32 B32];
        2 AddI32 "s_add_i32" B32 [B32 B32];
        3 SubI32 "s_sub_i32" B32 [B32 B32];
        4 AddcU32 "s_addc_u32" B32 [B32 B32];
        5 SubbU32 "s_subb_u32" B32 [B32 B32];
        6 AbsdiffI32 "s_absdiff_i32" B32 [B32 B32];
        8 LshlB32 "s_lshl_b32" B32 [B32 B32];
        9 LshlB64 "s_lshl_b64" B64 [B64 B32];
        10 LshrB32 "s_lshr_b32" B32 [B32 B32];
        11 LshrB64 "s_lshr_b64" B64 [B64 B32];
        12 AshrI32 "s_ashr_i32" B32 [B32 B32];
        13 AshrI64 "s_ashr_i64" B64 [B64 B32];
        14 Lshl1AddU32 "s_lshl1_add_u32" B32 [B32 B32];
        15 Lshl2AddU32 "s_lshl2_add_u32" B32 [B32 B32];
        16 Lshl3AddU32 "s_lshl3_add_u32" B32 [B32 B32];
        17 Lshl4AddU32 "s_lshl4_add_u32" B32 [B32 B32];
        18 MinI32 "s_min_i32" B32 [B32 B32];
        19 MinU32 "s_min_u32" B32 [B32 B32];
        20 MaxI32 "s_max_i32" B32 [B32 B32];
        21 MaxU32 "s_max_u32" B32 [B32 B32];
        22 AndB32 "s_and_b32" B32 [B32 B32];
        23 AndB64 "s_and_b64" B64 [B64 B64];
        24 OrB32 "s_or_b32" B32 [B32 B32];
        25 OrB64 "s_or_b64" B64 [B64 B64];
        26 XorB32 "s_xor_b32" B32 [B32 B32];
        27 XorB64 "s_xor_b64" B64 [B64 B64];
        28 NandB32 "s_nand_b32" B32 [B32 B32];
        29 NandB64 "s_nand_b64" B64 [B64 B64];
        30 NorB32 "s_nor_b32" B32 [B32 B32];
        31 NorB64 "s_nor_b64" B64 [B64 B64];
        32 XnorB32 "s_xnor_b32" B32 [B32 B32];
        33 XnorB64 "s_xnor_b64" B64 [B64 B64];
        34 AndNot1B32 "s_and_not1_b32" B32 [B32 B32];
        35 AndNot1B64 "s_and_not1_b64" B64 [B64 B64];
        36 OrNot1B32 "s_or_not1_b32" B32 [B32 B32];
        37 OrNot1B64 "s_or_not1_b64" B64 [B64 B64];
        38 BfeU32 "s_bfe_u32" B32 [B32 B32];
        39 BfeI32 "s_bfe_i32" B32 [B32 B32];
        40 BfeU64 "s_bfe_u64" B64 [B64 B32];
        41 BfeI64 "s_bfe_i64" B64 [B64 B32];
        42 BfmB32 "s_bfm_b32" B32 [B32 B32];
        43 BfmB64 "s_bfm_b64" B64 [B32 B32];
        44 MulI32 "s_mul_i32" B32 [B32 B32];
        45 MulHiU32 "s_mul_hi_u32" B32 [B32 B32];
        46 MulHiI32 "s_mul_hi_i32" B32 [B32 B32];
        48 CselectB32 "s_cselect_b32" B32 [B32 B32];
        49 CselectB64 "s_cselect_b64" B64 [B64 B64];
        50 PackLlB32B16 "s_pack_ll_b32_b16" B32 [B32 B32];
        51 PackLhB32B16 "s_pack_lh_b32_b16" B32 [B32 B32];
        52 PackHhB32B16 "s_pack_hh_b32_b16" B32 [B32 B32];
        53 PackHlB32B16 "s_pack_hl_b32_b16" B32 [B32 B32];
    }
}

table! {
    /// One source, one destination.
    Sop1 {
        0 MovB32 "s_mov_b32" B32 [B32];
        1 MovB64 "s_mov_b64" B64 [B64];
        2 CmovB32 "s_cmov_b32" B32 [B32];
        3 CmovB64 "s_cmov_b64" B64 [B64];
        4 BrevB32 "s_brev_b32" B32 [B32];
        5 BrevB64 "s_brev_b64" B64 [B64];
        8 CtzI32B32 "s_ctz_i32_b32" B32 [B32];
        9 CtzI32B64 "s_ctz_i32_b64" B32 [B64];
        10 ClzI32U32 "s_clz_i32_u32" B32 [B32];
        11 ClzI32U64 "s_clz_i32_u64" B32 [B64];
        12 ClsI32 "s_cls_i32" B32 [B32];
        13 ClsI32I64 "s_cls_i32_i64" B32 [B64];
        14 SextI32I8 "s_sext_i32_i8" B32 [B32];
        15 SextI32I16 "s_sext_i32_i16" B32 [B32];
        16 Bitset0B32 "s_bitset0_b32" B32 [B32];
        17 Bitset0B64 "s_bitset0_b64" B64 [B32];
        18 Bitset1B32 "s_bitset1_b32" B32 [B32];
        19 Bitset1B64 "s_bitset1_b64" B64 [B32];
        20 BitreplicateB64B32 "s_bitreplicate_b64_b32" B64 [B32];
        21 AbsI32 "s_abs_i32" B32 [B32];
        22 Bcnt0I32B32 "s_bcnt0_i32_b32" B32 [B32];
        23 Bcnt0I32B64 "s_bcnt0_i32_b64" B32 [B64];
        24 Bcnt1I32B32 "s_bcnt1_i32_b32" B32 [B32];
        25 Bcnt1I32B64 "s_bcnt1_i32_b64" B32 [B64];
        26 QuadmaskB32 "s_quadmask_b32" B32 [B32];
        27 QuadmaskB64 "s_quadmask_b64" B64 [B64];
        28 WqmB32 "s_wqm_b32" B32 [B32];
        29 WqmB64 "s_wqm_b64" B64 [B64];
        30 NotB32 "s_not_b32" B32 [B32];
        31 NotB64 "s_not_b64" B64 [B64];
        32 AndSaveexecB32 "s_and_saveexec_b32" B32 [B32];
        34 OrSaveexecB32 "s_or_saveexec_b32" B32 [B32];
        36 XorSaveexecB32 "s_xor_saveexec_b32" B32 [B32];
        38 NandSaveexecB32 "s_nand_saveexec_b32" B32 [B32];
        40 NorSaveexecB32 "s_nor_saveexec_b32" B32 [B32];
        42 XnorSaveexecB32 "s_xnor_saveexec_b32" B32 [B32];
        44 AndNot0SaveexecB32 "s_and_not0_saveexec_b32" B32 [B32];
        46 OrNot0SaveexecB32 "s_or_not0_saveexec_b32" B32 [B32];
        48 AndNot1SaveexecB32 "s_and_not1_saveexec_b32" B32 [B32];
        50 OrNot1SaveexecB32 "s_or_not1_saveexec_b32" B32 [B32];
        52 AndNot0WrexecB32 "s_and_not0_wrexec_b32" B32 [B32];
        54 AndNot1WrexecB32 "s_and_not1_wrexec_b32" B32 [B32];
        71 GetpcB64 "s_getpc_b64" B64 [];
        72 SetpcB64 "s_setpc_b64" Nil [B64];
        73 SwappcB64 "s_swappc_b64" B64 [B64];
        76 SendmsgRtnB32 "s_sendmsg_rtn_b32" B32 [B32];
        77 SendmsgRtnB64 "s_sendmsg_rtn_b64" B64 [B32];
    }
}

table! {
    /// A comparison, answered in SCC.
    Sopc {
        0 CmpEqI32 "s_cmp_eq_i32" Nil [B32 B32];
        1 CmpLgI32 "s_cmp_lg_i32" Nil [B32 B32];
        2 CmpGtI32 "s_cmp_gt_i32" Nil [B32 B32];
        3 CmpGeI32 "s_cmp_ge_i32" Nil [B32 B32];
        4 CmpLtI32 "s_cmp_lt_i32" Nil [B32 B32];
        5 CmpLeI32 "s_cmp_le_i32" Nil [B32 B32];
        6 CmpEqU32 "s_cmp_eq_u32" Nil [B32 B32];
        7 CmpLgU32 "s_cmp_lg_u32" Nil [B32 B32];
        8 CmpGtU32 "s_cmp_gt_u32" Nil [B32 B32];
        9 CmpGeU32 "s_cmp_ge_u32" Nil [B32 B32];
        10 CmpLtU32 "s_cmp_lt_u32" Nil [B32 B32];
        11 CmpLeU32 "s_cmp_le_u32" Nil [B32 B32];
        12 Bitcmp0B32 "s_bitcmp0_b32" Nil [B32 B32];
        13 Bitcmp1B32 "s_bitcmp1_b32" Nil [B32 B32];
        14 Bitcmp0B64 "s_bitcmp0_b64" Nil [B64 B32];
        15 Bitcmp1B64 "s_bitcmp1_b64" Nil [B64 B32];
        16 CmpEqU64 "s_cmp_eq_u64" Nil [B64 B64];
        17 CmpLgU64 "s_cmp_lg_u64" Nil [B64 B64];
    }
}

table! {
    /// A register and a constant of 16 bits.
    Sopk {
        0 MovkI32 "s_movk_i32" B32 [];
        1 Version "s_version" Nil [];
        2 CmovkI32 "s_cmovk_i32" B32 [];
        3 CmpkEqI32 "s_cmpk_eq_i32" Nil [B32];
        4 CmpkLgI32 "s_cmpk_lg_i32" Nil [B32];
        5 CmpkGtI32 "s_cmpk_gt_i32" Nil [B32];
        6 CmpkGeI32 "s_cmpk_ge_i32" Nil [B32];
        7 CmpkLtI32 "s_cmpk_lt_i32" Nil [B32];
        8 CmpkLeI32 "s_cmpk_le_i32" Nil [B32];
        9 CmpkEqU32 "s_cmpk_eq_u32" Nil [B32];
        10 CmpkLgU32 "s_cmpk_lg_u32" Nil [B32];
        11 CmpkGtU32 "s_cmpk_gt_u32" Nil [B32];
        12 CmpkGeU32 "s_cmpk_ge_u32" Nil [B32];
        13 CmpkLtU32 "s_cmpk_lt_u32" Nil [B32];
        14 CmpkLeU32 "s_cmpk_le_u32" Nil [B32];
        15 AddkI32 "s_addk_i32" B32 [B32];
        16 MulkI32 "s_mulk_i32" B32 [B32];
        17 GetregB32 "s_getreg_b32" B32 [];
        18 SetregB32 "s_setreg_b32" Nil [B32];
        19 SetregImm32B32 "s_setreg_imm32_b32" Nil [];
        20 CallB64 "s_call_b64" B64 [];
        24 WaitcntVscnt "s_waitcnt_vscnt" Nil [B32];
        25 WaitcntVmcnt "s_waitcnt_vmcnt" Nil [B32];
        26 WaitcntExpcnt "s_waitcnt_expcnt" Nil [B32];
        27 WaitcntLgkmcnt "s_waitcnt_lgkmcnt" Nil [B32];
    }
}

table! {
    /// Control: branches, waits, the end.
    Sopp {
        0 Nop "s_nop" Nil [];
        1 Setkill "s_setkill" Nil [];
        2 Sethalt "s_sethalt" Nil [];
        3 Sleep "s_sleep" Nil [];
        4 SetInstPrefetchDistance "s_set_inst_prefetch_distance" Nil [];
        5 Clause "s_clause" Nil [];
        7 DelayAlu "s_delay_alu" Nil [];
        8 WaitcntDepctr "s_waitcnt_depctr" Nil [];
        9 Waitcnt "s_waitcnt" Nil [];
        10 WaitIdle "s_wait_idle" Nil [];
        11 WaitEvent "s_wait_event" Nil [];
        16 Trap "s_trap" Nil [];
        17 RoundMode "s_round_mode" Nil [];
        18 DenormMode "s_denorm_mode" Nil [];
        31 CodeEnd "s_code_end" Nil [];
        32 Branch "s_branch" Nil [];
        33 CbranchScc0 "s_cbranch_scc0" Nil [];
        34 CbranchScc1 "s_cbranch_scc1" Nil [];
        35 CbranchVccz "s_cbranch_vccz" Nil [];
        36 CbranchVccnz "s_cbranch_vccnz" Nil [];
        37 CbranchExecz "s_cbranch_execz" Nil [];
        38 CbranchExecnz "s_cbranch_execnz" Nil [];
        48 Endpgm "s_endpgm" Nil [];
        52 Wakeup "s_wakeup" Nil [];
        53 Setprio "s_setprio" Nil [];
        54 Sendmsg "s_sendmsg" Nil [];
        58 Ttracedata "s_ttracedata" Nil [];
        59 TtracedataImm "s_ttracedata_imm" Nil [];
        60 IcacheInv "s_icache_inv" Nil [];
        61 Barrier "s_barrier" Nil [];
    }
}

table! {
    /// Loads through the scalar cache.
    Smem {
        0 LoadB32 "s_load_b32" Nil [];
        1 LoadB64 "s_load_b64" Nil [];
        2 LoadB128 "s_load_b128" Nil [];
        3 LoadB256 "s_load_b256" Nil [];
        4 LoadB512 "s_load_b512" Nil [];
        32 Gl1Inv "s_gl1_inv" Nil [];
        33 DcacheInv "s_dcache_inv" Nil [];
    }
}
