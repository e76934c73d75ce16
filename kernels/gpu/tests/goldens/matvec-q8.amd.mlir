module attributes {gpu.container_module} {
gpu.module @kernels {
  llvm.mlir.global internal @matvec_shared0() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<128 x i8>
  gpu.func @matvec(%v1000000: !llvm.ptr<1>, %v1000001: !llvm.ptr<1>, %v1000002: !llvm.ptr<1> {llvm.noalias, llvm.readonly}, %v1000003: !llvm.ptr<1>) kernel attributes {gpu.known_block_size = array<i32: 64, 1, 1>, rocdl.flat_work_group_size = "64,64"} {
    %c17 = arith.constant false
    %c16 = arith.constant true
    %c4 = arith.constant 0 : i32
    %c2 = arith.constant 1 : i32
    %c3 = arith.constant 2 : i32
    %c5 = arith.constant 3 : i32
    %c8 = arith.constant 4 : i32
    %c1 = arith.constant 5 : i32
    %c7 = arith.constant 7 : i32
    %c13 = arith.constant 8 : i32
    %c19 = arith.constant 15 : i32
    %c12 = arith.constant 16 : i32
    %c0 = arith.constant 31 : i32
    %c11 = arith.constant 32 : i32
    %c14 = arith.constant 64 : i32
    %c10 = arith.constant 544 : i32
    %c6 = arith.constant 1088 : i32
    %c15 = arith.constant 16843009 : i32
    %c18 = arith.constant -128 : i32
    %c9 = arith.constant 0x00000000 : f32
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
    %v10 = arith.andi %v2, %c5 : i32
    %v11 = arith.shrui %v2, %c3 : i32
    %v12 = arith.andi %v11, %c7 : i32
    %v13 = arith.shrui %v2, %c8 : i32
    %v14 = arith.addi %c4, %c4 : i32
    %v15 = arith.muli %v14, %c3 : i32
    %v16 = arith.addi %v15, %v7 : i32
    %v17 = arith.muli %v16, %c10 : i32
    %v18 = llvm.getelementptr %v9[%v17] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %v19 = arith.muli %v2, %c12 : i32
    %v20 = arith.addi %c11, %v19 : i32
    %v21 = llvm.getelementptr %v18[%v20] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %v22 = llvm.load %v21 invariant {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
    %v23 = arith.muli %v10, %c13 : i32
    %v24 = llvm.getelementptr %v18[%v23] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %v25 = llvm.load %v24 invariant {alignment = 8 : i64} : !llvm.ptr<1> -> vector<4xf16>
    llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c4) : (i32) -> ()
    %v26 = llvm.load %v1000000 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %v27 = arith.addi %v6, %c4 : i32
    %v28 = arith.cmpi slt, %v27, %v26 : i32
    %v29 = arith.select %v28, %v27, %c4 : i32
    %v30 = arith.muli %v16, %c11 : i32
    %v31 = arith.muli %v29, %c14 : i32
    %v32 = arith.addi %v31, %v30 : i32
    %v33 = llvm.getelementptr %v1000001[%v32] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %v34 = arith.muli %v12, %c8 : i32
    %v35 = llvm.getelementptr %v33[%v34] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %v36 = arith.muli %v16, %c2 : i32
    %v37 = arith.addi %v36, %v29 : i32
    %v38 = arith.muli %v37, %c8 : i32
    %v39 = arith.addi %c14, %v38 : i32
    %v40 = llvm.getelementptr %v1000001[%v39] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %v41 = llvm.load %v40 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
    %v42 = llvm.load %v35 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c4) : (i32) -> ()
    %v43 = vector.extract %v25[0] : f16 from vector<4xf16>
    %v44 = arith.extf %v43 : f16 to f32
    %v45 = vector.extract %v25[1] : f16 from vector<4xf16>
    %v46 = arith.extf %v45 : f16 to f32
    %v47 = vector.extract %v25[2] : f16 from vector<4xf16>
    %v48 = arith.extf %v47 : f16 to f32
    %v49 = vector.extract %v25[3] : f16 from vector<4xf16>
    %v50 = arith.extf %v49 : f16 to f32
    %v51 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %c15, %c16, %v42, %c4, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
    %v52 = arith.muli %v51, %c18 : i32
    %v53 = vector.extract %v22[0] : i32 from vector<4xi32>
    %v54 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v53, %c16, %v42, %v52, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
    %v55 = vector.extract %v22[1] : i32 from vector<4xi32>
    %v56 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v55, %c16, %v42, %v52, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
    %v57 = vector.extract %v22[2] : i32 from vector<4xi32>
    %v58 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v57, %c16, %v42, %v52, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
    %v59 = vector.extract %v22[3] : i32 from vector<4xi32>
    %v60 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v59, %c16, %v42, %v52, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
    %v61 = arith.sitofp %v54 : i32 to f32
    %v62 = arith.mulf %v61, %v41 : f32
    %v63 = llvm.intr.fma(%v62, %v44, %c9) : (f32, f32, f32) -> f32
    %v64 = arith.sitofp %v56 : i32 to f32
    %v65 = arith.mulf %v64, %v41 : f32
    %v66 = llvm.intr.fma(%v65, %v46, %c9) : (f32, f32, f32) -> f32
    %v67 = arith.sitofp %v58 : i32 to f32
    %v68 = arith.mulf %v67, %v41 : f32
    %v69 = llvm.intr.fma(%v68, %v48, %c9) : (f32, f32, f32) -> f32
    %v70 = arith.sitofp %v60 : i32 to f32
    %v71 = arith.mulf %v70, %v41 : f32
    %v72 = llvm.intr.fma(%v71, %v50, %c9) : (f32, f32, f32) -> f32
    %v73, %v73ok = gpu.shuffle xor %v63, %c12, %c11 : f32
    %v74 = arith.addf %v63, %v73 : f32
    %v75, %v75ok = gpu.shuffle xor %v74, %c13, %c11 : f32
    %v76 = arith.addf %v74, %v75 : f32
    %v77, %v77ok = gpu.shuffle xor %v76, %c8, %c11 : f32
    %v78 = arith.addf %v76, %v77 : f32
    %v79, %v79ok = gpu.shuffle xor %v66, %c12, %c11 : f32
    %v80 = arith.addf %v66, %v79 : f32
    %v81, %v81ok = gpu.shuffle xor %v80, %c13, %c11 : f32
    %v82 = arith.addf %v80, %v81 : f32
    %v83, %v83ok = gpu.shuffle xor %v82, %c8, %c11 : f32
    %v84 = arith.addf %v82, %v83 : f32
    %v85, %v85ok = gpu.shuffle xor %v69, %c12, %c11 : f32
    %v86 = arith.addf %v69, %v85 : f32
    %v87, %v87ok = gpu.shuffle xor %v86, %c13, %c11 : f32
    %v88 = arith.addf %v86, %v87 : f32
    %v89, %v89ok = gpu.shuffle xor %v88, %c8, %c11 : f32
    %v90 = arith.addf %v88, %v89 : f32
    %v91, %v91ok = gpu.shuffle xor %v72, %c12, %c11 : f32
    %v92 = arith.addf %v72, %v91 : f32
    %v93, %v93ok = gpu.shuffle xor %v92, %c13, %c11 : f32
    %v94 = arith.addf %v92, %v93 : f32
    %v95, %v95ok = gpu.shuffle xor %v94, %c8, %c11 : f32
    %v96 = arith.addf %v94, %v95 : f32
    %v97 = llvm.mlir.addressof @matvec_shared0 : !llvm.ptr<3>
    %v98 = arith.cmpi slt, %v2, %c8 : i32
    scf.if %v98 {
      %v99 = arith.addi %v3, %c4 : i32
      %v100 = arith.muli %v99, %c14 : i32
      %v101 = arith.muli %v2, %c12 : i32
      %v102 = arith.addi %v100, %v101 : i32
      %v103 = vector.from_elements %v78, %v84, %v90, %v96 : vector<4xf32>
      %v104 = arith.addi %v102, %c4 : i32
      %v105 = llvm.getelementptr %v97[%v104] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
      llvm.store %v103, %v105 {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<3>
    }
    amdgpu.lds_barrier
    %v106 = llvm.load %v1000000 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    scf.for %v107 = %v1 to %c12 step %c14 : i32 {
      %v109 = arith.divui %v107, %c12 : i32
      %v110 = arith.remui %v107, %c12 : i32
      %v111 = arith.addi %v6, %v109 : i32
      %v112 = arith.muli %v4, %c12 : i32
      %v113 = arith.addi %v112, %v110 : i32
      %v114 = arith.shrui %v110, %c8 : i32
      %v115 = arith.muli %v114, %c3 : i32
      %v116 = arith.andi %v110, %c19 : i32
      %v117 = arith.cmpi slt, %v111, %v106 : i32
      %v118 = arith.cmpi slt, %v113, %c14 : i32
      %v119 = arith.andi %v117, %v118 : i1
      scf.if %v119 {
        %v120 = arith.muli %v111, %c14 : i32
        %v121 = arith.addi %v120, %v113 : i32
        %v122 = arith.muli %v109, %c3 : i32
        %v123 = arith.addi %v122, %v115 : i32
        %v124 = arith.addi %v123, %c4 : i32
        %v125 = arith.muli %v124, %c14 : i32
        %v126 = arith.muli %v116, %c8 : i32
        %v127 = arith.addi %v125, %v126 : i32
        %v128 = llvm.getelementptr %v97[%v127] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v129 = llvm.load %v128 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v130 = arith.muli %v109, %c3 : i32
        %v131 = arith.addi %v130, %v115 : i32
        %v132 = arith.addi %v131, %c2 : i32
        %v133 = arith.muli %v132, %c14 : i32
        %v134 = arith.muli %v116, %c8 : i32
        %v135 = arith.addi %v133, %v134 : i32
        %v136 = llvm.getelementptr %v97[%v135] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v137 = llvm.load %v136 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v138 = arith.addf %v129, %v137 : f32
        %v139 = arith.muli %v121, %c8 : i32
        %v140 = llvm.getelementptr %v1000003[%v139] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        llvm.store %v138, %v140 {alignment = 4 : i64} : f32, !llvm.ptr<1>
      }
    }
    gpu.return
  }
}
}
