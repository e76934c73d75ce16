module attributes {gpu.container_module} {
gpu.module @kernels {
  gpu.func @gemv(%w: !llvm.ptr<1> {llvm.noalias, llvm.readonly}, %s: !llvm.ptr<1> {llvm.noalias, llvm.readonly},
      %x: !llvm.ptr<1> {llvm.noalias, llvm.readonly}, %y: !llvm.ptr<1> {llvm.noalias}) kernel attributes {BLOCK} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c4 = arith.constant 4 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    %width = arith.constant 32 : i32
    %zero = arith.constant 0 : i32
    %yes = llvm.mlir.constant(true) : i1
    %no = llvm.mlir.constant(false) : i1
    %none = arith.constant 0.0 : f32
    %mask = arith.constant dense<0x0f0f0f0f> : vector<4xi32>
    %four = arith.constant dense<4> : vector<4xi32>
    %tid = gpu.thread_id x
    %bid = gpu.block_id x
    %lane = arith.remui %tid, %c32 : index
    %wave = arith.divui %tid, %c32 : index
    %base = arith.muli %bid, %c4 : index
    %row = arith.addi %base, %wave : index
    %start = arith.muli %row, %c64 : index
    %acc = scf.for %i = %c0 to %c2 step %c1 iter_args(%a = %none) -> (f32) {
      %skip = arith.muli %i, %c32 : index
      %group = arith.addi %skip, %lane : index
      %at = arith.addi %start, %group : index
      %at32 = arith.index_cast %at : index to i32
      %group32 = arith.index_cast %group : index to i32
      %wp = llvm.getelementptr inbounds %w[%at32] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<4xi32>
      %q = llvm.load %wp {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
      %sp = llvm.getelementptr inbounds %s[%at32] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f16
      %half = llvm.load %sp {alignment = 2 : i64} : !llvm.ptr<1> -> f16
      %xp = llvm.getelementptr inbounds %x[%group32, 0] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, !llvm.array<2 x vector<4xi32>>
      %x0 = llvm.load %xp {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
      %xq = llvm.getelementptr inbounds %x[%group32, 1] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, !llvm.array<2 x vector<4xi32>>
      %x1 = llvm.load %xq {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
      %lo = arith.andi %q, %mask : vector<4xi32>
      %up = arith.shrui %q, %four : vector<4xi32>
      %hi = arith.andi %up, %mask : vector<4xi32>
      %q0 = vector.extract %lo[0] : i32 from vector<4xi32>
      %y0 = vector.extract %x0[0] : i32 from vector<4xi32>
      %d0 = DOT(%q0, %y0, %zero)
      %q1 = vector.extract %lo[1] : i32 from vector<4xi32>
      %y1 = vector.extract %x0[1] : i32 from vector<4xi32>
      %d1 = DOT(%q1, %y1, %d0)
      %q2 = vector.extract %lo[2] : i32 from vector<4xi32>
      %y2 = vector.extract %x0[2] : i32 from vector<4xi32>
      %d2 = DOT(%q2, %y2, %d1)
      %q3 = vector.extract %lo[3] : i32 from vector<4xi32>
      %y3 = vector.extract %x0[3] : i32 from vector<4xi32>
      %d3 = DOT(%q3, %y3, %d2)
      %q4 = vector.extract %hi[0] : i32 from vector<4xi32>
      %y4 = vector.extract %x1[0] : i32 from vector<4xi32>
      %d4 = DOT(%q4, %y4, %d3)
      %q5 = vector.extract %hi[1] : i32 from vector<4xi32>
      %y5 = vector.extract %x1[1] : i32 from vector<4xi32>
      %d5 = DOT(%q5, %y5, %d4)
      %q6 = vector.extract %hi[2] : i32 from vector<4xi32>
      %y6 = vector.extract %x1[2] : i32 from vector<4xi32>
      %d6 = DOT(%q6, %y6, %d5)
      %q7 = vector.extract %hi[3] : i32 from vector<4xi32>
      %y7 = vector.extract %x1[3] : i32 from vector<4xi32>
      %d7 = DOT(%q7, %y7, %d6)
      %df = arith.sitofp %d7 : i32 to f32
      %scale = arith.extf %half : f16 to f32
      %next = llvm.intr.fma(%scale, %df, %a) : (f32, f32, f32) -> f32
      scf.yield %next : f32
    }
SHUFFLES
    %first = arith.cmpi eq, %lane, %c0 : index
    scf.if %first {
      %b = arith.truncf %s0 : f32 to bf16
      %row32 = arith.index_cast %row : index to i32
      %yp = llvm.getelementptr inbounds %y[%row32] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, bf16
      llvm.store %b, %yp {alignment = 2 : i64} : bf16, !llvm.ptr<1>
    }
    gpu.return
  }
}
}
