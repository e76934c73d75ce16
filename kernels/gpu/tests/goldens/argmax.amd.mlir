module attributes {gpu.container_module} {
gpu.module @kernels {
  gpu.func @argmax(%v1000000: !llvm.ptr<1>, %v1000001: !llvm.ptr<1>, %v1000002: !llvm.ptr<1>) kernel attributes {gpu.known_block_size = array<i32: 256, 1, 1>, rocdl.flat_work_group_size = "256,256"} {
    %c9 = arith.constant true
    %c1 = arith.constant 0 : i32
    %c17 = arith.constant 1 : i32
    %c16 = arith.constant 2 : i32
    %c2 = arith.constant 4 : i32
    %c15 = arith.constant 8 : i32
    %c13 = arith.constant 16 : i32
    %c18 = arith.constant 31 : i32
    %c14 = arith.constant 32 : i32
    %c5 = arith.constant 256 : i32
    %c3 = arith.constant 500 : i32
    %c4 = arith.constant 512 : i32
    %c0 = arith.constant 4096 : i32
    %c7 = arith.constant 2147483647 : i32
    %c11 = arith.constant -2147483648 : i32
    %c10 = arith.constant -1 : i32
    %c12 = arith.constant 32 : i64
    %c8 = arith.constant 0x7F800000 : f32
    %c6 = arith.constant 0xFF800000 : f32
    %v1i = gpu.thread_id x
    %v1 = arith.index_cast %v1i : index to i32
    %v2i = gpu.block_id y
    %v2 = arith.index_cast %v2i : index to i32
    %v3i = gpu.block_id x
    %v3 = arith.index_cast %v3i : index to i32
    %v4 = arith.muli %v3, %c0 : i32
    llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c1) : (i32) -> ()
    %v5 = llvm.getelementptr %v1000000[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %v6 = llvm.load %v5 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %v7 = arith.cmpi slt, %v2, %v6 : i32
    scf.if %v7 {
      %v8 = arith.addi %v4, %c0 : i32
      %v9 = arith.minsi %v8, %c3 : i32
      %v10 = arith.addi %v4, %v1 : i32
      %v11 = arith.muli %v2, %c4 : i32
      %v15:2 = scf.for %v12 = %v10 to %v9 step %c5 iter_args(%v13 = %c6, %v14 = %c7) -> (f32, i32) : i32 {
        %v16 = arith.addi %v11, %v12 : i32
        %v17 = arith.muli %v16, %c2 : i32
        %v18 = llvm.getelementptr %v1000001[%v17] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v19 = llvm.load %v18 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v20 = arith.cmpf oeq, %v19, %v19 : f32
        %v21 = arith.select %v20, %v19, %c8 : f32
        %v22 = arith.cmpf ogt, %v21, %v13 : f32
        %v23 = arith.select %v22, %v21, %v13 : f32
        %v24 = arith.select %v22, %v12, %v14 : i32
        scf.yield %v23, %v24 : f32, i32
      }
      %v25 = arith.select %c9, %v15#0, %v15#0 : f32
      %v26 = arith.select %c9, %v15#1, %v15#1 : i32
      %v27 = arith.bitcast %v25 : f32 to i32
      %v28 = arith.cmpi slt, %v27, %c1 : i32
      %v29 = arith.xori %v27, %c10 : i32
      %v30 = arith.xori %v27, %c11 : i32
      %v31 = arith.select %v28, %v29, %v30 : i32
      %v32 = arith.extui %v31 : i32 to i64
      %v33 = arith.shli %v32, %c12 : i64
      %v34 = arith.xori %v26, %c10 : i32
      %v35 = arith.extui %v34 : i32 to i64
      %v36 = arith.ori %v33, %v35 : i64
      %v37 = arith.trunci %v36 : i64 to i32
      %v38 = arith.shrui %v36, %c12 : i64
      %v39 = arith.trunci %v38 : i64 to i32
      %v40, %v40ok = gpu.shuffle xor %v37, %c13, %c14 : i32
      %v41, %v41ok = gpu.shuffle xor %v39, %c13, %c14 : i32
      %v42 = arith.extui %v41 : i32 to i64
      %v43 = arith.shli %v42, %c12 : i64
      %v44 = arith.extui %v40 : i32 to i64
      %v45 = arith.ori %v43, %v44 : i64
      %v46 = arith.maxui %v36, %v45 : i64
      %v47 = arith.trunci %v46 : i64 to i32
      %v48 = arith.shrui %v46, %c12 : i64
      %v49 = arith.trunci %v48 : i64 to i32
      %v50, %v50ok = gpu.shuffle xor %v47, %c15, %c14 : i32
      %v51, %v51ok = gpu.shuffle xor %v49, %c15, %c14 : i32
      %v52 = arith.extui %v51 : i32 to i64
      %v53 = arith.shli %v52, %c12 : i64
      %v54 = arith.extui %v50 : i32 to i64
      %v55 = arith.ori %v53, %v54 : i64
      %v56 = arith.maxui %v46, %v55 : i64
      %v57 = arith.trunci %v56 : i64 to i32
      %v58 = arith.shrui %v56, %c12 : i64
      %v59 = arith.trunci %v58 : i64 to i32
      %v60, %v60ok = gpu.shuffle xor %v57, %c2, %c14 : i32
      %v61, %v61ok = gpu.shuffle xor %v59, %c2, %c14 : i32
      %v62 = arith.extui %v61 : i32 to i64
      %v63 = arith.shli %v62, %c12 : i64
      %v64 = arith.extui %v60 : i32 to i64
      %v65 = arith.ori %v63, %v64 : i64
      %v66 = arith.maxui %v56, %v65 : i64
      %v67 = arith.trunci %v66 : i64 to i32
      %v68 = arith.shrui %v66, %c12 : i64
      %v69 = arith.trunci %v68 : i64 to i32
      %v70, %v70ok = gpu.shuffle xor %v67, %c16, %c14 : i32
      %v71, %v71ok = gpu.shuffle xor %v69, %c16, %c14 : i32
      %v72 = arith.extui %v71 : i32 to i64
      %v73 = arith.shli %v72, %c12 : i64
      %v74 = arith.extui %v70 : i32 to i64
      %v75 = arith.ori %v73, %v74 : i64
      %v76 = arith.maxui %v66, %v75 : i64
      %v77 = arith.trunci %v76 : i64 to i32
      %v78 = arith.shrui %v76, %c12 : i64
      %v79 = arith.trunci %v78 : i64 to i32
      %v80, %v80ok = gpu.shuffle xor %v77, %c17, %c14 : i32
      %v81, %v81ok = gpu.shuffle xor %v79, %c17, %c14 : i32
      %v82 = arith.extui %v81 : i32 to i64
      %v83 = arith.shli %v82, %c12 : i64
      %v84 = arith.extui %v80 : i32 to i64
      %v85 = arith.ori %v83, %v84 : i64
      %v86 = arith.maxui %v76, %v85 : i64
      %v87 = arith.andi %v1, %c18 : i32
      %v88 = arith.cmpi eq, %v87, %c1 : i32
      scf.if %v88 {
        %v89 = arith.muli %v2, %c15 : i32
        %v90 = llvm.getelementptr %v1000002[%v89] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v91 = llvm.atomicrmw umax %v90, %v86 monotonic : !llvm.ptr<1>, i64
      }
    }
    gpu.return
  }
}
}
