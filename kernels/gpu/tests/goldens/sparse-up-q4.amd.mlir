module attributes {gpu.container_module} {
gpu.module @kernels {
  llvm.mlir.global internal @sparse_up_shared0() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<256 x i8>
  llvm.mlir.global internal @sparse_up_shared1() {addr_space = 3 : i32, alignment = 4 : i64} : !llvm.array<4 x i8>
  gpu.func @sparse_up(%v1000000: !llvm.ptr<1>, %v1000001: !llvm.ptr<1>, %v1000002: !llvm.ptr<1>, %v1000003: !llvm.ptr<1> {llvm.noalias, llvm.readonly}) kernel attributes {gpu.known_block_size = array<i32: 128, 1, 1>, rocdl.flat_work_group_size = "128,128"} {
    %c16 = arith.constant false
    %c8 = arith.constant true
    %c2 = arith.constant 0 : i32
    %c3 = arith.constant 1 : i32
    %c12 = arith.constant 2 : i32
    %c6 = arith.constant 4 : i32
    %c1 = arith.constant 5 : i32
    %c13 = arith.constant 8 : i32
    %c11 = arith.constant 16 : i32
    %c0 = arith.constant 31 : i32
    %c10 = arith.constant 32 : i32
    %c9 = arith.constant 36 : i32
    %c5 = arith.constant 64 : i32
    %c4 = arith.constant 256 : i32
    %c14 = arith.constant 252645135 : i32
    %c15 = arith.constant -8 : i32
    %c7 = arith.constant 0x00000000 : f32
    %v1i = gpu.thread_id x
    %v1 = arith.index_cast %v1i : index to i32
    %v2i = gpu.block_id y
    %v2 = arith.index_cast %v2i : index to i32
    %v3 = arith.andi %v1, %c0 : i32
    %v4 = arith.shrui %v1, %c1 : i32
    %v5 = llvm.mlir.addressof @sparse_up_shared0 : !llvm.ptr<3>
    %v6 = llvm.mlir.addressof @sparse_up_shared1 : !llvm.ptr<3>
    %v7 = arith.cmpi eq, %v1, %c2 : i32
    scf.if %v7 {
      llvm.store %c2, %v6 {alignment = 4 : i64} : i32, !llvm.ptr<3>
    }
    llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c2) : (i32) -> ()
    %v8 = arith.cmpi slt, %v2, %c3 : i32
    scf.if %v8 {
      amdgpu.lds_barrier
      %v9 = arith.muli %v2, %c4 : i32
      %v10 = llvm.getelementptr %v1000001[%v9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v11i = gpu.block_id x
      %v11 = arith.index_cast %v11i : index to i32
      %v12 = arith.muli %v11, %c5 : i32
      %v13 = arith.addi %v1, %c2 : i32
      %v14 = arith.addi %v12, %v13 : i32
      %v15 = arith.cmpi slt, %v13, %c5 : i32
      %v16 = arith.cmpi slt, %v14, %c5 : i32
      %v17 = arith.andi %v15, %v16 : i1
      scf.if %v17 {
        %v18 = arith.muli %v14, %c6 : i32
        %v19 = llvm.getelementptr %v10[%v18] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v20 = llvm.load %v19 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v21 = arith.cmpf oeq, %v20, %c7 : f32
        %v22 = arith.xori %v21, %c8 : i1
        scf.if %v22 {
          %v23 = llvm.atomicrmw add %v6, %c3 monotonic : !llvm.ptr<3>, i32
          %v24 = arith.muli %v23, %c6 : i32
          %v25 = llvm.getelementptr %v5[%v24] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
          llvm.store %v14, %v25 {alignment = 4 : i64} : i32, !llvm.ptr<3>
        }
      }
      amdgpu.lds_barrier
      %v26 = llvm.load %v6 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
      scf.for %v27 = %v4 to %v26 step %c6 : i32 {
        %v29 = arith.muli %v27, %c6 : i32
        %v30 = llvm.getelementptr %v5[%v29] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v31 = llvm.load %v30 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v32 = arith.muli %v31, %c9 : i32
        %v33 = llvm.getelementptr %v1000003[%v32] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v36:1 = scf.for %v34 = %v3 to %c3 step %c10 iter_args(%v35 = %c7) -> (f32) : i32 {
          %v37 = arith.muli %v34, %c6 : i32
          %v38 = llvm.getelementptr %v33[%v37] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v39 = llvm.load %v38 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> vector<2xf16>
          %v40 = arith.muli %v34, %c10 : i32
          %v41 = arith.addi %c6, %v40 : i32
          %v42 = llvm.getelementptr %v33[%v41] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v43 = llvm.getelementptr %v42[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v44 = llvm.load %v43 {alignment = 4 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v45 = vector.extract %v44[0] : i32 from vector<4xi32>
          %v46 = vector.extract %v44[1] : i32 from vector<4xi32>
          %v47 = vector.extract %v44[2] : i32 from vector<4xi32>
          %v48 = vector.extract %v44[3] : i32 from vector<4xi32>
          %v49 = llvm.getelementptr %v42[%c11] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v50 = llvm.load %v49 {alignment = 4 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v51 = vector.extract %v50[0] : i32 from vector<4xi32>
          %v52 = vector.extract %v50[1] : i32 from vector<4xi32>
          %v53 = vector.extract %v50[2] : i32 from vector<4xi32>
          %v54 = vector.extract %v50[3] : i32 from vector<4xi32>
          %v55 = arith.muli %v34, %c12 : i32
          %v56 = arith.addi %v55, %c2 : i32
          %v57 = arith.muli %v56, %c3 : i32
          %v58 = arith.addi %v57, %v2 : i32
          %v59 = arith.muli %v58, %c10 : i32
          %v60 = arith.addi %v59, %c2 : i32
          %v61 = llvm.getelementptr %v1000002[%v60] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v62 = llvm.getelementptr %v61[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v63 = llvm.load %v62 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v64 = vector.extract %v63[0] : i32 from vector<4xi32>
          %v65 = vector.extract %v63[1] : i32 from vector<4xi32>
          %v66 = vector.extract %v63[2] : i32 from vector<4xi32>
          %v67 = vector.extract %v63[3] : i32 from vector<4xi32>
          %v68 = arith.muli %v34, %c12 : i32
          %v69 = arith.addi %v68, %c2 : i32
          %v70 = arith.muli %v69, %c3 : i32
          %v71 = arith.addi %v70, %v2 : i32
          %v72 = arith.muli %v71, %c10 : i32
          %v73 = arith.addi %v72, %c2 : i32
          %v74 = llvm.getelementptr %v1000002[%v73] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v75 = llvm.getelementptr %v74[%c11] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v76 = llvm.load %v75 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v77 = vector.extract %v76[0] : i32 from vector<4xi32>
          %v78 = vector.extract %v76[1] : i32 from vector<4xi32>
          %v79 = vector.extract %v76[2] : i32 from vector<4xi32>
          %v80 = vector.extract %v76[3] : i32 from vector<4xi32>
          %v81 = arith.muli %v34, %c12 : i32
          %v82 = arith.addi %v81, %c3 : i32
          %v83 = arith.muli %v82, %c3 : i32
          %v84 = arith.addi %v83, %v2 : i32
          %v85 = arith.muli %v84, %c10 : i32
          %v86 = arith.addi %v85, %c2 : i32
          %v87 = llvm.getelementptr %v1000002[%v86] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v88 = llvm.getelementptr %v87[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v89 = llvm.load %v88 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v90 = vector.extract %v89[0] : i32 from vector<4xi32>
          %v91 = vector.extract %v89[1] : i32 from vector<4xi32>
          %v92 = vector.extract %v89[2] : i32 from vector<4xi32>
          %v93 = vector.extract %v89[3] : i32 from vector<4xi32>
          %v94 = arith.muli %v34, %c12 : i32
          %v95 = arith.addi %v94, %c3 : i32
          %v96 = arith.muli %v95, %c3 : i32
          %v97 = arith.addi %v96, %v2 : i32
          %v98 = arith.muli %v97, %c10 : i32
          %v99 = arith.addi %v98, %c2 : i32
          %v100 = llvm.getelementptr %v1000002[%v99] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v101 = llvm.getelementptr %v100[%c11] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v102 = llvm.load %v101 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v103 = vector.extract %v102[0] : i32 from vector<4xi32>
          %v104 = vector.extract %v102[1] : i32 from vector<4xi32>
          %v105 = vector.extract %v102[2] : i32 from vector<4xi32>
          %v106 = vector.extract %v102[3] : i32 from vector<4xi32>
          %v107 = arith.muli %v34, %c12 : i32
          %v108 = arith.addi %v107, %c2 : i32
          %v109 = arith.muli %v108, %c3 : i32
          %v110 = arith.addi %v109, %v2 : i32
          %v111 = arith.muli %v110, %c6 : i32
          %v112 = arith.addi %c5, %v111 : i32
          %v113 = llvm.getelementptr %v1000002[%v112] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v114 = llvm.load %v113 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v115 = arith.muli %v108, %c3 : i32
          %v116 = arith.addi %v115, %v2 : i32
          %v117 = arith.muli %v116, %c6 : i32
          %v118 = arith.addi %c5, %v117 : i32
          %v119 = llvm.getelementptr %v1000002[%v118] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v120 = llvm.getelementptr %v119[%c13] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v121 = llvm.load %v120 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
          %v122 = arith.muli %v34, %c12 : i32
          %v123 = arith.addi %v122, %c3 : i32
          %v124 = arith.muli %v123, %c3 : i32
          %v125 = arith.addi %v124, %v2 : i32
          %v126 = arith.muli %v125, %c6 : i32
          %v127 = arith.addi %c5, %v126 : i32
          %v128 = llvm.getelementptr %v1000002[%v127] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v129 = llvm.load %v128 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v130 = arith.muli %v123, %c3 : i32
          %v131 = arith.addi %v130, %v2 : i32
          %v132 = arith.muli %v131, %c6 : i32
          %v133 = arith.addi %c5, %v132 : i32
          %v134 = llvm.getelementptr %v1000002[%v133] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v135 = llvm.getelementptr %v134[%c13] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v136 = llvm.load %v135 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
          llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c2) : (i32) -> ()
          %v137 = vector.extract %v39[0] : f16 from vector<2xf16>
          %v138 = arith.extf %v137 : f16 to f32
          %v139 = arith.mulf %v138, %v114 : f32
          %v140 = arith.muli %v121, %c15 : i32
          %v141 = arith.andi %v45, %c14 : i32
          %v142 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v141, %c8, %v64, %v140, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v143 = arith.andi %v46, %c14 : i32
          %v144 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v143, %c8, %v65, %v142, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v145 = arith.andi %v47, %c14 : i32
          %v146 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v145, %c8, %v66, %v144, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v147 = arith.andi %v48, %c14 : i32
          %v148 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v147, %c8, %v67, %v146, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v149 = arith.andi %v51, %c14 : i32
          %v150 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v149, %c8, %v77, %v148, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v151 = arith.andi %v52, %c14 : i32
          %v152 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v151, %c8, %v78, %v150, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v153 = arith.andi %v53, %c14 : i32
          %v154 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v153, %c8, %v79, %v152, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v155 = arith.andi %v54, %c14 : i32
          %v156 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v155, %c8, %v80, %v154, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v157 = arith.sitofp %v156 : i32 to f32
          %v158 = llvm.intr.fma(%v157, %v139, %v35) : (f32, f32, f32) -> f32
          %v159 = vector.extract %v39[1] : f16 from vector<2xf16>
          %v160 = arith.extf %v159 : f16 to f32
          %v161 = arith.mulf %v160, %v129 : f32
          %v162 = arith.muli %v136, %c15 : i32
          %v163 = arith.shrui %v45, %c6 : i32
          %v164 = arith.andi %v163, %c14 : i32
          %v165 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v164, %c8, %v90, %v162, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v166 = arith.shrui %v46, %c6 : i32
          %v167 = arith.andi %v166, %c14 : i32
          %v168 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v167, %c8, %v91, %v165, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v169 = arith.shrui %v47, %c6 : i32
          %v170 = arith.andi %v169, %c14 : i32
          %v171 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v170, %c8, %v92, %v168, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v172 = arith.shrui %v48, %c6 : i32
          %v173 = arith.andi %v172, %c14 : i32
          %v174 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v173, %c8, %v93, %v171, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v175 = arith.shrui %v51, %c6 : i32
          %v176 = arith.andi %v175, %c14 : i32
          %v177 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v176, %c8, %v103, %v174, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v178 = arith.shrui %v52, %c6 : i32
          %v179 = arith.andi %v178, %c14 : i32
          %v180 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v179, %c8, %v104, %v177, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v181 = arith.shrui %v53, %c6 : i32
          %v182 = arith.andi %v181, %c14 : i32
          %v183 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v182, %c8, %v105, %v180, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v184 = arith.shrui %v54, %c6 : i32
          %v185 = arith.andi %v184, %c14 : i32
          %v186 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v185, %c8, %v106, %v183, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v187 = arith.sitofp %v186 : i32 to f32
          %v188 = llvm.intr.fma(%v187, %v161, %v158) : (f32, f32, f32) -> f32
          scf.yield %v188 : f32
        }
        %v189 = arith.select %c8, %v36#0, %v36#0 : f32
        %v190, %v190ok = gpu.shuffle xor %v189, %c11, %c10 : f32
        %v191 = arith.addf %v189, %v190 : f32
        %v192, %v192ok = gpu.shuffle xor %v191, %c13, %c10 : f32
        %v193 = arith.addf %v191, %v192 : f32
        %v194, %v194ok = gpu.shuffle xor %v193, %c6, %c10 : f32
        %v195 = arith.addf %v193, %v194 : f32
        %v196, %v196ok = gpu.shuffle xor %v195, %c12, %c10 : f32
        %v197 = arith.addf %v195, %v196 : f32
        %v198, %v198ok = gpu.shuffle xor %v197, %c3, %c10 : f32
        %v199 = arith.addf %v197, %v198 : f32
        %v200 = arith.cmpi eq, %v3, %c2 : i32
        scf.if %v200 {
          %v201 = arith.muli %v31, %c6 : i32
          %v202 = llvm.getelementptr %v10[%v201] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v203 = llvm.load %v202 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v204 = arith.mulf %v203, %v199 : f32
          llvm.store %v204, %v202 {alignment = 4 : i64} : f32, !llvm.ptr<1>
        }
      }
    }
    gpu.return
  }
}
}
