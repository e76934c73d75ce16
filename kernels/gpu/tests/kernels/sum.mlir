module attributes {gpu.container_module} {
gpu.module @kernels {
  llvm.mlir.global internal @room() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<4 x f32>
  gpu.func @sum(%x: !llvm.ptr<1> {llvm.noalias, llvm.readonly}, %y: !llvm.ptr<1> {llvm.noalias}, %n: i32, %scale: f32) kernel attributes {BLOCK} {
    %zero = arith.constant 0 : i32
    %width = arith.constant 32 : i32
    %step = arith.constant 128 : i32
    %none = arith.constant 0.0 : f32
    %tid = gpu.thread_id x
    %bid = gpu.block_id x
    %t = arith.index_cast %tid : index to i32
    %b = arith.index_cast %bid : index to i32
    %row = arith.muli %b, %n : i32
    %acc = scf.for %i = %t to %n step %step iter_args(%a = %none) -> (f32) : i32 {
      %j = arith.addi %row, %i : i32
      %p = llvm.getelementptr inbounds %x[%j] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
      %v = llvm.load %p {alignment = 4 : i64} : !llvm.ptr<1> -> f32
      %e = llvm.call_intrinsic "INTRINSIC"(%v) : (f32) -> f32
      %s = arith.addf %a, %e : f32
      scf.yield %s : f32
    }
SHUFFLES
    %lane = arith.remui %t, %width : i32
    %wave = arith.divui %t, %width : i32
    %first = arith.cmpi eq, %lane, %zero : i32
    %room = llvm.mlir.addressof @room : !llvm.ptr<3>
    scf.if %first {
      %slot = llvm.getelementptr inbounds %room[%wave] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
      llvm.store %s0, %slot : f32, !llvm.ptr<3>
    }
    BARRIER
    %all = llvm.load %room {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xf32>
    %r = vector.reduction <add>, %all fastmath<reassoc> : vector<4xf32> into f32
    %o = arith.mulf %r, %scale : f32
    %leader = arith.cmpi eq, %t, %zero : i32
    scf.if %leader {
      %q = llvm.getelementptr inbounds %y[%b] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
      llvm.store %o, %q : f32, !llvm.ptr<1>
    }
    gpu.return
  }
}
}
