module attributes {gpu.container_module} {
gpu.module @kernels {
  llvm.mlir.global internal @region_shared0() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<128 x i8>
  gpu.func @region(%v1000000: !llvm.ptr<1>, %v1000001: !llvm.ptr<1>, %v1000002: !llvm.ptr<1>, %v1000003: !llvm.ptr<1>) kernel attributes {gpu.known_block_size = array<i32: 32, 1, 1>, rocdl.flat_work_group_size = "32,32"} {
    %c5 = arith.constant true
    %c1 = arith.constant 0 : i32
    %c12 = arith.constant 1 : i32
    %c11 = arith.constant 2 : i32
    %c2 = arith.constant 4 : i32
    %c18 = arith.constant 5 : i32
    %c10 = arith.constant 8 : i32
    %c8 = arith.constant 16 : i32
    %c17 = arith.constant 24 : i32
    %c19 = arith.constant 31 : i32
    %c9 = arith.constant 32 : i32
    %c3 = arith.constant 64 : i32
    %c0 = arith.constant 128 : i32
    %c16 = arith.constant 255 : i32
    %c20 = arith.constant 256 : i32
    %c15 = arith.constant 1262485504 : i32
    %c4 = arith.constant 0x00000000 : f32
    %c6 = arith.constant 0x3C800000 : f32
    %c7 = arith.constant 0x3F800000 : f32
    %c13 = arith.constant 0x42FE0000 : f32
    %c14 = arith.constant 0x4B400000 : f32
    %v1i = gpu.thread_id x
    %v1 = arith.index_cast %v1i : index to i32
    %v2i = gpu.block_id y
    %v2 = arith.index_cast %v2i : index to i32
    %v3i = gpu.block_id x
    %v3 = arith.index_cast %v3i : index to i32
    %v4 = arith.muli %v3, %c0 : i32
    %v5 = arith.addi %v1, %c1 : i32
    %v6 = arith.muli %v5, %c2 : i32
    %v7 = arith.addi %v4, %v6 : i32
    %v8 = arith.cmpi slt, %v7, %c3 : i32
    %v9 = llvm.load %v1000000 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c1) : (i32) -> ()
    %v10 = arith.cmpi slt, %v2, %v9 : i32
    scf.if %v10 {
      %v11 = vector.from_elements %c4, %c4, %c4, %c4 : vector<4xf32>
      %v12:1 = scf.if %v8 -> (vector<4xf32>) {
        %v13 = arith.addi %v7, %c1 : i32
        %v14 = arith.muli %v2, %c3 : i32
        %v15 = arith.addi %v14, %v13 : i32
        %v16 = arith.muli %v15, %c2 : i32
        %v17 = llvm.getelementptr %v1000001[%v16] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v18 = llvm.load %v17 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
        scf.yield %v18 : vector<4xf32>
      } else {
        scf.yield %v11 : vector<4xf32>
      }
      %v19 = arith.select %c5, %v12#0, %v12#0 : vector<4xf32>
      %v20 = vector.extract %v19[0] : f32 from vector<4xf32>
      %v21 = vector.extract %v19[1] : f32 from vector<4xf32>
      %v22 = vector.extract %v19[2] : f32 from vector<4xf32>
      %v23 = vector.extract %v19[3] : f32 from vector<4xf32>
      %v24 = arith.mulf %v20, %v20 fastmath<contract> : f32
      %v25 = arith.mulf %v21, %v21 fastmath<contract> : f32
      %v26 = arith.mulf %v22, %v22 fastmath<contract> : f32
      %v27 = arith.mulf %v23, %v23 fastmath<contract> : f32
      %v28 = arith.addf %v24, %v25 : f32
      %v29 = arith.addf %v26, %v27 : f32
      %v30 = arith.addf %v28, %v29 : f32
      %v31 = arith.select %v8, %v30, %c4 : f32
      %v32 = llvm.mlir.addressof @region_shared0 : !llvm.ptr<3>
      %v33, %v33ok = gpu.shuffle xor %v31, %c8, %c9 : f32
      %v34 = arith.addf %v31, %v33 : f32
      %v35, %v35ok = gpu.shuffle xor %v34, %c10, %c9 : f32
      %v36 = arith.addf %v34, %v35 : f32
      %v37, %v37ok = gpu.shuffle xor %v36, %c2, %c9 : f32
      %v38 = arith.addf %v36, %v37 : f32
      %v39, %v39ok = gpu.shuffle xor %v38, %c11, %c9 : f32
      %v40 = arith.addf %v38, %v39 : f32
      %v41, %v41ok = gpu.shuffle xor %v40, %c12, %c9 : f32
      %v42 = arith.addf %v40, %v41 : f32
      %v43 = arith.mulf %v42, %c6 fastmath<contract> : f32
      %v44 = llvm.call_intrinsic "llvm.amdgcn.sqrt.f32"(%v43) : (f32) -> f32
      %v45 = llvm.call_intrinsic "llvm.amdgcn.rcp.f32"(%v44) : (f32) -> f32
      %v46 = arith.mulf %c7, %v45 : f32
      %v47 = arith.mulf %v20, %v46 fastmath<contract> : f32
      %v48 = arith.mulf %v21, %v46 fastmath<contract> : f32
      %v49 = arith.mulf %v22, %v46 fastmath<contract> : f32
      %v50 = arith.mulf %v23, %v46 fastmath<contract> : f32
      scf.if %v8 {
        %v51 = vector.from_elements %v47, %v48, %v49, %v50 : vector<4xf32>
        %v52 = arith.addi %v7, %c1 : i32
        %v53 = arith.muli %v2, %c3 : i32
        %v54 = arith.addi %v53, %v52 : i32
        %v55 = arith.muli %v54, %c2 : i32
        %v56 = llvm.getelementptr %v1000002[%v55] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        llvm.store %v51, %v56 {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<1>
      }
      %v57 = llvm.call_intrinsic "llvm.fabs.f32"(%v47) : (f32) -> f32
      %v58 = llvm.call_intrinsic "llvm.fabs.f32"(%v48) : (f32) -> f32
      %v59 = llvm.call_intrinsic "llvm.fabs.f32"(%v49) : (f32) -> f32
      %v60 = llvm.call_intrinsic "llvm.fabs.f32"(%v50) : (f32) -> f32
      %v61 = llvm.call_intrinsic "llvm.maxnum.f32"(%v57, %v58) : (f32, f32) -> f32
      %v62 = llvm.call_intrinsic "llvm.maxnum.f32"(%v61, %v59) : (f32, f32) -> f32
      %v63 = llvm.call_intrinsic "llvm.maxnum.f32"(%v62, %v60) : (f32, f32) -> f32
      %v64, %v64ok = gpu.shuffle xor %v63, %c2, %c9 : f32
      %v65 = llvm.call_intrinsic "llvm.maxnum.f32"(%v63, %v64) : (f32, f32) -> f32
      %v66, %v66ok = gpu.shuffle xor %v65, %c11, %c9 : f32
      %v67 = llvm.call_intrinsic "llvm.maxnum.f32"(%v65, %v66) : (f32, f32) -> f32
      %v68, %v68ok = gpu.shuffle xor %v67, %c12, %c9 : f32
      %v69 = llvm.call_intrinsic "llvm.maxnum.f32"(%v67, %v68) : (f32, f32) -> f32
      %v70 = arith.cmpf ogt, %v69, %c4 : f32
      %v71 = arith.divf %c13, %v69 : f32
      %v72 = arith.select %v70, %v71, %c4 : f32
      %v73 = arith.divf %v69, %c13 : f32
      %v74 = arith.mulf %v47, %v72 : f32
      %v75 = arith.addf %v74, %c14 : f32
      %v76 = arith.bitcast %v75 : f32 to i32
      %v77 = arith.subi %v76, %c15 : i32
      %v78 = arith.mulf %v48, %v72 : f32
      %v79 = arith.addf %v78, %c14 : f32
      %v80 = arith.bitcast %v79 : f32 to i32
      %v81 = arith.subi %v80, %c15 : i32
      %v82 = arith.mulf %v49, %v72 : f32
      %v83 = arith.addf %v82, %c14 : f32
      %v84 = arith.bitcast %v83 : f32 to i32
      %v85 = arith.subi %v84, %c15 : i32
      %v86 = arith.mulf %v50, %v72 : f32
      %v87 = arith.addf %v86, %c14 : f32
      %v88 = arith.bitcast %v87 : f32 to i32
      %v89 = arith.subi %v88, %c15 : i32
      %v90 = arith.addi %v77, %v81 : i32
      %v91 = arith.addi %v90, %v85 : i32
      %v92 = arith.addi %v91, %v89 : i32
      %v93, %v93ok = gpu.shuffle xor %v92, %c2, %c9 : i32
      %v94 = arith.addi %v92, %v93 : i32
      %v95, %v95ok = gpu.shuffle xor %v94, %c11, %c9 : i32
      %v96 = arith.addi %v94, %v95 : i32
      %v97, %v97ok = gpu.shuffle xor %v96, %c12, %c9 : i32
      %v98 = arith.addi %v96, %v97 : i32
      scf.if %v8 {
        %v99 = arith.andi %v77, %c16 : i32
        %v100 = arith.andi %v81, %c16 : i32
        %v101 = arith.shli %v100, %c10 : i32
        %v102 = arith.ori %v99, %v101 : i32
        %v103 = arith.andi %v85, %c16 : i32
        %v104 = arith.shli %v103, %c8 : i32
        %v105 = arith.andi %v89, %c16 : i32
        %v106 = arith.shli %v105, %c17 : i32
        %v107 = arith.ori %v104, %v106 : i32
        %v108 = arith.ori %v102, %v107 : i32
        %v109 = arith.shrui %v7, %c18 : i32
        %v110 = arith.andi %v7, %c19 : i32
        %v111 = arith.muli %v109, %c2 : i32
        %v112 = arith.addi %v111, %v2 : i32
        %v113 = arith.muli %v112, %c9 : i32
        %v114 = arith.addi %v113, %v110 : i32
        %v115 = llvm.getelementptr %v1000003[%v114] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        llvm.store %v108, %v115 {alignment = 4 : i64} : i32, !llvm.ptr<1>
        %v116 = arith.andi %v7, %c19 : i32
        %v117 = arith.cmpi eq, %v116, %c1 : i32
        scf.if %v117 {
          %v118 = arith.shrui %v7, %c18 : i32
          %v119 = arith.muli %v118, %c2 : i32
          %v120 = arith.addi %v119, %v2 : i32
          %v121 = arith.muli %v120, %c2 : i32
          %v122 = arith.addi %c20, %v121 : i32
          %v123 = llvm.getelementptr %v1000003[%v122] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          llvm.store %v73, %v123 {alignment = 4 : i64} : f32, !llvm.ptr<1>
          %v124 = arith.muli %v118, %c2 : i32
          %v125 = arith.addi %v124, %v2 : i32
          %v126 = arith.muli %v125, %c2 : i32
          %v127 = arith.addi %c20, %v126 : i32
          %v128 = llvm.getelementptr %v1000003[%v127] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v129 = llvm.getelementptr %v128[%c9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          llvm.store %v98, %v129 {alignment = 4 : i64} : i32, !llvm.ptr<1>
        }
      }
    }
    gpu.return
  }
}
}
