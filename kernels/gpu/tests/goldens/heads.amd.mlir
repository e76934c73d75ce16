module attributes {gpu.container_module} {
gpu.module @kernels {
  gpu.func @heads(%v1000000: !llvm.ptr<1>, %v1000001: !llvm.ptr<1> {llvm.noalias, llvm.readonly}, %v1000002: !llvm.ptr<1>, %v1000003: !llvm.ptr<1>, %v1000004: !llvm.ptr<1> {llvm.noalias, llvm.readonly}, %v1000005: !llvm.ptr<1>, %v1000006: !llvm.ptr<1>, %v1000007: !llvm.ptr<1> {llvm.noalias, llvm.readonly}, %v1000008: !llvm.ptr<1>) kernel attributes {gpu.known_block_size = array<i32: 32, 1, 1>, rocdl.flat_work_group_size = "32,32"} {
    %c3 = arith.constant 0 : i32
    %c10 = arith.constant 1 : i32
    %c4 = arith.constant 2 : i32
    %c13 = arith.constant 3 : i32
    %c1 = arith.constant 4 : i32
    %c9 = arith.constant 8 : i32
    %c8 = arith.constant 16 : i32
    %c7 = arith.constant 32 : i32
    %c5 = arith.constant 64 : i32
    %c0 = arith.constant 80 : i32
    %c2 = arith.constant 96 : i32
    %c15 = arith.constant 4096 : i64
    %c14 = arith.constant 8192 : i64
    %c6 = arith.constant 0x00000000 : f32
    %c12 = arith.constant 0x358637BD : f32
    %c11 = arith.constant 0x3C800000 : f32
    %v1i = gpu.thread_id x
    %v1 = arith.index_cast %v1i : index to i32
    %v2i = gpu.block_id x
    %v2 = arith.index_cast %v2i : index to i32
    %v3i = gpu.block_id y
    %v3 = arith.index_cast %v3i : index to i32
    %v4 = llvm.load %v1000000 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %v5 = arith.muli %v3, %c1 : i32
    %v6 = arith.addi %c0, %v5 : i32
    %v7 = llvm.getelementptr %v1000000[%v6] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %v8 = llvm.load %v7 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %v9 = arith.muli %v3, %c1 : i32
    %v10 = arith.addi %c2, %v9 : i32
    %v11 = llvm.getelementptr %v1000000[%v10] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %v12 = llvm.load %v11 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c3) : (i32) -> ()
    %v13 = arith.cmpi slt, %v3, %v4 : i32
    scf.if %v13 {
      %v14 = arith.cmpi sge, %v2, %c3 : i32
      %v15 = arith.cmpi slt, %v2, %c4 : i32
      %v16 = arith.andi %v14, %v15 : i1
      scf.if %v16 {
        %v17 = arith.subi %v2, %c3 : i32
        %v18 = arith.muli %v3, %c4 : i32
        %v19 = arith.addi %v18, %v17 : i32
        %v20 = arith.muli %v19, %c5 : i32
        %v21 = arith.addi %v1, %c3 : i32
        %v22 = arith.addi %v21, %c3 : i32
        %v23 = arith.addi %v20, %v22 : i32
        %v24 = arith.muli %v23, %c1 : i32
        %v25 = llvm.getelementptr %v1000003[%v24] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v26 = llvm.load %v25 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v27 = arith.addi %v21, %c7 : i32
        %v28 = arith.addi %v20, %v27 : i32
        %v29 = arith.muli %v28, %c1 : i32
        %v30 = llvm.getelementptr %v1000003[%v29] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v31 = llvm.load %v30 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v32 = llvm.intr.fma(%v31, %v31, %c6) : (f32, f32, f32) -> f32
        %v33 = llvm.intr.fma(%v26, %v26, %v32) : (f32, f32, f32) -> f32
        %v34, %v34ok = gpu.shuffle xor %v33, %c8, %c7 : f32
        %v35 = arith.addf %v33, %v34 : f32
        %v36, %v36ok = gpu.shuffle xor %v35, %c9, %c7 : f32
        %v37 = arith.addf %v35, %v36 : f32
        %v38, %v38ok = gpu.shuffle xor %v37, %c1, %c7 : f32
        %v39 = arith.addf %v37, %v38 : f32
        %v40, %v40ok = gpu.shuffle xor %v39, %c4, %c7 : f32
        %v41 = arith.addf %v39, %v40 : f32
        %v42, %v42ok = gpu.shuffle xor %v41, %c10, %c7 : f32
        %v43 = arith.addf %v41, %v42 : f32
        %v44 = arith.mulf %v43, %c11 : f32
        %v45 = arith.addf %v44, %c12 : f32
        %v46 = llvm.call_intrinsic "llvm.amdgcn.sqrt.f32"(%v45) : (f32) -> f32
        %v47 = llvm.call_intrinsic "llvm.amdgcn.rcp.f32"(%v46) : (f32) -> f32
        %v48 = arith.mulf %v26, %v47 : f32
        %v49 = arith.addi %v21, %c3 : i32
        %v50 = arith.muli %v49, %c1 : i32
        %v51 = llvm.getelementptr %v1000004[%v50] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v52 = llvm.load %v51 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v53 = arith.mulf %v48, %v52 : f32
        %v54 = arith.mulf %v31, %v47 : f32
        %v55 = arith.addi %v21, %c7 : i32
        %v56 = arith.muli %v55, %c1 : i32
        %v57 = llvm.getelementptr %v1000004[%v56] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v58 = llvm.load %v57 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v59 = arith.mulf %v54, %v58 : f32
        %v60 = arith.muli %v12, %c5 : i32
        %v61 = arith.addi %v60, %v21 : i32
        %v62 = arith.muli %v61, %c1 : i32
        %v63 = llvm.getelementptr %v1000001[%v62] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v64 = llvm.load %v63 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v65 = arith.addi %v61, %c7 : i32
        %v66 = arith.muli %v65, %c1 : i32
        %v67 = llvm.getelementptr %v1000001[%v66] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v68 = llvm.load %v67 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v69 = arith.mulf %v53, %v64 : f32
        %v70 = arith.mulf %v59, %v68 : f32
        %v71 = arith.subf %v69, %v70 : f32
        %v72 = arith.mulf %v59, %v64 : f32
        %v73 = arith.mulf %v53, %v68 : f32
        %v74 = arith.addf %v72, %v73 : f32
        %v75 = arith.addi %v21, %c3 : i32
        %v76 = arith.addi %v20, %v75 : i32
        %v77 = arith.muli %v76, %c1 : i32
        %v78 = llvm.getelementptr %v1000005[%v77] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        llvm.store %v71, %v78 {alignment = 4 : i64} : f32, !llvm.ptr<1>
        %v79 = arith.addi %v21, %c7 : i32
        %v80 = arith.addi %v20, %v79 : i32
        %v81 = arith.muli %v80, %c1 : i32
        %v82 = llvm.getelementptr %v1000005[%v81] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        llvm.store %v74, %v82 {alignment = 4 : i64} : f32, !llvm.ptr<1>
      }
      %v83 = arith.cmpi sge, %v2, %c4 : i32
      %v84 = arith.cmpi slt, %v2, %c13 : i32
      %v85 = arith.andi %v83, %v84 : i1
      scf.if %v85 {
        %v86 = arith.subi %v2, %c4 : i32
        %v87 = arith.muli %v3, %c10 : i32
        %v88 = arith.addi %v87, %v86 : i32
        %v89 = arith.muli %v88, %c5 : i32
        %v90 = arith.addi %v1, %c3 : i32
        %v91 = arith.addi %v90, %c3 : i32
        %v92 = arith.addi %v89, %v91 : i32
        %v93 = arith.muli %v92, %c1 : i32
        %v94 = llvm.getelementptr %v1000006[%v93] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v95 = llvm.load %v94 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v96 = arith.addi %v90, %c7 : i32
        %v97 = arith.addi %v89, %v96 : i32
        %v98 = arith.muli %v97, %c1 : i32
        %v99 = llvm.getelementptr %v1000006[%v98] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v100 = llvm.load %v99 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v101 = llvm.intr.fma(%v100, %v100, %c6) : (f32, f32, f32) -> f32
        %v102 = llvm.intr.fma(%v95, %v95, %v101) : (f32, f32, f32) -> f32
        %v103, %v103ok = gpu.shuffle xor %v102, %c8, %c7 : f32
        %v104 = arith.addf %v102, %v103 : f32
        %v105, %v105ok = gpu.shuffle xor %v104, %c9, %c7 : f32
        %v106 = arith.addf %v104, %v105 : f32
        %v107, %v107ok = gpu.shuffle xor %v106, %c1, %c7 : f32
        %v108 = arith.addf %v106, %v107 : f32
        %v109, %v109ok = gpu.shuffle xor %v108, %c4, %c7 : f32
        %v110 = arith.addf %v108, %v109 : f32
        %v111, %v111ok = gpu.shuffle xor %v110, %c10, %c7 : f32
        %v112 = arith.addf %v110, %v111 : f32
        %v113 = arith.mulf %v112, %c11 : f32
        %v114 = arith.addf %v113, %c12 : f32
        %v115 = llvm.call_intrinsic "llvm.amdgcn.sqrt.f32"(%v114) : (f32) -> f32
        %v116 = llvm.call_intrinsic "llvm.amdgcn.rcp.f32"(%v115) : (f32) -> f32
        %v117 = arith.mulf %v95, %v116 : f32
        %v118 = arith.addi %v90, %c3 : i32
        %v119 = arith.muli %v118, %c1 : i32
        %v120 = llvm.getelementptr %v1000007[%v119] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v121 = llvm.load %v120 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v122 = arith.mulf %v117, %v121 : f32
        %v123 = arith.mulf %v100, %v116 : f32
        %v124 = arith.addi %v90, %c7 : i32
        %v125 = arith.muli %v124, %c1 : i32
        %v126 = llvm.getelementptr %v1000007[%v125] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v127 = llvm.load %v126 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v128 = arith.mulf %v123, %v127 : f32
        %v129 = arith.muli %v12, %c5 : i32
        %v130 = arith.addi %v129, %v90 : i32
        %v131 = arith.muli %v130, %c1 : i32
        %v132 = llvm.getelementptr %v1000001[%v131] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v133 = llvm.load %v132 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v134 = arith.addi %v130, %c7 : i32
        %v135 = arith.muli %v134, %c1 : i32
        %v136 = llvm.getelementptr %v1000001[%v135] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v137 = llvm.load %v136 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v138 = arith.mulf %v122, %v133 : f32
        %v139 = arith.mulf %v128, %v137 : f32
        %v140 = arith.subf %v138, %v139 : f32
        %v141 = arith.mulf %v128, %v133 : f32
        %v142 = arith.mulf %v122, %v137 : f32
        %v143 = arith.addf %v141, %v142 : f32
        %v144 = arith.remui %v12, %c7 : i32
        %v145 = arith.extui %v8 : i32 to i64
        %v146 = arith.muli %v145, %c14 : i64
        %v147 = llvm.getelementptr %v1000002[%v146] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i8
        %v148 = arith.muli %v86, %c7 : i32
        %v149 = arith.addi %v148, %v144 : i32
        %v150 = arith.muli %v149, %c5 : i32
        %v151 = arith.addi %v150, %v90 : i32
        %v152 = arith.truncf %v140 : f32 to f16
        %v153 = arith.addi %v151, %c3 : i32
        %v154 = arith.muli %v153, %c4 : i32
        %v155 = llvm.getelementptr %v147[%v154] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        llvm.store %v152, %v155 {alignment = 2 : i64} : f16, !llvm.ptr<1>
        %v156 = arith.truncf %v143 : f32 to f16
        %v157 = arith.addi %v151, %c7 : i32
        %v158 = arith.muli %v157, %c4 : i32
        %v159 = llvm.getelementptr %v147[%v158] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        llvm.store %v156, %v159 {alignment = 2 : i64} : f16, !llvm.ptr<1>
      }
      %v160 = arith.cmpi sge, %v2, %c13 : i32
      %v161 = arith.cmpi slt, %v2, %c1 : i32
      %v162 = arith.andi %v160, %v161 : i1
      scf.if %v162 {
        %v163 = arith.subi %v2, %c13 : i32
        %v164 = arith.muli %v3, %c10 : i32
        %v165 = arith.addi %v164, %v163 : i32
        %v166 = arith.muli %v165, %c5 : i32
        %v167 = arith.addi %v1, %c3 : i32
        %v168 = arith.addi %v167, %c3 : i32
        %v169 = arith.addi %v166, %v168 : i32
        %v170 = arith.muli %v169, %c1 : i32
        %v171 = llvm.getelementptr %v1000008[%v170] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v172 = llvm.load %v171 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v173 = arith.addi %v167, %c7 : i32
        %v174 = arith.addi %v166, %v173 : i32
        %v175 = arith.muli %v174, %c1 : i32
        %v176 = llvm.getelementptr %v1000008[%v175] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v177 = llvm.load %v176 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v178 = llvm.intr.fma(%v177, %v177, %c6) : (f32, f32, f32) -> f32
        %v179 = llvm.intr.fma(%v172, %v172, %v178) : (f32, f32, f32) -> f32
        %v180, %v180ok = gpu.shuffle xor %v179, %c8, %c7 : f32
        %v181 = arith.addf %v179, %v180 : f32
        %v182, %v182ok = gpu.shuffle xor %v181, %c9, %c7 : f32
        %v183 = arith.addf %v181, %v182 : f32
        %v184, %v184ok = gpu.shuffle xor %v183, %c1, %c7 : f32
        %v185 = arith.addf %v183, %v184 : f32
        %v186, %v186ok = gpu.shuffle xor %v185, %c4, %c7 : f32
        %v187 = arith.addf %v185, %v186 : f32
        %v188, %v188ok = gpu.shuffle xor %v187, %c10, %c7 : f32
        %v189 = arith.addf %v187, %v188 : f32
        %v190 = arith.mulf %v189, %c11 : f32
        %v191 = arith.addf %v190, %c12 : f32
        %v192 = llvm.call_intrinsic "llvm.amdgcn.sqrt.f32"(%v191) : (f32) -> f32
        %v193 = llvm.call_intrinsic "llvm.amdgcn.rcp.f32"(%v192) : (f32) -> f32
        %v194 = arith.mulf %v172, %v193 : f32
        %v195 = arith.mulf %v177, %v193 : f32
        %v196 = arith.remui %v12, %c7 : i32
        %v197 = arith.extui %v8 : i32 to i64
        %v198 = arith.muli %v197, %c14 : i64
        %v199 = llvm.getelementptr %v1000002[%v198] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i8
        %v200 = llvm.getelementptr %v199[%c15] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i8
        %v201 = arith.muli %v163, %c7 : i32
        %v202 = arith.addi %v201, %v196 : i32
        %v203 = arith.muli %v202, %c5 : i32
        %v204 = arith.addi %v203, %v167 : i32
        %v205 = arith.truncf %v194 : f32 to f16
        %v206 = arith.addi %v204, %c3 : i32
        %v207 = arith.muli %v206, %c4 : i32
        %v208 = llvm.getelementptr %v200[%v207] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        llvm.store %v205, %v208 {alignment = 2 : i64} : f16, !llvm.ptr<1>
        %v209 = arith.truncf %v195 : f32 to f16
        %v210 = arith.addi %v204, %c7 : i32
        %v211 = arith.muli %v210, %c4 : i32
        %v212 = llvm.getelementptr %v200[%v211] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        llvm.store %v209, %v212 {alignment = 2 : i64} : f16, !llvm.ptr<1>
      }
    }
    gpu.return
  }
}
}
