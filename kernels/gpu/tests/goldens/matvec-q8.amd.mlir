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
    %v26 = arith.muli %v12, %c8 : i32
    %v27 = arith.muli %v16, %c2 : i32
    %v28 = arith.addi %v27, %c4 : i32
    %v29 = arith.muli %v28, %c11 : i32
    %v30 = arith.addi %v29, %v26 : i32
    %v31 = llvm.getelementptr %v1000001[%v30] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %v32 = arith.muli %v16, %c2 : i32
    %v33 = arith.addi %v32, %c4 : i32
    %v34 = arith.muli %v33, %c8 : i32
    %v35 = arith.addi %c14, %v34 : i32
    %v36 = llvm.getelementptr %v1000001[%v35] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %v37 = llvm.load %v36 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
    %v38 = llvm.load %v31 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c4) : (i32) -> ()
    %v39 = vector.extract %v25[0] : f16 from vector<4xf16>
    %v40 = arith.extf %v39 : f16 to f32
    %v41 = vector.extract %v25[1] : f16 from vector<4xf16>
    %v42 = arith.extf %v41 : f16 to f32
    %v43 = vector.extract %v25[2] : f16 from vector<4xf16>
    %v44 = arith.extf %v43 : f16 to f32
    %v45 = vector.extract %v25[3] : f16 from vector<4xf16>
    %v46 = arith.extf %v45 : f16 to f32
    %v47 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %c15, %c16, %v38, %c4, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
    %v48 = arith.muli %v47, %c18 : i32
    %v49 = vector.extract %v22[0] : i32 from vector<4xi32>
    %v50 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v49, %c16, %v38, %v48, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
    %v51 = vector.extract %v22[1] : i32 from vector<4xi32>
    %v52 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v51, %c16, %v38, %v48, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
    %v53 = vector.extract %v22[2] : i32 from vector<4xi32>
    %v54 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v53, %c16, %v38, %v48, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
    %v55 = vector.extract %v22[3] : i32 from vector<4xi32>
    %v56 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v55, %c16, %v38, %v48, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
    %v57 = arith.sitofp %v50 : i32 to f32
    %v58 = arith.mulf %v57, %v37 : f32
    %v59 = llvm.intr.fma(%v58, %v40, %c9) : (f32, f32, f32) -> f32
    %v60 = arith.sitofp %v52 : i32 to f32
    %v61 = arith.mulf %v60, %v37 : f32
    %v62 = llvm.intr.fma(%v61, %v42, %c9) : (f32, f32, f32) -> f32
    %v63 = arith.sitofp %v54 : i32 to f32
    %v64 = arith.mulf %v63, %v37 : f32
    %v65 = llvm.intr.fma(%v64, %v44, %c9) : (f32, f32, f32) -> f32
    %v66 = arith.sitofp %v56 : i32 to f32
    %v67 = arith.mulf %v66, %v37 : f32
    %v68 = llvm.intr.fma(%v67, %v46, %c9) : (f32, f32, f32) -> f32
    %v69, %v69ok = gpu.shuffle xor %v59, %c12, %c11 : f32
    %v70 = arith.addf %v59, %v69 : f32
    %v71, %v71ok = gpu.shuffle xor %v70, %c13, %c11 : f32
    %v72 = arith.addf %v70, %v71 : f32
    %v73, %v73ok = gpu.shuffle xor %v72, %c8, %c11 : f32
    %v74 = arith.addf %v72, %v73 : f32
    %v75, %v75ok = gpu.shuffle xor %v62, %c12, %c11 : f32
    %v76 = arith.addf %v62, %v75 : f32
    %v77, %v77ok = gpu.shuffle xor %v76, %c13, %c11 : f32
    %v78 = arith.addf %v76, %v77 : f32
    %v79, %v79ok = gpu.shuffle xor %v78, %c8, %c11 : f32
    %v80 = arith.addf %v78, %v79 : f32
    %v81, %v81ok = gpu.shuffle xor %v65, %c12, %c11 : f32
    %v82 = arith.addf %v65, %v81 : f32
    %v83, %v83ok = gpu.shuffle xor %v82, %c13, %c11 : f32
    %v84 = arith.addf %v82, %v83 : f32
    %v85, %v85ok = gpu.shuffle xor %v84, %c8, %c11 : f32
    %v86 = arith.addf %v84, %v85 : f32
    %v87, %v87ok = gpu.shuffle xor %v68, %c12, %c11 : f32
    %v88 = arith.addf %v68, %v87 : f32
    %v89, %v89ok = gpu.shuffle xor %v88, %c13, %c11 : f32
    %v90 = arith.addf %v88, %v89 : f32
    %v91, %v91ok = gpu.shuffle xor %v90, %c8, %c11 : f32
    %v92 = arith.addf %v90, %v91 : f32
    %v93 = llvm.mlir.addressof @matvec_shared0 : !llvm.ptr<3>
    %v94 = arith.cmpi slt, %v2, %c8 : i32
    scf.if %v94 {
      %v95 = arith.addi %v3, %c4 : i32
      %v96 = arith.muli %v95, %c14 : i32
      %v97 = arith.muli %v2, %c12 : i32
      %v98 = arith.addi %v96, %v97 : i32
      %v99 = vector.from_elements %v74, %v80, %v86, %v92 : vector<4xf32>
      %v100 = arith.addi %v98, %c4 : i32
      %v101 = llvm.getelementptr %v93[%v100] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
      llvm.store %v99, %v101 {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<3>
    }
    amdgpu.lds_barrier
    scf.for %v102 = %v1 to %c12 step %c14 : i32 {
      %v104 = arith.divui %v102, %c12 : i32
      %v105 = arith.remui %v102, %c12 : i32
      %v106 = arith.addi %v6, %v104 : i32
      %v107 = arith.muli %v4, %c12 : i32
      %v108 = arith.addi %v107, %v105 : i32
      %v109 = arith.shrui %v105, %c8 : i32
      %v110 = arith.muli %v109, %c3 : i32
      %v111 = arith.andi %v105, %c19 : i32
      %v112 = arith.cmpi slt, %v106, %c2 : i32
      %v113 = arith.cmpi slt, %v108, %c14 : i32
      %v114 = arith.andi %v112, %v113 : i1
      scf.if %v114 {
        %v115 = arith.muli %v106, %c14 : i32
        %v116 = arith.addi %v115, %v108 : i32
        %v117 = arith.muli %v104, %c3 : i32
        %v118 = arith.addi %v117, %v110 : i32
        %v119 = arith.addi %v118, %c4 : i32
        %v120 = arith.muli %v119, %c14 : i32
        %v121 = arith.muli %v111, %c8 : i32
        %v122 = arith.addi %v120, %v121 : i32
        %v123 = llvm.getelementptr %v93[%v122] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v124 = llvm.load %v123 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v125 = arith.muli %v104, %c3 : i32
        %v126 = arith.addi %v125, %v110 : i32
        %v127 = arith.addi %v126, %c2 : i32
        %v128 = arith.muli %v127, %c14 : i32
        %v129 = arith.muli %v111, %c8 : i32
        %v130 = arith.addi %v128, %v129 : i32
        %v131 = llvm.getelementptr %v93[%v130] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v132 = llvm.load %v131 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v133 = arith.addf %v124, %v132 : f32
        %v134 = arith.muli %v116, %c8 : i32
        %v135 = llvm.getelementptr %v1000003[%v134] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        llvm.store %v133, %v135 {alignment = 4 : i64} : f32, !llvm.ptr<1>
      }
    }
    gpu.return
  }
}
}
