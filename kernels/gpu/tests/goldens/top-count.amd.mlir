module attributes {gpu.container_module} {
gpu.module @kernels {
  llvm.mlir.global internal @top_count_shared0() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<16384 x i8>
  gpu.func @top_count(%v1000000: !llvm.ptr<1>, %v1000001: !llvm.ptr<1>, %v1000002: !llvm.ptr<1>) kernel attributes {gpu.known_block_size = array<i32: 256, 1, 1>, rocdl.flat_work_group_size = "256,256"} {
    %c0 = arith.constant 0 : i32
    %c10 = arith.constant 1 : i32
    %c1 = arith.constant 4 : i32
    %c9 = arith.constant 20 : i32
    %c3 = arith.constant 256 : i32
    %c4 = arith.constant 500 : i32
    %c5 = arith.constant 512 : i32
    %c2 = arith.constant 4096 : i32
    %c11 = arith.constant 16384 : i32
    %c8 = arith.constant -2147483648 : i32
    %c7 = arith.constant -1 : i32
    %c6 = arith.constant 0x7F800000 : f32
    %v1i = gpu.thread_id x
    %v1 = arith.index_cast %v1i : index to i32
    %v2i = gpu.block_id y
    %v2 = arith.index_cast %v2i : index to i32
    %v3 = llvm.mlir.addressof @top_count_shared0 : !llvm.ptr<3>
    llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c0) : (i32) -> ()
    %v4 = llvm.getelementptr %v1000000[%c1] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %v5 = llvm.load %v4 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %v6 = arith.cmpi slt, %v2, %v5 : i32
    scf.if %v6 {
      scf.for %v7 = %v1 to %c2 step %c3 : i32 {
        %v9 = arith.muli %v7, %c1 : i32
        %v10 = llvm.getelementptr %v3[%v9] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        llvm.store %c0, %v10 {alignment = 4 : i64} : i32, !llvm.ptr<3>
      }
      amdgpu.lds_barrier
      %v11i = gpu.block_id x
      %v11 = arith.index_cast %v11i : index to i32
      %v12 = arith.muli %v11, %c2 : i32
      %v13i = gpu.thread_id x
      %v13 = arith.index_cast %v13i : index to i32
      %v14 = arith.addi %v12, %v13 : i32
      %v15 = arith.addi %v12, %c2 : i32
      %v16 = arith.minsi %v15, %c4 : i32
      %v17 = arith.muli %v2, %c5 : i32
      scf.for %v18 = %v14 to %v16 step %c3 : i32 {
        %v20 = arith.addi %v17, %v18 : i32
        %v21 = arith.muli %v20, %c1 : i32
        %v22 = llvm.getelementptr %v1000001[%v21] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v23 = llvm.load %v22 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v24 = arith.cmpf oeq, %v23, %v23 : f32
        %v25 = arith.select %v24, %v23, %c6 : f32
        %v26 = arith.bitcast %v25 : f32 to i32
        %v27 = arith.cmpi slt, %v26, %c0 : i32
        %v28 = arith.xori %v26, %c7 : i32
        %v29 = arith.xori %v26, %c8 : i32
        %v30 = arith.select %v27, %v28, %v29 : i32
        %v31 = arith.xori %v30, %c7 : i32
        %v32 = arith.shrui %v31, %c9 : i32
        %v33 = arith.muli %v32, %c1 : i32
        %v34 = llvm.getelementptr %v3[%v33] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v35 = llvm.atomicrmw add %v34, %c10 monotonic : !llvm.ptr<3>, i32
      }
      amdgpu.lds_barrier
      %v36 = arith.muli %v2, %c11 : i32
      %v37 = llvm.getelementptr %v1000002[%v36] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      scf.for %v38 = %v1 to %c2 step %c3 : i32 {
        %v40 = arith.muli %v38, %c1 : i32
        %v41 = llvm.getelementptr %v3[%v40] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v42 = llvm.load %v41 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v43 = arith.cmpi slt, %c0, %v42 : i32
        scf.if %v43 {
          %v44 = llvm.getelementptr %v37[%v40] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v45 = llvm.atomicrmw add %v44, %v42 monotonic : !llvm.ptr<1>, i32
        }
      }
    }
    gpu.return
  }
}
}
