module attributes {gpu.container_module} {
gpu.module @kernels {
  llvm.mlir.global internal @matvec_shared0() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<256 x i8>
  gpu.func @matvec(%v1000000: !llvm.ptr<1>, %v1000001: !llvm.ptr<1>, %v1000002: !llvm.ptr<1> {llvm.noalias, llvm.readonly}, %v1000003: !llvm.ptr<1>) kernel attributes {gpu.known_block_size = array<i32: 128, 1, 1>, rocdl.flat_work_group_size = "128,128"} {
    %c13 = arith.constant true
    %c4 = arith.constant 0 : i32
    %c2 = arith.constant 1 : i32
    %c15 = arith.constant 2 : i32
    %c5 = arith.constant 3 : i32
    %c3 = arith.constant 4 : i32
    %c1 = arith.constant 5 : i32
    %c14 = arith.constant 8 : i32
    %c17 = arith.constant 15 : i32
    %c9 = arith.constant 16 : i32
    %c0 = arith.constant 31 : i32
    %c11 = arith.constant 32 : i32
    %c10 = arith.constant 64 : i32
    %c16 = arith.constant 128 : i32
    %c7 = arith.constant 256 : i32
    %c6 = arith.constant 2048 : i32
    %c12 = arith.constant -65536 : i32
    %c8 = arith.constant 0x00000000 : f32
    %v1i = gpu.thread_id x
    %v1 = arith.index_cast %v1i : index to i32
    %v2 = arith.andi %v1, %c0 : i32
    %v3 = arith.shrui %v1, %c1 : i32
    %v4i = gpu.block_id x
    %v4 = arith.index_cast %v4i : index to i32
    %v5i = gpu.block_id y
    %v5 = arith.index_cast %v5i : index to i32
    %v6 = arith.muli %v5, %c2 : i32
    %v7 = arith.remui %v3, %c3 : i32
    %v8 = arith.muli %v4, %c6 : i32
    %v9 = llvm.getelementptr %v1000002[%v8] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %v10 = arith.andi %v2, %c2 : i32
    %v11 = arith.shrui %v2, %c2 : i32
    llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c4) : (i32) -> ()
    %v12 = llvm.load %v1000000 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %v13 = arith.addi %v6, %c4 : i32
    %v14 = arith.cmpi slt, %v13, %v12 : i32
    %v15 = arith.select %v14, %v13, %c4 : i32
    %v16 = arith.muli %v15, %c7 : i32
    %v17 = llvm.getelementptr %v1000001[%v16] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %v18 = arith.muli %v7, %c9 : i32
    %v19 = arith.addi %v18, %v11 : i32
    %v29:8 = scf.for %v20 = %v19 to %c10 step %c10 iter_args(%v21 = %c8, %v22 = %c8, %v23 = %c8, %v24 = %c8, %v25 = %c8, %v26 = %c8, %v27 = %c8, %v28 = %c8) -> (f32, f32, f32, f32, f32, f32, f32, f32) : i32 {
      %v30 = arith.muli %v20, %c11 : i32
      %v31 = arith.muli %v10, %c9 : i32
      %v32 = arith.addi %v30, %v31 : i32
      %v33 = llvm.getelementptr %v9[%v32] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v34 = llvm.load %v33 invariant {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
      %v35 = vector.extract %v34[0] : i32 from vector<4xi32>
      %v36 = arith.shli %v35, %c9 : i32
      %v37 = arith.bitcast %v36 : i32 to f32
      %v38 = arith.andi %v35, %c12 : i32
      %v39 = arith.bitcast %v38 : i32 to f32
      %v40 = vector.extract %v34[1] : i32 from vector<4xi32>
      %v41 = arith.shli %v40, %c9 : i32
      %v42 = arith.bitcast %v41 : i32 to f32
      %v43 = arith.andi %v40, %c12 : i32
      %v44 = arith.bitcast %v43 : i32 to f32
      %v45 = vector.extract %v34[2] : i32 from vector<4xi32>
      %v46 = arith.shli %v45, %c9 : i32
      %v47 = arith.bitcast %v46 : i32 to f32
      %v48 = arith.andi %v45, %c12 : i32
      %v49 = arith.bitcast %v48 : i32 to f32
      %v50 = vector.extract %v34[3] : i32 from vector<4xi32>
      %v51 = arith.shli %v50, %c9 : i32
      %v52 = arith.bitcast %v51 : i32 to f32
      %v53 = arith.andi %v50, %c12 : i32
      %v54 = arith.bitcast %v53 : i32 to f32
      %v55 = arith.muli %v20, %c3 : i32
      %v56 = llvm.getelementptr %v17[%v55] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v57 = llvm.load %v56 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
      %v58 = llvm.intr.fma(%v37, %v57, %v21) : (f32, f32, f32) -> f32
      %v59 = llvm.intr.fma(%v39, %v57, %v22) : (f32, f32, f32) -> f32
      %v60 = llvm.intr.fma(%v42, %v57, %v23) : (f32, f32, f32) -> f32
      %v61 = llvm.intr.fma(%v44, %v57, %v24) : (f32, f32, f32) -> f32
      %v62 = llvm.intr.fma(%v47, %v57, %v25) : (f32, f32, f32) -> f32
      %v63 = llvm.intr.fma(%v49, %v57, %v26) : (f32, f32, f32) -> f32
      %v64 = llvm.intr.fma(%v52, %v57, %v27) : (f32, f32, f32) -> f32
      %v65 = llvm.intr.fma(%v54, %v57, %v28) : (f32, f32, f32) -> f32
      scf.yield %v58, %v59, %v60, %v61, %v62, %v63, %v64, %v65 : f32, f32, f32, f32, f32, f32, f32, f32
    }
    %v66 = arith.select %c13, %v29#0, %v29#0 : f32
    %v67 = arith.select %c13, %v29#1, %v29#1 : f32
    %v68 = arith.select %c13, %v29#2, %v29#2 : f32
    %v69 = arith.select %c13, %v29#3, %v29#3 : f32
    %v70 = arith.select %c13, %v29#4, %v29#4 : f32
    %v71 = arith.select %c13, %v29#5, %v29#5 : f32
    %v72 = arith.select %c13, %v29#6, %v29#6 : f32
    %v73 = arith.select %c13, %v29#7, %v29#7 : f32
    %v74, %v74ok = gpu.shuffle xor %v66, %c9, %c11 : f32
    %v75 = arith.addf %v66, %v74 : f32
    %v76, %v76ok = gpu.shuffle xor %v75, %c14, %c11 : f32
    %v77 = arith.addf %v75, %v76 : f32
    %v78, %v78ok = gpu.shuffle xor %v77, %c3, %c11 : f32
    %v79 = arith.addf %v77, %v78 : f32
    %v80, %v80ok = gpu.shuffle xor %v79, %c15, %c11 : f32
    %v81 = arith.addf %v79, %v80 : f32
    %v82, %v82ok = gpu.shuffle xor %v67, %c9, %c11 : f32
    %v83 = arith.addf %v67, %v82 : f32
    %v84, %v84ok = gpu.shuffle xor %v83, %c14, %c11 : f32
    %v85 = arith.addf %v83, %v84 : f32
    %v86, %v86ok = gpu.shuffle xor %v85, %c3, %c11 : f32
    %v87 = arith.addf %v85, %v86 : f32
    %v88, %v88ok = gpu.shuffle xor %v87, %c15, %c11 : f32
    %v89 = arith.addf %v87, %v88 : f32
    %v90, %v90ok = gpu.shuffle xor %v68, %c9, %c11 : f32
    %v91 = arith.addf %v68, %v90 : f32
    %v92, %v92ok = gpu.shuffle xor %v91, %c14, %c11 : f32
    %v93 = arith.addf %v91, %v92 : f32
    %v94, %v94ok = gpu.shuffle xor %v93, %c3, %c11 : f32
    %v95 = arith.addf %v93, %v94 : f32
    %v96, %v96ok = gpu.shuffle xor %v95, %c15, %c11 : f32
    %v97 = arith.addf %v95, %v96 : f32
    %v98, %v98ok = gpu.shuffle xor %v69, %c9, %c11 : f32
    %v99 = arith.addf %v69, %v98 : f32
    %v100, %v100ok = gpu.shuffle xor %v99, %c14, %c11 : f32
    %v101 = arith.addf %v99, %v100 : f32
    %v102, %v102ok = gpu.shuffle xor %v101, %c3, %c11 : f32
    %v103 = arith.addf %v101, %v102 : f32
    %v104, %v104ok = gpu.shuffle xor %v103, %c15, %c11 : f32
    %v105 = arith.addf %v103, %v104 : f32
    %v106, %v106ok = gpu.shuffle xor %v70, %c9, %c11 : f32
    %v107 = arith.addf %v70, %v106 : f32
    %v108, %v108ok = gpu.shuffle xor %v107, %c14, %c11 : f32
    %v109 = arith.addf %v107, %v108 : f32
    %v110, %v110ok = gpu.shuffle xor %v109, %c3, %c11 : f32
    %v111 = arith.addf %v109, %v110 : f32
    %v112, %v112ok = gpu.shuffle xor %v111, %c15, %c11 : f32
    %v113 = arith.addf %v111, %v112 : f32
    %v114, %v114ok = gpu.shuffle xor %v71, %c9, %c11 : f32
    %v115 = arith.addf %v71, %v114 : f32
    %v116, %v116ok = gpu.shuffle xor %v115, %c14, %c11 : f32
    %v117 = arith.addf %v115, %v116 : f32
    %v118, %v118ok = gpu.shuffle xor %v117, %c3, %c11 : f32
    %v119 = arith.addf %v117, %v118 : f32
    %v120, %v120ok = gpu.shuffle xor %v119, %c15, %c11 : f32
    %v121 = arith.addf %v119, %v120 : f32
    %v122, %v122ok = gpu.shuffle xor %v72, %c9, %c11 : f32
    %v123 = arith.addf %v72, %v122 : f32
    %v124, %v124ok = gpu.shuffle xor %v123, %c14, %c11 : f32
    %v125 = arith.addf %v123, %v124 : f32
    %v126, %v126ok = gpu.shuffle xor %v125, %c3, %c11 : f32
    %v127 = arith.addf %v125, %v126 : f32
    %v128, %v128ok = gpu.shuffle xor %v127, %c15, %c11 : f32
    %v129 = arith.addf %v127, %v128 : f32
    %v130, %v130ok = gpu.shuffle xor %v73, %c9, %c11 : f32
    %v131 = arith.addf %v73, %v130 : f32
    %v132, %v132ok = gpu.shuffle xor %v131, %c14, %c11 : f32
    %v133 = arith.addf %v131, %v132 : f32
    %v134, %v134ok = gpu.shuffle xor %v133, %c3, %c11 : f32
    %v135 = arith.addf %v133, %v134 : f32
    %v136, %v136ok = gpu.shuffle xor %v135, %c15, %c11 : f32
    %v137 = arith.addf %v135, %v136 : f32
    %v138 = llvm.mlir.addressof @matvec_shared0 : !llvm.ptr<3>
    %v139 = arith.cmpi slt, %v2, %c15 : i32
    scf.if %v139 {
      %v140 = arith.addi %v3, %c4 : i32
      %v141 = arith.muli %v140, %c10 : i32
      %v142 = arith.muli %v2, %c11 : i32
      %v143 = arith.addi %v141, %v142 : i32
      %v144 = vector.from_elements %v81, %v89, %v97, %v105 : vector<4xf32>
      %v145 = arith.addi %v143, %c4 : i32
      %v146 = llvm.getelementptr %v138[%v145] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
      llvm.store %v144, %v146 {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<3>
      %v147 = vector.from_elements %v113, %v121, %v129, %v137 : vector<4xf32>
      %v148 = arith.addi %v143, %c9 : i32
      %v149 = llvm.getelementptr %v138[%v148] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
      llvm.store %v147, %v149 {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<3>
    }
    amdgpu.lds_barrier
    %v150 = llvm.load %v1000000 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    scf.for %v151 = %v1 to %c9 step %c16 : i32 {
      %v153 = arith.divui %v151, %c9 : i32
      %v154 = arith.remui %v151, %c9 : i32
      %v155 = arith.addi %v6, %v153 : i32
      %v156 = arith.muli %v4, %c9 : i32
      %v157 = arith.addi %v156, %v154 : i32
      %v158 = arith.shrui %v154, %c3 : i32
      %v159 = arith.muli %v158, %c3 : i32
      %v160 = arith.andi %v154, %c17 : i32
      %v161 = arith.cmpi slt, %v155, %v150 : i32
      %v162 = arith.cmpi slt, %v157, %c10 : i32
      %v163 = arith.andi %v161, %v162 : i1
      scf.if %v163 {
        %v164 = arith.muli %v155, %c10 : i32
        %v165 = arith.addi %v164, %v157 : i32
        %v166 = arith.muli %v153, %c3 : i32
        %v167 = arith.addi %v166, %v159 : i32
        %v168 = arith.addi %v167, %c4 : i32
        %v169 = arith.muli %v168, %c10 : i32
        %v170 = arith.muli %v160, %c3 : i32
        %v171 = arith.addi %v169, %v170 : i32
        %v172 = llvm.getelementptr %v138[%v171] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v173 = llvm.load %v172 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v174 = arith.muli %v153, %c3 : i32
        %v175 = arith.addi %v174, %v159 : i32
        %v176 = arith.addi %v175, %c2 : i32
        %v177 = arith.muli %v176, %c10 : i32
        %v178 = arith.muli %v160, %c3 : i32
        %v179 = arith.addi %v177, %v178 : i32
        %v180 = llvm.getelementptr %v138[%v179] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v181 = llvm.load %v180 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v182 = arith.addf %v173, %v181 : f32
        %v183 = arith.muli %v153, %c3 : i32
        %v184 = arith.addi %v183, %v159 : i32
        %v185 = arith.addi %v184, %c15 : i32
        %v186 = arith.muli %v185, %c10 : i32
        %v187 = arith.muli %v160, %c3 : i32
        %v188 = arith.addi %v186, %v187 : i32
        %v189 = llvm.getelementptr %v138[%v188] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v190 = llvm.load %v189 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v191 = arith.addf %v182, %v190 : f32
        %v192 = arith.muli %v153, %c3 : i32
        %v193 = arith.addi %v192, %v159 : i32
        %v194 = arith.addi %v193, %c5 : i32
        %v195 = arith.muli %v194, %c10 : i32
        %v196 = arith.muli %v160, %c3 : i32
        %v197 = arith.addi %v195, %v196 : i32
        %v198 = llvm.getelementptr %v138[%v197] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v199 = llvm.load %v198 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v200 = arith.addf %v191, %v199 : f32
        %v201 = arith.muli %v165, %c3 : i32
        %v202 = llvm.getelementptr %v1000003[%v201] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        llvm.store %v200, %v202 {alignment = 4 : i64} : f32, !llvm.ptr<1>
      }
    }
    gpu.return
  }
}
}
