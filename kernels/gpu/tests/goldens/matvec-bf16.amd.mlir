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
    %v12 = arith.addi %v2, %v7 : i32
    %v13 = arith.cmpi eq, %v12, %c4 : i32
    llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c4) : (i32) -> ()
    %v14 = arith.muli %c4, %c7 : i32
    %v15 = llvm.getelementptr %v1000001[%v14] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %v16 = arith.muli %v7, %c9 : i32
    %v17 = arith.addi %v16, %v11 : i32
    %v27:8 = scf.for %v18 = %v17 to %c10 step %c10 iter_args(%v19 = %c8, %v20 = %c8, %v21 = %c8, %v22 = %c8, %v23 = %c8, %v24 = %c8, %v25 = %c8, %v26 = %c8) -> (f32, f32, f32, f32, f32, f32, f32, f32) : i32 {
      %v28 = arith.muli %v18, %c11 : i32
      %v29 = arith.muli %v10, %c9 : i32
      %v30 = arith.addi %v28, %v29 : i32
      %v31 = llvm.getelementptr %v9[%v30] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v32 = llvm.load %v31 invariant {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
      %v33 = vector.extract %v32[0] : i32 from vector<4xi32>
      %v34 = arith.shli %v33, %c9 : i32
      %v35 = arith.bitcast %v34 : i32 to f32
      %v36 = arith.andi %v33, %c12 : i32
      %v37 = arith.bitcast %v36 : i32 to f32
      %v38 = vector.extract %v32[1] : i32 from vector<4xi32>
      %v39 = arith.shli %v38, %c9 : i32
      %v40 = arith.bitcast %v39 : i32 to f32
      %v41 = arith.andi %v38, %c12 : i32
      %v42 = arith.bitcast %v41 : i32 to f32
      %v43 = vector.extract %v32[2] : i32 from vector<4xi32>
      %v44 = arith.shli %v43, %c9 : i32
      %v45 = arith.bitcast %v44 : i32 to f32
      %v46 = arith.andi %v43, %c12 : i32
      %v47 = arith.bitcast %v46 : i32 to f32
      %v48 = vector.extract %v32[3] : i32 from vector<4xi32>
      %v49 = arith.shli %v48, %c9 : i32
      %v50 = arith.bitcast %v49 : i32 to f32
      %v51 = arith.andi %v48, %c12 : i32
      %v52 = arith.bitcast %v51 : i32 to f32
      %v53 = arith.muli %v18, %c3 : i32
      %v54 = llvm.getelementptr %v15[%v53] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v55 = llvm.load %v54 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
      %v56 = llvm.intr.fma(%v35, %v55, %v19) : (f32, f32, f32) -> f32
      %v57 = llvm.intr.fma(%v37, %v55, %v20) : (f32, f32, f32) -> f32
      %v58 = llvm.intr.fma(%v40, %v55, %v21) : (f32, f32, f32) -> f32
      %v59 = llvm.intr.fma(%v42, %v55, %v22) : (f32, f32, f32) -> f32
      %v60 = llvm.intr.fma(%v45, %v55, %v23) : (f32, f32, f32) -> f32
      %v61 = llvm.intr.fma(%v47, %v55, %v24) : (f32, f32, f32) -> f32
      %v62 = llvm.intr.fma(%v50, %v55, %v25) : (f32, f32, f32) -> f32
      %v63 = llvm.intr.fma(%v52, %v55, %v26) : (f32, f32, f32) -> f32
      scf.yield %v56, %v57, %v58, %v59, %v60, %v61, %v62, %v63 : f32, f32, f32, f32, f32, f32, f32, f32
    }
    %v64 = arith.select %c13, %v27#0, %v27#0 : f32
    %v65 = arith.select %c13, %v27#1, %v27#1 : f32
    %v66 = arith.select %c13, %v27#2, %v27#2 : f32
    %v67 = arith.select %c13, %v27#3, %v27#3 : f32
    %v68 = arith.select %c13, %v27#4, %v27#4 : f32
    %v69 = arith.select %c13, %v27#5, %v27#5 : f32
    %v70 = arith.select %c13, %v27#6, %v27#6 : f32
    %v71 = arith.select %c13, %v27#7, %v27#7 : f32
    %v72, %v72ok = gpu.shuffle xor %v64, %c9, %c11 : f32
    %v73 = arith.addf %v64, %v72 : f32
    %v74, %v74ok = gpu.shuffle xor %v73, %c14, %c11 : f32
    %v75 = arith.addf %v73, %v74 : f32
    %v76, %v76ok = gpu.shuffle xor %v75, %c3, %c11 : f32
    %v77 = arith.addf %v75, %v76 : f32
    %v78, %v78ok = gpu.shuffle xor %v77, %c15, %c11 : f32
    %v79 = arith.addf %v77, %v78 : f32
    %v80, %v80ok = gpu.shuffle xor %v65, %c9, %c11 : f32
    %v81 = arith.addf %v65, %v80 : f32
    %v82, %v82ok = gpu.shuffle xor %v81, %c14, %c11 : f32
    %v83 = arith.addf %v81, %v82 : f32
    %v84, %v84ok = gpu.shuffle xor %v83, %c3, %c11 : f32
    %v85 = arith.addf %v83, %v84 : f32
    %v86, %v86ok = gpu.shuffle xor %v85, %c15, %c11 : f32
    %v87 = arith.addf %v85, %v86 : f32
    %v88, %v88ok = gpu.shuffle xor %v66, %c9, %c11 : f32
    %v89 = arith.addf %v66, %v88 : f32
    %v90, %v90ok = gpu.shuffle xor %v89, %c14, %c11 : f32
    %v91 = arith.addf %v89, %v90 : f32
    %v92, %v92ok = gpu.shuffle xor %v91, %c3, %c11 : f32
    %v93 = arith.addf %v91, %v92 : f32
    %v94, %v94ok = gpu.shuffle xor %v93, %c15, %c11 : f32
    %v95 = arith.addf %v93, %v94 : f32
    %v96, %v96ok = gpu.shuffle xor %v67, %c9, %c11 : f32
    %v97 = arith.addf %v67, %v96 : f32
    %v98, %v98ok = gpu.shuffle xor %v97, %c14, %c11 : f32
    %v99 = arith.addf %v97, %v98 : f32
    %v100, %v100ok = gpu.shuffle xor %v99, %c3, %c11 : f32
    %v101 = arith.addf %v99, %v100 : f32
    %v102, %v102ok = gpu.shuffle xor %v101, %c15, %c11 : f32
    %v103 = arith.addf %v101, %v102 : f32
    %v104, %v104ok = gpu.shuffle xor %v68, %c9, %c11 : f32
    %v105 = arith.addf %v68, %v104 : f32
    %v106, %v106ok = gpu.shuffle xor %v105, %c14, %c11 : f32
    %v107 = arith.addf %v105, %v106 : f32
    %v108, %v108ok = gpu.shuffle xor %v107, %c3, %c11 : f32
    %v109 = arith.addf %v107, %v108 : f32
    %v110, %v110ok = gpu.shuffle xor %v109, %c15, %c11 : f32
    %v111 = arith.addf %v109, %v110 : f32
    %v112, %v112ok = gpu.shuffle xor %v69, %c9, %c11 : f32
    %v113 = arith.addf %v69, %v112 : f32
    %v114, %v114ok = gpu.shuffle xor %v113, %c14, %c11 : f32
    %v115 = arith.addf %v113, %v114 : f32
    %v116, %v116ok = gpu.shuffle xor %v115, %c3, %c11 : f32
    %v117 = arith.addf %v115, %v116 : f32
    %v118, %v118ok = gpu.shuffle xor %v117, %c15, %c11 : f32
    %v119 = arith.addf %v117, %v118 : f32
    %v120, %v120ok = gpu.shuffle xor %v70, %c9, %c11 : f32
    %v121 = arith.addf %v70, %v120 : f32
    %v122, %v122ok = gpu.shuffle xor %v121, %c14, %c11 : f32
    %v123 = arith.addf %v121, %v122 : f32
    %v124, %v124ok = gpu.shuffle xor %v123, %c3, %c11 : f32
    %v125 = arith.addf %v123, %v124 : f32
    %v126, %v126ok = gpu.shuffle xor %v125, %c15, %c11 : f32
    %v127 = arith.addf %v125, %v126 : f32
    %v128, %v128ok = gpu.shuffle xor %v71, %c9, %c11 : f32
    %v129 = arith.addf %v71, %v128 : f32
    %v130, %v130ok = gpu.shuffle xor %v129, %c14, %c11 : f32
    %v131 = arith.addf %v129, %v130 : f32
    %v132, %v132ok = gpu.shuffle xor %v131, %c3, %c11 : f32
    %v133 = arith.addf %v131, %v132 : f32
    %v134, %v134ok = gpu.shuffle xor %v133, %c15, %c11 : f32
    %v135 = arith.addf %v133, %v134 : f32
    %v136 = llvm.mlir.addressof @matvec_shared0 : !llvm.ptr<3>
    %v137 = arith.cmpi slt, %v2, %c15 : i32
    scf.if %v137 {
      %v138 = arith.addi %v3, %c4 : i32
      %v139 = arith.muli %v138, %c10 : i32
      %v140 = arith.muli %v2, %c11 : i32
      %v141 = arith.addi %v139, %v140 : i32
      %v142 = vector.from_elements %v79, %v87, %v95, %v103 : vector<4xf32>
      %v143 = arith.addi %v141, %c4 : i32
      %v144 = llvm.getelementptr %v136[%v143] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
      llvm.store %v142, %v144 {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<3>
      %v145 = vector.from_elements %v111, %v119, %v127, %v135 : vector<4xf32>
      %v146 = arith.addi %v141, %c9 : i32
      %v147 = llvm.getelementptr %v136[%v146] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
      llvm.store %v145, %v147 {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<3>
    }
    amdgpu.lds_barrier
    scf.for %v148 = %v1 to %c9 step %c16 : i32 {
      %v150 = arith.divui %v148, %c9 : i32
      %v151 = arith.remui %v148, %c9 : i32
      %v152 = arith.addi %v6, %v150 : i32
      %v153 = arith.muli %v4, %c9 : i32
      %v154 = arith.addi %v153, %v151 : i32
      %v155 = arith.shrui %v151, %c3 : i32
      %v156 = arith.muli %v155, %c3 : i32
      %v157 = arith.andi %v151, %c17 : i32
      %v158 = arith.cmpi slt, %v152, %c2 : i32
      %v159 = arith.cmpi slt, %v154, %c10 : i32
      %v160 = arith.andi %v158, %v159 : i1
      scf.if %v160 {
        %v161 = arith.muli %v152, %c10 : i32
        %v162 = arith.addi %v161, %v154 : i32
        %v163 = arith.muli %v150, %c3 : i32
        %v164 = arith.addi %v163, %v156 : i32
        %v165 = arith.addi %v164, %c4 : i32
        %v166 = arith.muli %v165, %c10 : i32
        %v167 = arith.muli %v157, %c3 : i32
        %v168 = arith.addi %v166, %v167 : i32
        %v169 = llvm.getelementptr %v136[%v168] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v170 = llvm.load %v169 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v171 = arith.muli %v150, %c3 : i32
        %v172 = arith.addi %v171, %v156 : i32
        %v173 = arith.addi %v172, %c2 : i32
        %v174 = arith.muli %v173, %c10 : i32
        %v175 = arith.muli %v157, %c3 : i32
        %v176 = arith.addi %v174, %v175 : i32
        %v177 = llvm.getelementptr %v136[%v176] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v178 = llvm.load %v177 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v179 = arith.addf %v170, %v178 : f32
        %v180 = arith.muli %v150, %c3 : i32
        %v181 = arith.addi %v180, %v156 : i32
        %v182 = arith.addi %v181, %c15 : i32
        %v183 = arith.muli %v182, %c10 : i32
        %v184 = arith.muli %v157, %c3 : i32
        %v185 = arith.addi %v183, %v184 : i32
        %v186 = llvm.getelementptr %v136[%v185] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v187 = llvm.load %v186 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v188 = arith.addf %v179, %v187 : f32
        %v189 = arith.muli %v150, %c3 : i32
        %v190 = arith.addi %v189, %v156 : i32
        %v191 = arith.addi %v190, %c5 : i32
        %v192 = arith.muli %v191, %c10 : i32
        %v193 = arith.muli %v157, %c3 : i32
        %v194 = arith.addi %v192, %v193 : i32
        %v195 = llvm.getelementptr %v136[%v194] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v196 = llvm.load %v195 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v197 = arith.addf %v188, %v196 : f32
        %v198 = arith.muli %v162, %c3 : i32
        %v199 = llvm.getelementptr %v1000003[%v198] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        llvm.store %v197, %v199 {alignment = 4 : i64} : f32, !llvm.ptr<1>
      }
    }
    gpu.return
  }
}
}
