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
    %v12 = arith.muli %c4, %c7 : i32
    %v13 = llvm.getelementptr %v1000001[%v12] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %v14 = arith.muli %v7, %c9 : i32
    %v15 = arith.addi %v14, %v11 : i32
    %v25:8 = scf.for %v16 = %v15 to %c10 step %c10 iter_args(%v17 = %c8, %v18 = %c8, %v19 = %c8, %v20 = %c8, %v21 = %c8, %v22 = %c8, %v23 = %c8, %v24 = %c8) -> (f32, f32, f32, f32, f32, f32, f32, f32) : i32 {
      %v26 = arith.muli %v16, %c11 : i32
      %v27 = arith.muli %v10, %c9 : i32
      %v28 = arith.addi %v26, %v27 : i32
      %v29 = llvm.getelementptr %v9[%v28] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v30 = llvm.load %v29 invariant {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
      %v31 = vector.extract %v30[0] : i32 from vector<4xi32>
      %v32 = arith.shli %v31, %c9 : i32
      %v33 = arith.bitcast %v32 : i32 to f32
      %v34 = arith.andi %v31, %c12 : i32
      %v35 = arith.bitcast %v34 : i32 to f32
      %v36 = vector.extract %v30[1] : i32 from vector<4xi32>
      %v37 = arith.shli %v36, %c9 : i32
      %v38 = arith.bitcast %v37 : i32 to f32
      %v39 = arith.andi %v36, %c12 : i32
      %v40 = arith.bitcast %v39 : i32 to f32
      %v41 = vector.extract %v30[2] : i32 from vector<4xi32>
      %v42 = arith.shli %v41, %c9 : i32
      %v43 = arith.bitcast %v42 : i32 to f32
      %v44 = arith.andi %v41, %c12 : i32
      %v45 = arith.bitcast %v44 : i32 to f32
      %v46 = vector.extract %v30[3] : i32 from vector<4xi32>
      %v47 = arith.shli %v46, %c9 : i32
      %v48 = arith.bitcast %v47 : i32 to f32
      %v49 = arith.andi %v46, %c12 : i32
      %v50 = arith.bitcast %v49 : i32 to f32
      %v51 = arith.muli %v16, %c3 : i32
      %v52 = llvm.getelementptr %v13[%v51] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v53 = llvm.load %v52 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
      %v54 = llvm.intr.fma(%v33, %v53, %v17) : (f32, f32, f32) -> f32
      %v55 = llvm.intr.fma(%v35, %v53, %v18) : (f32, f32, f32) -> f32
      %v56 = llvm.intr.fma(%v38, %v53, %v19) : (f32, f32, f32) -> f32
      %v57 = llvm.intr.fma(%v40, %v53, %v20) : (f32, f32, f32) -> f32
      %v58 = llvm.intr.fma(%v43, %v53, %v21) : (f32, f32, f32) -> f32
      %v59 = llvm.intr.fma(%v45, %v53, %v22) : (f32, f32, f32) -> f32
      %v60 = llvm.intr.fma(%v48, %v53, %v23) : (f32, f32, f32) -> f32
      %v61 = llvm.intr.fma(%v50, %v53, %v24) : (f32, f32, f32) -> f32
      scf.yield %v54, %v55, %v56, %v57, %v58, %v59, %v60, %v61 : f32, f32, f32, f32, f32, f32, f32, f32
    }
    %v62 = arith.select %c13, %v25#0, %v25#0 : f32
    %v63 = arith.select %c13, %v25#1, %v25#1 : f32
    %v64 = arith.select %c13, %v25#2, %v25#2 : f32
    %v65 = arith.select %c13, %v25#3, %v25#3 : f32
    %v66 = arith.select %c13, %v25#4, %v25#4 : f32
    %v67 = arith.select %c13, %v25#5, %v25#5 : f32
    %v68 = arith.select %c13, %v25#6, %v25#6 : f32
    %v69 = arith.select %c13, %v25#7, %v25#7 : f32
    %v70, %v70ok = gpu.shuffle xor %v62, %c9, %c11 : f32
    %v71 = arith.addf %v62, %v70 : f32
    %v72, %v72ok = gpu.shuffle xor %v71, %c14, %c11 : f32
    %v73 = arith.addf %v71, %v72 : f32
    %v74, %v74ok = gpu.shuffle xor %v73, %c3, %c11 : f32
    %v75 = arith.addf %v73, %v74 : f32
    %v76, %v76ok = gpu.shuffle xor %v75, %c15, %c11 : f32
    %v77 = arith.addf %v75, %v76 : f32
    %v78, %v78ok = gpu.shuffle xor %v63, %c9, %c11 : f32
    %v79 = arith.addf %v63, %v78 : f32
    %v80, %v80ok = gpu.shuffle xor %v79, %c14, %c11 : f32
    %v81 = arith.addf %v79, %v80 : f32
    %v82, %v82ok = gpu.shuffle xor %v81, %c3, %c11 : f32
    %v83 = arith.addf %v81, %v82 : f32
    %v84, %v84ok = gpu.shuffle xor %v83, %c15, %c11 : f32
    %v85 = arith.addf %v83, %v84 : f32
    %v86, %v86ok = gpu.shuffle xor %v64, %c9, %c11 : f32
    %v87 = arith.addf %v64, %v86 : f32
    %v88, %v88ok = gpu.shuffle xor %v87, %c14, %c11 : f32
    %v89 = arith.addf %v87, %v88 : f32
    %v90, %v90ok = gpu.shuffle xor %v89, %c3, %c11 : f32
    %v91 = arith.addf %v89, %v90 : f32
    %v92, %v92ok = gpu.shuffle xor %v91, %c15, %c11 : f32
    %v93 = arith.addf %v91, %v92 : f32
    %v94, %v94ok = gpu.shuffle xor %v65, %c9, %c11 : f32
    %v95 = arith.addf %v65, %v94 : f32
    %v96, %v96ok = gpu.shuffle xor %v95, %c14, %c11 : f32
    %v97 = arith.addf %v95, %v96 : f32
    %v98, %v98ok = gpu.shuffle xor %v97, %c3, %c11 : f32
    %v99 = arith.addf %v97, %v98 : f32
    %v100, %v100ok = gpu.shuffle xor %v99, %c15, %c11 : f32
    %v101 = arith.addf %v99, %v100 : f32
    %v102, %v102ok = gpu.shuffle xor %v66, %c9, %c11 : f32
    %v103 = arith.addf %v66, %v102 : f32
    %v104, %v104ok = gpu.shuffle xor %v103, %c14, %c11 : f32
    %v105 = arith.addf %v103, %v104 : f32
    %v106, %v106ok = gpu.shuffle xor %v105, %c3, %c11 : f32
    %v107 = arith.addf %v105, %v106 : f32
    %v108, %v108ok = gpu.shuffle xor %v107, %c15, %c11 : f32
    %v109 = arith.addf %v107, %v108 : f32
    %v110, %v110ok = gpu.shuffle xor %v67, %c9, %c11 : f32
    %v111 = arith.addf %v67, %v110 : f32
    %v112, %v112ok = gpu.shuffle xor %v111, %c14, %c11 : f32
    %v113 = arith.addf %v111, %v112 : f32
    %v114, %v114ok = gpu.shuffle xor %v113, %c3, %c11 : f32
    %v115 = arith.addf %v113, %v114 : f32
    %v116, %v116ok = gpu.shuffle xor %v115, %c15, %c11 : f32
    %v117 = arith.addf %v115, %v116 : f32
    %v118, %v118ok = gpu.shuffle xor %v68, %c9, %c11 : f32
    %v119 = arith.addf %v68, %v118 : f32
    %v120, %v120ok = gpu.shuffle xor %v119, %c14, %c11 : f32
    %v121 = arith.addf %v119, %v120 : f32
    %v122, %v122ok = gpu.shuffle xor %v121, %c3, %c11 : f32
    %v123 = arith.addf %v121, %v122 : f32
    %v124, %v124ok = gpu.shuffle xor %v123, %c15, %c11 : f32
    %v125 = arith.addf %v123, %v124 : f32
    %v126, %v126ok = gpu.shuffle xor %v69, %c9, %c11 : f32
    %v127 = arith.addf %v69, %v126 : f32
    %v128, %v128ok = gpu.shuffle xor %v127, %c14, %c11 : f32
    %v129 = arith.addf %v127, %v128 : f32
    %v130, %v130ok = gpu.shuffle xor %v129, %c3, %c11 : f32
    %v131 = arith.addf %v129, %v130 : f32
    %v132, %v132ok = gpu.shuffle xor %v131, %c15, %c11 : f32
    %v133 = arith.addf %v131, %v132 : f32
    %v134 = llvm.mlir.addressof @matvec_shared0 : !llvm.ptr<3>
    %v135 = arith.cmpi slt, %v2, %c15 : i32
    scf.if %v135 {
      %v136 = arith.addi %v3, %c4 : i32
      %v137 = arith.muli %v136, %c10 : i32
      %v138 = arith.muli %v2, %c11 : i32
      %v139 = arith.addi %v137, %v138 : i32
      %v140 = vector.from_elements %v77, %v85, %v93, %v101 : vector<4xf32>
      %v141 = arith.addi %v139, %c4 : i32
      %v142 = llvm.getelementptr %v134[%v141] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
      llvm.store %v140, %v142 {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<3>
      %v143 = vector.from_elements %v109, %v117, %v125, %v133 : vector<4xf32>
      %v144 = arith.addi %v139, %c9 : i32
      %v145 = llvm.getelementptr %v134[%v144] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
      llvm.store %v143, %v145 {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<3>
    }
    amdgpu.lds_barrier
    scf.for %v146 = %v1 to %c9 step %c16 : i32 {
      %v148 = arith.divui %v146, %c9 : i32
      %v149 = arith.remui %v146, %c9 : i32
      %v150 = arith.addi %v6, %v148 : i32
      %v151 = arith.muli %v4, %c9 : i32
      %v152 = arith.addi %v151, %v149 : i32
      %v153 = arith.shrui %v149, %c3 : i32
      %v154 = arith.muli %v153, %c3 : i32
      %v155 = arith.andi %v149, %c17 : i32
      %v156 = arith.cmpi slt, %v150, %c2 : i32
      %v157 = arith.cmpi slt, %v152, %c10 : i32
      %v158 = arith.andi %v156, %v157 : i1
      scf.if %v158 {
        %v159 = arith.muli %v150, %c10 : i32
        %v160 = arith.addi %v159, %v152 : i32
        %v161 = arith.muli %v148, %c3 : i32
        %v162 = arith.addi %v161, %v154 : i32
        %v163 = arith.addi %v162, %c4 : i32
        %v164 = arith.muli %v163, %c10 : i32
        %v165 = arith.muli %v155, %c3 : i32
        %v166 = arith.addi %v164, %v165 : i32
        %v167 = llvm.getelementptr %v134[%v166] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v168 = llvm.load %v167 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v169 = arith.muli %v148, %c3 : i32
        %v170 = arith.addi %v169, %v154 : i32
        %v171 = arith.addi %v170, %c2 : i32
        %v172 = arith.muli %v171, %c10 : i32
        %v173 = arith.muli %v155, %c3 : i32
        %v174 = arith.addi %v172, %v173 : i32
        %v175 = llvm.getelementptr %v134[%v174] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v176 = llvm.load %v175 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v177 = arith.addf %v168, %v176 : f32
        %v178 = arith.muli %v148, %c3 : i32
        %v179 = arith.addi %v178, %v154 : i32
        %v180 = arith.addi %v179, %c15 : i32
        %v181 = arith.muli %v180, %c10 : i32
        %v182 = arith.muli %v155, %c3 : i32
        %v183 = arith.addi %v181, %v182 : i32
        %v184 = llvm.getelementptr %v134[%v183] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v185 = llvm.load %v184 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v186 = arith.addf %v177, %v185 : f32
        %v187 = arith.muli %v148, %c3 : i32
        %v188 = arith.addi %v187, %v154 : i32
        %v189 = arith.addi %v188, %c5 : i32
        %v190 = arith.muli %v189, %c10 : i32
        %v191 = arith.muli %v155, %c3 : i32
        %v192 = arith.addi %v190, %v191 : i32
        %v193 = llvm.getelementptr %v134[%v192] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v194 = llvm.load %v193 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v195 = arith.addf %v186, %v194 : f32
        %v196 = arith.muli %v160, %c3 : i32
        %v197 = llvm.getelementptr %v1000003[%v196] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        llvm.store %v195, %v197 {alignment = 4 : i64} : f32, !llvm.ptr<1>
      }
    }
    gpu.return
  }
}
}
