module attributes {gpu.container_module} {
gpu.module @kernels {
  gpu.func @gather(%v1000000: !llvm.ptr<1>, %v1000001: !llvm.ptr<1>, %v1000002: !llvm.ptr<1>, %v1000003: !llvm.ptr<1>, %v1000004: !llvm.ptr<1>) kernel attributes {gpu.known_block_size = array<i32: 256, 1, 1>, rocdl.flat_work_group_size = "256,256"} {
    %c2 = arith.constant 0 : i32
    %c3 = arith.constant 1 : i32
    %c1 = arith.constant 4 : i32
    %c5 = arith.constant 32 : i32
    %c4 = arith.constant 64 : i32
    %c6 = arith.constant 112 : i32
    %c0 = arith.constant 256 : i32
    %v1i = gpu.block_id y
    %v1 = arith.index_cast %v1i : index to i32
    %v2i = gpu.block_id z
    %v2 = arith.index_cast %v2i : index to i32
    %v3i = gpu.block_id x
    %v3 = arith.index_cast %v3i : index to i32
    %v4 = arith.muli %v3, %c0 : i32
    %v5i = gpu.thread_id x
    %v5 = arith.index_cast %v5i : index to i32
    %v6 = arith.addi %v4, %v5 : i32
    %v7 = arith.muli %v6, %c1 : i32
    llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c2) : (i32) -> ()
    %v8 = llvm.getelementptr %v1000000[%c1] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %v9 = llvm.load %v8 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %v10 = arith.cmpi eq, %v2, %c3 : i32
    %v11 = arith.select %v10, %v1000003, %v1000001 : !llvm.ptr<1>
    %v12 = arith.cmpi eq, %v2, %c3 : i32
    %v13 = arith.select %v12, %v1000004, %v1000002 : !llvm.ptr<1>
    %v14 = arith.cmpi eq, %v2, %c3 : i32
    %v15 = arith.select %v14, %c5, %c4 : i32
    %v16 = arith.cmpi slt, %v1, %v9 : i32
    %v17 = arith.cmpi slt, %v7, %v15 : i32
    %v18 = arith.andi %v16, %v17 : i1
    scf.if %v18 {
      %v19 = arith.muli %v1, %c1 : i32
      %v20 = arith.addi %c6, %v19 : i32
      %v21 = llvm.getelementptr %v1000000[%v20] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v22 = llvm.load %v21 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
      %v23 = arith.muli %v22, %v15 : i32
      %v24 = arith.addi %v23, %v7 : i32
      %v25 = arith.muli %v24, %c1 : i32
      %v26 = llvm.getelementptr %v11[%v25] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v27 = llvm.load %v26 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
      %v28 = arith.muli %v1, %v15 : i32
      %v29 = arith.addi %v28, %v7 : i32
      %v30 = arith.muli %v29, %c1 : i32
      %v31 = llvm.getelementptr %v13[%v30] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      llvm.store %v27, %v31 {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<1>
    }
    gpu.return
  }
}
}
