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
        %v23 = arith.muli %v22, %c1 : i32
        %v24 = llvm.getelementptr %v1000004[%v23] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v25 = llvm.load %v24 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v26 = arith.addi %v21, %c7 : i32
        %v27 = arith.muli %v26, %c1 : i32
        %v28 = llvm.getelementptr %v1000004[%v27] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v29 = llvm.load %v28 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v30 = arith.muli %v12, %c5 : i32
        %v31 = arith.addi %v30, %v21 : i32
        %v32 = arith.addi %v31, %c3 : i32
        %v33 = arith.muli %v32, %c1 : i32
        %v34 = llvm.getelementptr %v1000001[%v33] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v35 = llvm.load %v34 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v36 = arith.addi %v31, %c7 : i32
        %v37 = arith.muli %v36, %c1 : i32
        %v38 = llvm.getelementptr %v1000001[%v37] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v39 = llvm.load %v38 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v40 = arith.addi %v21, %c3 : i32
        %v41 = arith.addi %v20, %v40 : i32
        %v42 = arith.muli %v41, %c1 : i32
        %v43 = llvm.getelementptr %v1000003[%v42] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v44 = llvm.load %v43 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v45 = arith.addi %v21, %c7 : i32
        %v46 = arith.addi %v20, %v45 : i32
        %v47 = arith.muli %v46, %c1 : i32
        %v48 = llvm.getelementptr %v1000003[%v47] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v49 = llvm.load %v48 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c3) : (i32) -> ()
        %v50 = llvm.intr.fma(%v49, %v49, %c6) : (f32, f32, f32) -> f32
        %v51 = llvm.intr.fma(%v44, %v44, %v50) : (f32, f32, f32) -> f32
        %v52, %v52ok = gpu.shuffle xor %v51, %c8, %c7 : f32
        %v53 = arith.addf %v51, %v52 : f32
        %v54, %v54ok = gpu.shuffle xor %v53, %c9, %c7 : f32
        %v55 = arith.addf %v53, %v54 : f32
        %v56, %v56ok = gpu.shuffle xor %v55, %c1, %c7 : f32
        %v57 = arith.addf %v55, %v56 : f32
        %v58, %v58ok = gpu.shuffle xor %v57, %c4, %c7 : f32
        %v59 = arith.addf %v57, %v58 : f32
        %v60, %v60ok = gpu.shuffle xor %v59, %c10, %c7 : f32
        %v61 = arith.addf %v59, %v60 : f32
        %v62 = arith.mulf %v61, %c11 : f32
        %v63 = arith.addf %v62, %c12 : f32
        %v64 = llvm.call_intrinsic "llvm.amdgcn.sqrt.f32"(%v63) : (f32) -> f32
        %v65 = llvm.call_intrinsic "llvm.amdgcn.rcp.f32"(%v64) : (f32) -> f32
        %v66 = arith.mulf %v44, %v65 : f32
        %v67 = arith.mulf %v49, %v65 : f32
        %v68 = arith.mulf %v66, %v25 : f32
        %v69 = arith.mulf %v67, %v29 : f32
        %v70 = arith.mulf %v68, %v35 : f32
        %v71 = arith.mulf %v69, %v39 : f32
        %v72 = arith.subf %v70, %v71 : f32
        %v73 = arith.mulf %v69, %v35 : f32
        %v74 = arith.mulf %v68, %v39 : f32
        %v75 = arith.addf %v73, %v74 : f32
        %v76 = arith.addi %v21, %c3 : i32
        %v77 = arith.addi %v20, %v76 : i32
        %v78 = arith.muli %v77, %c1 : i32
        %v79 = llvm.getelementptr %v1000005[%v78] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        llvm.store %v72, %v79 {alignment = 4 : i64} : f32, !llvm.ptr<1>
        %v80 = arith.addi %v21, %c7 : i32
        %v81 = arith.addi %v20, %v80 : i32
        %v82 = arith.muli %v81, %c1 : i32
        %v83 = llvm.getelementptr %v1000005[%v82] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        llvm.store %v75, %v83 {alignment = 4 : i64} : f32, !llvm.ptr<1>
      }
      %v84 = arith.cmpi sge, %v2, %c4 : i32
      %v85 = arith.cmpi slt, %v2, %c13 : i32
      %v86 = arith.andi %v84, %v85 : i1
      scf.if %v86 {
        %v87 = arith.subi %v2, %c4 : i32
        %v88 = arith.muli %v3, %c10 : i32
        %v89 = arith.addi %v88, %v87 : i32
        %v90 = arith.muli %v89, %c5 : i32
        %v91 = arith.addi %v1, %c3 : i32
        %v92 = arith.addi %v91, %c3 : i32
        %v93 = arith.muli %v92, %c1 : i32
        %v94 = llvm.getelementptr %v1000007[%v93] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v95 = llvm.load %v94 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v96 = arith.addi %v91, %c7 : i32
        %v97 = arith.muli %v96, %c1 : i32
        %v98 = llvm.getelementptr %v1000007[%v97] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v99 = llvm.load %v98 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v100 = arith.muli %v12, %c5 : i32
        %v101 = arith.addi %v100, %v91 : i32
        %v102 = arith.addi %v101, %c3 : i32
        %v103 = arith.muli %v102, %c1 : i32
        %v104 = llvm.getelementptr %v1000001[%v103] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v105 = llvm.load %v104 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v106 = arith.addi %v101, %c7 : i32
        %v107 = arith.muli %v106, %c1 : i32
        %v108 = llvm.getelementptr %v1000001[%v107] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v109 = llvm.load %v108 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v110 = arith.addi %v91, %c3 : i32
        %v111 = arith.addi %v90, %v110 : i32
        %v112 = arith.muli %v111, %c1 : i32
        %v113 = llvm.getelementptr %v1000006[%v112] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v114 = llvm.load %v113 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v115 = arith.addi %v91, %c7 : i32
        %v116 = arith.addi %v90, %v115 : i32
        %v117 = arith.muli %v116, %c1 : i32
        %v118 = llvm.getelementptr %v1000006[%v117] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v119 = llvm.load %v118 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c3) : (i32) -> ()
        %v120 = llvm.intr.fma(%v119, %v119, %c6) : (f32, f32, f32) -> f32
        %v121 = llvm.intr.fma(%v114, %v114, %v120) : (f32, f32, f32) -> f32
        %v122, %v122ok = gpu.shuffle xor %v121, %c8, %c7 : f32
        %v123 = arith.addf %v121, %v122 : f32
        %v124, %v124ok = gpu.shuffle xor %v123, %c9, %c7 : f32
        %v125 = arith.addf %v123, %v124 : f32
        %v126, %v126ok = gpu.shuffle xor %v125, %c1, %c7 : f32
        %v127 = arith.addf %v125, %v126 : f32
        %v128, %v128ok = gpu.shuffle xor %v127, %c4, %c7 : f32
        %v129 = arith.addf %v127, %v128 : f32
        %v130, %v130ok = gpu.shuffle xor %v129, %c10, %c7 : f32
        %v131 = arith.addf %v129, %v130 : f32
        %v132 = arith.mulf %v131, %c11 : f32
        %v133 = arith.addf %v132, %c12 : f32
        %v134 = llvm.call_intrinsic "llvm.amdgcn.sqrt.f32"(%v133) : (f32) -> f32
        %v135 = llvm.call_intrinsic "llvm.amdgcn.rcp.f32"(%v134) : (f32) -> f32
        %v136 = arith.mulf %v114, %v135 : f32
        %v137 = arith.mulf %v119, %v135 : f32
        %v138 = arith.mulf %v136, %v95 : f32
        %v139 = arith.mulf %v137, %v99 : f32
        %v140 = arith.mulf %v138, %v105 : f32
        %v141 = arith.mulf %v139, %v109 : f32
        %v142 = arith.subf %v140, %v141 : f32
        %v143 = arith.mulf %v139, %v105 : f32
        %v144 = arith.mulf %v138, %v109 : f32
        %v145 = arith.addf %v143, %v144 : f32
        %v146 = arith.remui %v12, %c7 : i32
        %v147 = arith.extui %v8 : i32 to i64
        %v148 = arith.muli %v147, %c14 : i64
        %v149 = llvm.getelementptr %v1000002[%v148] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i8
        %v150 = arith.muli %v87, %c7 : i32
        %v151 = arith.addi %v150, %v146 : i32
        %v152 = arith.muli %v151, %c5 : i32
        %v153 = arith.addi %v152, %v91 : i32
        %v154 = arith.truncf %v142 : f32 to f16
        %v155 = arith.addi %v153, %c3 : i32
        %v156 = arith.muli %v155, %c4 : i32
        %v157 = llvm.getelementptr %v149[%v156] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        llvm.store %v154, %v157 {alignment = 2 : i64} : f16, !llvm.ptr<1>
        %v158 = arith.truncf %v145 : f32 to f16
        %v159 = arith.addi %v153, %c7 : i32
        %v160 = arith.muli %v159, %c4 : i32
        %v161 = llvm.getelementptr %v149[%v160] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        llvm.store %v158, %v161 {alignment = 2 : i64} : f16, !llvm.ptr<1>
      }
      %v162 = arith.cmpi sge, %v2, %c13 : i32
      %v163 = arith.cmpi slt, %v2, %c1 : i32
      %v164 = arith.andi %v162, %v163 : i1
      scf.if %v164 {
        %v165 = arith.subi %v2, %c13 : i32
        %v166 = arith.muli %v3, %c10 : i32
        %v167 = arith.addi %v166, %v165 : i32
        %v168 = arith.muli %v167, %c5 : i32
        %v169 = arith.addi %v1, %c3 : i32
        %v170 = arith.addi %v169, %c3 : i32
        %v171 = arith.addi %v168, %v170 : i32
        %v172 = arith.muli %v171, %c1 : i32
        %v173 = llvm.getelementptr %v1000008[%v172] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v174 = llvm.load %v173 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v175 = arith.addi %v169, %c7 : i32
        %v176 = arith.addi %v168, %v175 : i32
        %v177 = arith.muli %v176, %c1 : i32
        %v178 = llvm.getelementptr %v1000008[%v177] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v179 = llvm.load %v178 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c3) : (i32) -> ()
        %v180 = llvm.intr.fma(%v179, %v179, %c6) : (f32, f32, f32) -> f32
        %v181 = llvm.intr.fma(%v174, %v174, %v180) : (f32, f32, f32) -> f32
        %v182, %v182ok = gpu.shuffle xor %v181, %c8, %c7 : f32
        %v183 = arith.addf %v181, %v182 : f32
        %v184, %v184ok = gpu.shuffle xor %v183, %c9, %c7 : f32
        %v185 = arith.addf %v183, %v184 : f32
        %v186, %v186ok = gpu.shuffle xor %v185, %c1, %c7 : f32
        %v187 = arith.addf %v185, %v186 : f32
        %v188, %v188ok = gpu.shuffle xor %v187, %c4, %c7 : f32
        %v189 = arith.addf %v187, %v188 : f32
        %v190, %v190ok = gpu.shuffle xor %v189, %c10, %c7 : f32
        %v191 = arith.addf %v189, %v190 : f32
        %v192 = arith.mulf %v191, %c11 : f32
        %v193 = arith.addf %v192, %c12 : f32
        %v194 = llvm.call_intrinsic "llvm.amdgcn.sqrt.f32"(%v193) : (f32) -> f32
        %v195 = llvm.call_intrinsic "llvm.amdgcn.rcp.f32"(%v194) : (f32) -> f32
        %v196 = arith.mulf %v174, %v195 : f32
        %v197 = arith.mulf %v179, %v195 : f32
        %v198 = arith.remui %v12, %c7 : i32
        %v199 = arith.extui %v8 : i32 to i64
        %v200 = arith.muli %v199, %c14 : i64
        %v201 = llvm.getelementptr %v1000002[%v200] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i8
        %v202 = llvm.getelementptr %v201[%c15] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i8
        %v203 = arith.muli %v165, %c7 : i32
        %v204 = arith.addi %v203, %v198 : i32
        %v205 = arith.muli %v204, %c5 : i32
        %v206 = arith.addi %v205, %v169 : i32
        %v207 = arith.truncf %v196 : f32 to f16
        %v208 = arith.addi %v206, %c3 : i32
        %v209 = arith.muli %v208, %c4 : i32
        %v210 = llvm.getelementptr %v202[%v209] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        llvm.store %v207, %v210 {alignment = 2 : i64} : f16, !llvm.ptr<1>
        %v211 = arith.truncf %v197 : f32 to f16
        %v212 = arith.addi %v206, %c7 : i32
        %v213 = arith.muli %v212, %c4 : i32
        %v214 = llvm.getelementptr %v202[%v213] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        llvm.store %v211, %v214 {alignment = 2 : i64} : f16, !llvm.ptr<1>
      }
    }
    gpu.return
  }
}
}
