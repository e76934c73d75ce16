module attributes {gpu.container_module} {
gpu.module @kernels {
  llvm.mlir.global internal @sparse_up_shared0() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<256 x i8>
  llvm.mlir.global internal @sparse_up_shared1() {addr_space = 3 : i32, alignment = 4 : i64} : !llvm.array<4 x i8>
  gpu.func @sparse_up(%v1000000: !llvm.ptr<1>, %v1000001: !llvm.ptr<1>, %v1000002: !llvm.ptr<1>, %v1000003: !llvm.ptr<1> {llvm.noalias, llvm.readonly}) kernel attributes {gpu.known_block_size = array<i32: 128, 1, 1>, rocdl.flat_work_group_size = "128,128"} {
    %c17 = arith.constant false
    %c7 = arith.constant true
    %c2 = arith.constant 0 : i32
    %c8 = arith.constant 1 : i32
    %c13 = arith.constant 2 : i32
    %c5 = arith.constant 4 : i32
    %c1 = arith.constant 5 : i32
    %c14 = arith.constant 8 : i32
    %c11 = arith.constant 16 : i32
    %c0 = arith.constant 31 : i32
    %c10 = arith.constant 32 : i32
    %c9 = arith.constant 36 : i32
    %c12 = arith.constant 48 : i32
    %c4 = arith.constant 64 : i32
    %c3 = arith.constant 256 : i32
    %c15 = arith.constant 252645135 : i32
    %c16 = arith.constant -8 : i32
    %c6 = arith.constant 0x00000000 : f32
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
    %v8 = llvm.load %v1000000 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %v9 = arith.cmpi slt, %v2, %v8 : i32
    scf.if %v9 {
      amdgpu.lds_barrier
      %v10 = arith.muli %v2, %c3 : i32
      %v11 = llvm.getelementptr %v1000001[%v10] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v12i = gpu.block_id x
      %v12 = arith.index_cast %v12i : index to i32
      %v13 = arith.muli %v12, %c4 : i32
      %v14 = arith.addi %v13, %v1 : i32
      %v15 = arith.cmpi slt, %v1, %c4 : i32
      %v16 = arith.cmpi slt, %v14, %c4 : i32
      %v17 = arith.andi %v15, %v16 : i1
      scf.if %v17 {
        %v18 = arith.muli %v14, %c5 : i32
        %v19 = llvm.getelementptr %v11[%v18] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v20 = llvm.load %v19 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v21 = arith.cmpf oeq, %v20, %c6 : f32
        %v22 = arith.xori %v21, %c7 : i1
        scf.if %v22 {
          %v23 = llvm.atomicrmw add %v6, %c8 monotonic : !llvm.ptr<3>, i32
          %v24 = arith.muli %v23, %c5 : i32
          %v25 = llvm.getelementptr %v5[%v24] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
          llvm.store %v14, %v25 {alignment = 4 : i64} : i32, !llvm.ptr<3>
        }
      }
      amdgpu.lds_barrier
      %v26 = llvm.load %v6 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
      scf.for %v27 = %v4 to %v26 step %c5 : i32 {
        %v29 = arith.muli %v27, %c5 : i32
        %v30 = llvm.getelementptr %v5[%v29] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v31 = llvm.load %v30 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v32 = arith.muli %v31, %c9 : i32
        %v33 = llvm.getelementptr %v1000003[%v32] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v36:1 = scf.for %v34 = %v3 to %c8 step %c10 iter_args(%v35 = %c6) -> (f32) : i32 {
          %v37 = arith.muli %v34, %c5 : i32
          %v38 = llvm.getelementptr %v33[%v37] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v39 = llvm.load %v38 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> vector<2xf16>
          %v40 = arith.muli %v34, %c10 : i32
          %v41 = arith.addi %c5, %v40 : i32
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
          %v55 = arith.muli %v34, %c4 : i32
          %v56 = arith.muli %v2, %c4 : i32
          %v57 = arith.addi %v56, %v55 : i32
          %v58 = llvm.getelementptr %v1000002[%v57] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v59 = llvm.getelementptr %v58[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v60 = llvm.load %v59 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v61 = vector.extract %v60[0] : i32 from vector<4xi32>
          %v62 = vector.extract %v60[1] : i32 from vector<4xi32>
          %v63 = vector.extract %v60[2] : i32 from vector<4xi32>
          %v64 = vector.extract %v60[3] : i32 from vector<4xi32>
          %v65 = llvm.getelementptr %v58[%c11] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v66 = llvm.load %v65 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v67 = vector.extract %v66[0] : i32 from vector<4xi32>
          %v68 = vector.extract %v66[1] : i32 from vector<4xi32>
          %v69 = vector.extract %v66[2] : i32 from vector<4xi32>
          %v70 = vector.extract %v66[3] : i32 from vector<4xi32>
          %v71 = llvm.getelementptr %v58[%c10] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v72 = llvm.load %v71 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v73 = vector.extract %v72[0] : i32 from vector<4xi32>
          %v74 = vector.extract %v72[1] : i32 from vector<4xi32>
          %v75 = vector.extract %v72[2] : i32 from vector<4xi32>
          %v76 = vector.extract %v72[3] : i32 from vector<4xi32>
          %v77 = llvm.getelementptr %v58[%c12] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v78 = llvm.load %v77 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v79 = vector.extract %v78[0] : i32 from vector<4xi32>
          %v80 = vector.extract %v78[1] : i32 from vector<4xi32>
          %v81 = vector.extract %v78[2] : i32 from vector<4xi32>
          %v82 = vector.extract %v78[3] : i32 from vector<4xi32>
          %v83 = arith.muli %v34, %c13 : i32
          %v84 = arith.addi %v83, %c2 : i32
          %v85 = arith.muli %v84, %c8 : i32
          %v86 = arith.addi %v85, %v2 : i32
          %v87 = arith.muli %v86, %c5 : i32
          %v88 = arith.addi %c4, %v87 : i32
          %v89 = llvm.getelementptr %v1000002[%v88] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v90 = llvm.load %v89 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v91 = arith.muli %v84, %c8 : i32
          %v92 = arith.addi %v91, %v2 : i32
          %v93 = arith.muli %v92, %c5 : i32
          %v94 = arith.addi %c4, %v93 : i32
          %v95 = llvm.getelementptr %v1000002[%v94] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v96 = llvm.getelementptr %v95[%c14] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v97 = llvm.load %v96 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
          %v98 = arith.muli %v34, %c13 : i32
          %v99 = arith.addi %v98, %c8 : i32
          %v100 = arith.muli %v99, %c8 : i32
          %v101 = arith.addi %v100, %v2 : i32
          %v102 = arith.muli %v101, %c5 : i32
          %v103 = arith.addi %c4, %v102 : i32
          %v104 = llvm.getelementptr %v1000002[%v103] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v105 = llvm.load %v104 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v106 = arith.muli %v99, %c8 : i32
          %v107 = arith.addi %v106, %v2 : i32
          %v108 = arith.muli %v107, %c5 : i32
          %v109 = arith.addi %c4, %v108 : i32
          %v110 = llvm.getelementptr %v1000002[%v109] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v111 = llvm.getelementptr %v110[%c14] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v112 = llvm.load %v111 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
          llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c2) : (i32) -> ()
          %v113 = vector.extract %v39[0] : f16 from vector<2xf16>
          %v114 = arith.extf %v113 : f16 to f32
          %v115 = arith.mulf %v114, %v90 : f32
          %v116 = arith.muli %v97, %c16 : i32
          %v117 = arith.andi %v45, %c15 : i32
          %v118 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v117, %c7, %v61, %v116, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v119 = arith.andi %v46, %c15 : i32
          %v120 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v119, %c7, %v62, %v118, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v121 = arith.andi %v47, %c15 : i32
          %v122 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v121, %c7, %v63, %v120, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v123 = arith.andi %v48, %c15 : i32
          %v124 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v123, %c7, %v64, %v122, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v125 = arith.andi %v51, %c15 : i32
          %v126 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v125, %c7, %v67, %v124, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v127 = arith.andi %v52, %c15 : i32
          %v128 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v127, %c7, %v68, %v126, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v129 = arith.andi %v53, %c15 : i32
          %v130 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v129, %c7, %v69, %v128, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v131 = arith.andi %v54, %c15 : i32
          %v132 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v131, %c7, %v70, %v130, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v133 = arith.sitofp %v132 : i32 to f32
          %v134 = llvm.intr.fma(%v133, %v115, %v35) : (f32, f32, f32) -> f32
          %v135 = vector.extract %v39[1] : f16 from vector<2xf16>
          %v136 = arith.extf %v135 : f16 to f32
          %v137 = arith.mulf %v136, %v105 : f32
          %v138 = arith.muli %v112, %c16 : i32
          %v139 = arith.shrui %v45, %c5 : i32
          %v140 = arith.andi %v139, %c15 : i32
          %v141 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v140, %c7, %v73, %v138, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v142 = arith.shrui %v46, %c5 : i32
          %v143 = arith.andi %v142, %c15 : i32
          %v144 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v143, %c7, %v74, %v141, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v145 = arith.shrui %v47, %c5 : i32
          %v146 = arith.andi %v145, %c15 : i32
          %v147 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v146, %c7, %v75, %v144, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v148 = arith.shrui %v48, %c5 : i32
          %v149 = arith.andi %v148, %c15 : i32
          %v150 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v149, %c7, %v76, %v147, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v151 = arith.shrui %v51, %c5 : i32
          %v152 = arith.andi %v151, %c15 : i32
          %v153 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v152, %c7, %v79, %v150, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v154 = arith.shrui %v52, %c5 : i32
          %v155 = arith.andi %v154, %c15 : i32
          %v156 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v155, %c7, %v80, %v153, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v157 = arith.shrui %v53, %c5 : i32
          %v158 = arith.andi %v157, %c15 : i32
          %v159 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v158, %c7, %v81, %v156, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v160 = arith.shrui %v54, %c5 : i32
          %v161 = arith.andi %v160, %c15 : i32
          %v162 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v161, %c7, %v82, %v159, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v163 = arith.sitofp %v162 : i32 to f32
          %v164 = llvm.intr.fma(%v163, %v137, %v134) : (f32, f32, f32) -> f32
          scf.yield %v164 : f32
        }
        %v165 = arith.select %c7, %v36#0, %v36#0 : f32
        %v166, %v166ok = gpu.shuffle xor %v165, %c11, %c10 : f32
        %v167 = arith.addf %v165, %v166 : f32
        %v168, %v168ok = gpu.shuffle xor %v167, %c14, %c10 : f32
        %v169 = arith.addf %v167, %v168 : f32
        %v170, %v170ok = gpu.shuffle xor %v169, %c5, %c10 : f32
        %v171 = arith.addf %v169, %v170 : f32
        %v172, %v172ok = gpu.shuffle xor %v171, %c13, %c10 : f32
        %v173 = arith.addf %v171, %v172 : f32
        %v174, %v174ok = gpu.shuffle xor %v173, %c8, %c10 : f32
        %v175 = arith.addf %v173, %v174 : f32
        %v176 = arith.cmpi eq, %v3, %c2 : i32
        scf.if %v176 {
          %v177 = arith.muli %v31, %c5 : i32
          %v178 = llvm.getelementptr %v11[%v177] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v179 = llvm.load %v178 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v180 = arith.mulf %v179, %v175 : f32
          llvm.store %v180, %v178 {alignment = 4 : i64} : f32, !llvm.ptr<1>
        }
      }
    }
    gpu.return
  }
}
}
