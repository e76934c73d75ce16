module attributes {gpu.container_module} {
gpu.module @kernels {
  llvm.mlir.global internal @sparse_up_shared0() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<256 x i8>
  llvm.mlir.global internal @sparse_up_shared1() {addr_space = 3 : i32, alignment = 4 : i64} : !llvm.array<4 x i8>
  gpu.func @sparse_up(%v1000000: !llvm.ptr<1>, %v1000001: !llvm.ptr<1>, %v1000002: !llvm.ptr<1>, %v1000003: !llvm.ptr<1> {llvm.noalias, llvm.readonly}) kernel attributes {gpu.known_block_size = array<i32: 128, 1, 1>, rocdl.flat_work_group_size = "128,128"} {
    %c17 = arith.constant false
    %c8 = arith.constant true
    %c2 = arith.constant 0 : i32
    %c3 = arith.constant 1 : i32
    %c10 = arith.constant 2 : i32
    %c11 = arith.constant 3 : i32
    %c6 = arith.constant 4 : i32
    %c1 = arith.constant 5 : i32
    %c14 = arith.constant 8 : i32
    %c9 = arith.constant 16 : i32
    %c0 = arith.constant 31 : i32
    %c12 = arith.constant 32 : i32
    %c13 = arith.constant 36 : i32
    %c5 = arith.constant 64 : i32
    %c4 = arith.constant 256 : i32
    %c15 = arith.constant 252645135 : i32
    %c16 = arith.constant -8 : i32
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
      scf.for %v27 = %v4 to %v26 step %c9 : i32 {
        %v29 = arith.muli %c2, %c6 : i32
        %v30 = arith.addi %v27, %v29 : i32
        %v31 = arith.cmpi slt, %v30, %v26 : i32
        %v32 = arith.select %v31, %v30, %v27 : i32
        %v33 = arith.muli %v32, %c6 : i32
        %v34 = llvm.getelementptr %v5[%v33] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v35 = llvm.load %v34 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v36 = arith.muli %c3, %c6 : i32
        %v37 = arith.addi %v27, %v36 : i32
        %v38 = arith.cmpi slt, %v37, %v26 : i32
        %v39 = arith.select %v38, %v37, %v27 : i32
        %v40 = arith.muli %v39, %c6 : i32
        %v41 = llvm.getelementptr %v5[%v40] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v42 = llvm.load %v41 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v43 = arith.muli %c10, %c6 : i32
        %v44 = arith.addi %v27, %v43 : i32
        %v45 = arith.cmpi slt, %v44, %v26 : i32
        %v46 = arith.select %v45, %v44, %v27 : i32
        %v47 = arith.muli %v46, %c6 : i32
        %v48 = llvm.getelementptr %v5[%v47] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v49 = llvm.load %v48 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v50 = arith.muli %c11, %c6 : i32
        %v51 = arith.addi %v27, %v50 : i32
        %v52 = arith.cmpi slt, %v51, %v26 : i32
        %v53 = arith.select %v52, %v51, %v27 : i32
        %v54 = arith.muli %v53, %c6 : i32
        %v55 = llvm.getelementptr %v5[%v54] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v56 = llvm.load %v55 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v59:1 = scf.for %v57 = %v3 to %c3 step %c12 iter_args(%v58 = %c7) -> (f32) : i32 {
          %v60 = arith.muli %v35, %c13 : i32
          %v61 = llvm.getelementptr %v1000003[%v60] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v62 = arith.muli %v57, %c6 : i32
          %v63 = llvm.getelementptr %v61[%v62] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v64 = llvm.load %v63 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> vector<2xf16>
          %v65 = arith.muli %v57, %c12 : i32
          %v66 = arith.addi %c6, %v65 : i32
          %v67 = llvm.getelementptr %v61[%v66] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v68 = llvm.getelementptr %v67[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v69 = llvm.load %v68 {alignment = 4 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v70 = vector.extract %v69[0] : i32 from vector<4xi32>
          %v71 = vector.extract %v69[1] : i32 from vector<4xi32>
          %v72 = vector.extract %v69[2] : i32 from vector<4xi32>
          %v73 = vector.extract %v69[3] : i32 from vector<4xi32>
          %v74 = llvm.getelementptr %v67[%c9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v75 = llvm.load %v74 {alignment = 4 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v76 = vector.extract %v75[0] : i32 from vector<4xi32>
          %v77 = vector.extract %v75[1] : i32 from vector<4xi32>
          %v78 = vector.extract %v75[2] : i32 from vector<4xi32>
          %v79 = vector.extract %v75[3] : i32 from vector<4xi32>
          %v80 = arith.muli %v57, %c10 : i32
          %v81 = arith.addi %v80, %c2 : i32
          %v82 = arith.muli %v81, %c3 : i32
          %v83 = arith.addi %v82, %v2 : i32
          %v84 = arith.muli %v83, %c12 : i32
          %v85 = arith.addi %v84, %c2 : i32
          %v86 = llvm.getelementptr %v1000002[%v85] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v87 = llvm.getelementptr %v86[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v88 = llvm.load %v87 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v89 = vector.extract %v88[0] : i32 from vector<4xi32>
          %v90 = vector.extract %v88[1] : i32 from vector<4xi32>
          %v91 = vector.extract %v88[2] : i32 from vector<4xi32>
          %v92 = vector.extract %v88[3] : i32 from vector<4xi32>
          %v93 = arith.muli %v57, %c10 : i32
          %v94 = arith.addi %v93, %c2 : i32
          %v95 = arith.muli %v94, %c3 : i32
          %v96 = arith.addi %v95, %v2 : i32
          %v97 = arith.muli %v96, %c12 : i32
          %v98 = arith.addi %v97, %c2 : i32
          %v99 = llvm.getelementptr %v1000002[%v98] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v100 = llvm.getelementptr %v99[%c9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v101 = llvm.load %v100 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v102 = vector.extract %v101[0] : i32 from vector<4xi32>
          %v103 = vector.extract %v101[1] : i32 from vector<4xi32>
          %v104 = vector.extract %v101[2] : i32 from vector<4xi32>
          %v105 = vector.extract %v101[3] : i32 from vector<4xi32>
          %v106 = arith.muli %v57, %c10 : i32
          %v107 = arith.addi %v106, %c3 : i32
          %v108 = arith.muli %v107, %c3 : i32
          %v109 = arith.addi %v108, %v2 : i32
          %v110 = arith.muli %v109, %c12 : i32
          %v111 = arith.addi %v110, %c2 : i32
          %v112 = llvm.getelementptr %v1000002[%v111] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v113 = llvm.getelementptr %v112[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v114 = llvm.load %v113 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v115 = vector.extract %v114[0] : i32 from vector<4xi32>
          %v116 = vector.extract %v114[1] : i32 from vector<4xi32>
          %v117 = vector.extract %v114[2] : i32 from vector<4xi32>
          %v118 = vector.extract %v114[3] : i32 from vector<4xi32>
          %v119 = arith.muli %v57, %c10 : i32
          %v120 = arith.addi %v119, %c3 : i32
          %v121 = arith.muli %v120, %c3 : i32
          %v122 = arith.addi %v121, %v2 : i32
          %v123 = arith.muli %v122, %c12 : i32
          %v124 = arith.addi %v123, %c2 : i32
          %v125 = llvm.getelementptr %v1000002[%v124] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v126 = llvm.getelementptr %v125[%c9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v127 = llvm.load %v126 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v128 = vector.extract %v127[0] : i32 from vector<4xi32>
          %v129 = vector.extract %v127[1] : i32 from vector<4xi32>
          %v130 = vector.extract %v127[2] : i32 from vector<4xi32>
          %v131 = vector.extract %v127[3] : i32 from vector<4xi32>
          %v132 = arith.muli %v57, %c10 : i32
          %v133 = arith.addi %v132, %c2 : i32
          %v134 = arith.muli %v133, %c3 : i32
          %v135 = arith.addi %v134, %v2 : i32
          %v136 = arith.muli %v135, %c6 : i32
          %v137 = arith.addi %c5, %v136 : i32
          %v138 = llvm.getelementptr %v1000002[%v137] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v139 = llvm.load %v138 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v140 = arith.muli %v133, %c3 : i32
          %v141 = arith.addi %v140, %v2 : i32
          %v142 = arith.muli %v141, %c6 : i32
          %v143 = arith.addi %c5, %v142 : i32
          %v144 = llvm.getelementptr %v1000002[%v143] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v145 = llvm.getelementptr %v144[%c14] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v146 = llvm.load %v145 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
          %v147 = arith.muli %v57, %c10 : i32
          %v148 = arith.addi %v147, %c3 : i32
          %v149 = arith.muli %v148, %c3 : i32
          %v150 = arith.addi %v149, %v2 : i32
          %v151 = arith.muli %v150, %c6 : i32
          %v152 = arith.addi %c5, %v151 : i32
          %v153 = llvm.getelementptr %v1000002[%v152] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v154 = llvm.load %v153 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v155 = arith.muli %v148, %c3 : i32
          %v156 = arith.addi %v155, %v2 : i32
          %v157 = arith.muli %v156, %c6 : i32
          %v158 = arith.addi %c5, %v157 : i32
          %v159 = llvm.getelementptr %v1000002[%v158] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v160 = llvm.getelementptr %v159[%c14] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v161 = llvm.load %v160 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
          llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c2) : (i32) -> ()
          %v162 = vector.extract %v64[0] : f16 from vector<2xf16>
          %v163 = arith.extf %v162 : f16 to f32
          %v164 = arith.mulf %v163, %v139 : f32
          %v165 = arith.muli %v146, %c16 : i32
          %v166 = arith.andi %v70, %c15 : i32
          %v167 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v166, %c8, %v89, %v165, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v168 = arith.andi %v71, %c15 : i32
          %v169 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v168, %c8, %v90, %v167, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v170 = arith.andi %v72, %c15 : i32
          %v171 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v170, %c8, %v91, %v169, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v172 = arith.andi %v73, %c15 : i32
          %v173 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v172, %c8, %v92, %v171, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v174 = arith.andi %v76, %c15 : i32
          %v175 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v174, %c8, %v102, %v173, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v176 = arith.andi %v77, %c15 : i32
          %v177 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v176, %c8, %v103, %v175, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v178 = arith.andi %v78, %c15 : i32
          %v179 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v178, %c8, %v104, %v177, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v180 = arith.andi %v79, %c15 : i32
          %v181 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v180, %c8, %v105, %v179, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v182 = arith.sitofp %v181 : i32 to f32
          %v183 = llvm.intr.fma(%v182, %v164, %v58) : (f32, f32, f32) -> f32
          %v184 = vector.extract %v64[1] : f16 from vector<2xf16>
          %v185 = arith.extf %v184 : f16 to f32
          %v186 = arith.mulf %v185, %v154 : f32
          %v187 = arith.muli %v161, %c16 : i32
          %v188 = arith.shrui %v70, %c6 : i32
          %v189 = arith.andi %v188, %c15 : i32
          %v190 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v189, %c8, %v115, %v187, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v191 = arith.shrui %v71, %c6 : i32
          %v192 = arith.andi %v191, %c15 : i32
          %v193 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v192, %c8, %v116, %v190, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v194 = arith.shrui %v72, %c6 : i32
          %v195 = arith.andi %v194, %c15 : i32
          %v196 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v195, %c8, %v117, %v193, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v197 = arith.shrui %v73, %c6 : i32
          %v198 = arith.andi %v197, %c15 : i32
          %v199 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v198, %c8, %v118, %v196, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v200 = arith.shrui %v76, %c6 : i32
          %v201 = arith.andi %v200, %c15 : i32
          %v202 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v201, %c8, %v128, %v199, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v203 = arith.shrui %v77, %c6 : i32
          %v204 = arith.andi %v203, %c15 : i32
          %v205 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v204, %c8, %v129, %v202, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v206 = arith.shrui %v78, %c6 : i32
          %v207 = arith.andi %v206, %c15 : i32
          %v208 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v207, %c8, %v130, %v205, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v209 = arith.shrui %v79, %c6 : i32
          %v210 = arith.andi %v209, %c15 : i32
          %v211 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v210, %c8, %v131, %v208, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v212 = arith.sitofp %v211 : i32 to f32
          %v213 = llvm.intr.fma(%v212, %v186, %v183) : (f32, f32, f32) -> f32
          scf.yield %v213 : f32
        }
        %v214 = arith.select %c8, %v59#0, %v59#0 : f32
        %v217:1 = scf.for %v215 = %v3 to %c3 step %c12 iter_args(%v216 = %c7) -> (f32) : i32 {
          %v218 = arith.muli %v42, %c13 : i32
          %v219 = llvm.getelementptr %v1000003[%v218] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v220 = arith.muli %v215, %c6 : i32
          %v221 = llvm.getelementptr %v219[%v220] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v222 = llvm.load %v221 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> vector<2xf16>
          %v223 = arith.muli %v215, %c12 : i32
          %v224 = arith.addi %c6, %v223 : i32
          %v225 = llvm.getelementptr %v219[%v224] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v226 = llvm.getelementptr %v225[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v227 = llvm.load %v226 {alignment = 4 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v228 = vector.extract %v227[0] : i32 from vector<4xi32>
          %v229 = vector.extract %v227[1] : i32 from vector<4xi32>
          %v230 = vector.extract %v227[2] : i32 from vector<4xi32>
          %v231 = vector.extract %v227[3] : i32 from vector<4xi32>
          %v232 = llvm.getelementptr %v225[%c9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v233 = llvm.load %v232 {alignment = 4 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v234 = vector.extract %v233[0] : i32 from vector<4xi32>
          %v235 = vector.extract %v233[1] : i32 from vector<4xi32>
          %v236 = vector.extract %v233[2] : i32 from vector<4xi32>
          %v237 = vector.extract %v233[3] : i32 from vector<4xi32>
          %v238 = arith.muli %v215, %c10 : i32
          %v239 = arith.addi %v238, %c2 : i32
          %v240 = arith.muli %v239, %c3 : i32
          %v241 = arith.addi %v240, %v2 : i32
          %v242 = arith.muli %v241, %c12 : i32
          %v243 = arith.addi %v242, %c2 : i32
          %v244 = llvm.getelementptr %v1000002[%v243] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v245 = llvm.getelementptr %v244[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v246 = llvm.load %v245 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v247 = vector.extract %v246[0] : i32 from vector<4xi32>
          %v248 = vector.extract %v246[1] : i32 from vector<4xi32>
          %v249 = vector.extract %v246[2] : i32 from vector<4xi32>
          %v250 = vector.extract %v246[3] : i32 from vector<4xi32>
          %v251 = arith.muli %v215, %c10 : i32
          %v252 = arith.addi %v251, %c2 : i32
          %v253 = arith.muli %v252, %c3 : i32
          %v254 = arith.addi %v253, %v2 : i32
          %v255 = arith.muli %v254, %c12 : i32
          %v256 = arith.addi %v255, %c2 : i32
          %v257 = llvm.getelementptr %v1000002[%v256] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v258 = llvm.getelementptr %v257[%c9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v259 = llvm.load %v258 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v260 = vector.extract %v259[0] : i32 from vector<4xi32>
          %v261 = vector.extract %v259[1] : i32 from vector<4xi32>
          %v262 = vector.extract %v259[2] : i32 from vector<4xi32>
          %v263 = vector.extract %v259[3] : i32 from vector<4xi32>
          %v264 = arith.muli %v215, %c10 : i32
          %v265 = arith.addi %v264, %c3 : i32
          %v266 = arith.muli %v265, %c3 : i32
          %v267 = arith.addi %v266, %v2 : i32
          %v268 = arith.muli %v267, %c12 : i32
          %v269 = arith.addi %v268, %c2 : i32
          %v270 = llvm.getelementptr %v1000002[%v269] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v271 = llvm.getelementptr %v270[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v272 = llvm.load %v271 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v273 = vector.extract %v272[0] : i32 from vector<4xi32>
          %v274 = vector.extract %v272[1] : i32 from vector<4xi32>
          %v275 = vector.extract %v272[2] : i32 from vector<4xi32>
          %v276 = vector.extract %v272[3] : i32 from vector<4xi32>
          %v277 = arith.muli %v215, %c10 : i32
          %v278 = arith.addi %v277, %c3 : i32
          %v279 = arith.muli %v278, %c3 : i32
          %v280 = arith.addi %v279, %v2 : i32
          %v281 = arith.muli %v280, %c12 : i32
          %v282 = arith.addi %v281, %c2 : i32
          %v283 = llvm.getelementptr %v1000002[%v282] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v284 = llvm.getelementptr %v283[%c9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v285 = llvm.load %v284 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v286 = vector.extract %v285[0] : i32 from vector<4xi32>
          %v287 = vector.extract %v285[1] : i32 from vector<4xi32>
          %v288 = vector.extract %v285[2] : i32 from vector<4xi32>
          %v289 = vector.extract %v285[3] : i32 from vector<4xi32>
          %v290 = arith.muli %v215, %c10 : i32
          %v291 = arith.addi %v290, %c2 : i32
          %v292 = arith.muli %v291, %c3 : i32
          %v293 = arith.addi %v292, %v2 : i32
          %v294 = arith.muli %v293, %c6 : i32
          %v295 = arith.addi %c5, %v294 : i32
          %v296 = llvm.getelementptr %v1000002[%v295] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v297 = llvm.load %v296 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v298 = arith.muli %v291, %c3 : i32
          %v299 = arith.addi %v298, %v2 : i32
          %v300 = arith.muli %v299, %c6 : i32
          %v301 = arith.addi %c5, %v300 : i32
          %v302 = llvm.getelementptr %v1000002[%v301] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v303 = llvm.getelementptr %v302[%c14] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v304 = llvm.load %v303 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
          %v305 = arith.muli %v215, %c10 : i32
          %v306 = arith.addi %v305, %c3 : i32
          %v307 = arith.muli %v306, %c3 : i32
          %v308 = arith.addi %v307, %v2 : i32
          %v309 = arith.muli %v308, %c6 : i32
          %v310 = arith.addi %c5, %v309 : i32
          %v311 = llvm.getelementptr %v1000002[%v310] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v312 = llvm.load %v311 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v313 = arith.muli %v306, %c3 : i32
          %v314 = arith.addi %v313, %v2 : i32
          %v315 = arith.muli %v314, %c6 : i32
          %v316 = arith.addi %c5, %v315 : i32
          %v317 = llvm.getelementptr %v1000002[%v316] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v318 = llvm.getelementptr %v317[%c14] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v319 = llvm.load %v318 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
          llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c2) : (i32) -> ()
          %v320 = vector.extract %v222[0] : f16 from vector<2xf16>
          %v321 = arith.extf %v320 : f16 to f32
          %v322 = arith.mulf %v321, %v297 : f32
          %v323 = arith.muli %v304, %c16 : i32
          %v324 = arith.andi %v228, %c15 : i32
          %v325 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v324, %c8, %v247, %v323, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v326 = arith.andi %v229, %c15 : i32
          %v327 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v326, %c8, %v248, %v325, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v328 = arith.andi %v230, %c15 : i32
          %v329 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v328, %c8, %v249, %v327, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v330 = arith.andi %v231, %c15 : i32
          %v331 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v330, %c8, %v250, %v329, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v332 = arith.andi %v234, %c15 : i32
          %v333 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v332, %c8, %v260, %v331, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v334 = arith.andi %v235, %c15 : i32
          %v335 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v334, %c8, %v261, %v333, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v336 = arith.andi %v236, %c15 : i32
          %v337 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v336, %c8, %v262, %v335, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v338 = arith.andi %v237, %c15 : i32
          %v339 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v338, %c8, %v263, %v337, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v340 = arith.sitofp %v339 : i32 to f32
          %v341 = llvm.intr.fma(%v340, %v322, %v216) : (f32, f32, f32) -> f32
          %v342 = vector.extract %v222[1] : f16 from vector<2xf16>
          %v343 = arith.extf %v342 : f16 to f32
          %v344 = arith.mulf %v343, %v312 : f32
          %v345 = arith.muli %v319, %c16 : i32
          %v346 = arith.shrui %v228, %c6 : i32
          %v347 = arith.andi %v346, %c15 : i32
          %v348 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v347, %c8, %v273, %v345, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v349 = arith.shrui %v229, %c6 : i32
          %v350 = arith.andi %v349, %c15 : i32
          %v351 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v350, %c8, %v274, %v348, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v352 = arith.shrui %v230, %c6 : i32
          %v353 = arith.andi %v352, %c15 : i32
          %v354 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v353, %c8, %v275, %v351, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v355 = arith.shrui %v231, %c6 : i32
          %v356 = arith.andi %v355, %c15 : i32
          %v357 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v356, %c8, %v276, %v354, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v358 = arith.shrui %v234, %c6 : i32
          %v359 = arith.andi %v358, %c15 : i32
          %v360 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v359, %c8, %v286, %v357, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v361 = arith.shrui %v235, %c6 : i32
          %v362 = arith.andi %v361, %c15 : i32
          %v363 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v362, %c8, %v287, %v360, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v364 = arith.shrui %v236, %c6 : i32
          %v365 = arith.andi %v364, %c15 : i32
          %v366 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v365, %c8, %v288, %v363, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v367 = arith.shrui %v237, %c6 : i32
          %v368 = arith.andi %v367, %c15 : i32
          %v369 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v368, %c8, %v289, %v366, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v370 = arith.sitofp %v369 : i32 to f32
          %v371 = llvm.intr.fma(%v370, %v344, %v341) : (f32, f32, f32) -> f32
          scf.yield %v371 : f32
        }
        %v372 = arith.select %c8, %v217#0, %v217#0 : f32
        %v375:1 = scf.for %v373 = %v3 to %c3 step %c12 iter_args(%v374 = %c7) -> (f32) : i32 {
          %v376 = arith.muli %v49, %c13 : i32
          %v377 = llvm.getelementptr %v1000003[%v376] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v378 = arith.muli %v373, %c6 : i32
          %v379 = llvm.getelementptr %v377[%v378] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v380 = llvm.load %v379 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> vector<2xf16>
          %v381 = arith.muli %v373, %c12 : i32
          %v382 = arith.addi %c6, %v381 : i32
          %v383 = llvm.getelementptr %v377[%v382] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v384 = llvm.getelementptr %v383[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v385 = llvm.load %v384 {alignment = 4 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v386 = vector.extract %v385[0] : i32 from vector<4xi32>
          %v387 = vector.extract %v385[1] : i32 from vector<4xi32>
          %v388 = vector.extract %v385[2] : i32 from vector<4xi32>
          %v389 = vector.extract %v385[3] : i32 from vector<4xi32>
          %v390 = llvm.getelementptr %v383[%c9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v391 = llvm.load %v390 {alignment = 4 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v392 = vector.extract %v391[0] : i32 from vector<4xi32>
          %v393 = vector.extract %v391[1] : i32 from vector<4xi32>
          %v394 = vector.extract %v391[2] : i32 from vector<4xi32>
          %v395 = vector.extract %v391[3] : i32 from vector<4xi32>
          %v396 = arith.muli %v373, %c10 : i32
          %v397 = arith.addi %v396, %c2 : i32
          %v398 = arith.muli %v397, %c3 : i32
          %v399 = arith.addi %v398, %v2 : i32
          %v400 = arith.muli %v399, %c12 : i32
          %v401 = arith.addi %v400, %c2 : i32
          %v402 = llvm.getelementptr %v1000002[%v401] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v403 = llvm.getelementptr %v402[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v404 = llvm.load %v403 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v405 = vector.extract %v404[0] : i32 from vector<4xi32>
          %v406 = vector.extract %v404[1] : i32 from vector<4xi32>
          %v407 = vector.extract %v404[2] : i32 from vector<4xi32>
          %v408 = vector.extract %v404[3] : i32 from vector<4xi32>
          %v409 = arith.muli %v373, %c10 : i32
          %v410 = arith.addi %v409, %c2 : i32
          %v411 = arith.muli %v410, %c3 : i32
          %v412 = arith.addi %v411, %v2 : i32
          %v413 = arith.muli %v412, %c12 : i32
          %v414 = arith.addi %v413, %c2 : i32
          %v415 = llvm.getelementptr %v1000002[%v414] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v416 = llvm.getelementptr %v415[%c9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v417 = llvm.load %v416 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v418 = vector.extract %v417[0] : i32 from vector<4xi32>
          %v419 = vector.extract %v417[1] : i32 from vector<4xi32>
          %v420 = vector.extract %v417[2] : i32 from vector<4xi32>
          %v421 = vector.extract %v417[3] : i32 from vector<4xi32>
          %v422 = arith.muli %v373, %c10 : i32
          %v423 = arith.addi %v422, %c3 : i32
          %v424 = arith.muli %v423, %c3 : i32
          %v425 = arith.addi %v424, %v2 : i32
          %v426 = arith.muli %v425, %c12 : i32
          %v427 = arith.addi %v426, %c2 : i32
          %v428 = llvm.getelementptr %v1000002[%v427] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v429 = llvm.getelementptr %v428[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v430 = llvm.load %v429 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v431 = vector.extract %v430[0] : i32 from vector<4xi32>
          %v432 = vector.extract %v430[1] : i32 from vector<4xi32>
          %v433 = vector.extract %v430[2] : i32 from vector<4xi32>
          %v434 = vector.extract %v430[3] : i32 from vector<4xi32>
          %v435 = arith.muli %v373, %c10 : i32
          %v436 = arith.addi %v435, %c3 : i32
          %v437 = arith.muli %v436, %c3 : i32
          %v438 = arith.addi %v437, %v2 : i32
          %v439 = arith.muli %v438, %c12 : i32
          %v440 = arith.addi %v439, %c2 : i32
          %v441 = llvm.getelementptr %v1000002[%v440] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v442 = llvm.getelementptr %v441[%c9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v443 = llvm.load %v442 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v444 = vector.extract %v443[0] : i32 from vector<4xi32>
          %v445 = vector.extract %v443[1] : i32 from vector<4xi32>
          %v446 = vector.extract %v443[2] : i32 from vector<4xi32>
          %v447 = vector.extract %v443[3] : i32 from vector<4xi32>
          %v448 = arith.muli %v373, %c10 : i32
          %v449 = arith.addi %v448, %c2 : i32
          %v450 = arith.muli %v449, %c3 : i32
          %v451 = arith.addi %v450, %v2 : i32
          %v452 = arith.muli %v451, %c6 : i32
          %v453 = arith.addi %c5, %v452 : i32
          %v454 = llvm.getelementptr %v1000002[%v453] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v455 = llvm.load %v454 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v456 = arith.muli %v449, %c3 : i32
          %v457 = arith.addi %v456, %v2 : i32
          %v458 = arith.muli %v457, %c6 : i32
          %v459 = arith.addi %c5, %v458 : i32
          %v460 = llvm.getelementptr %v1000002[%v459] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v461 = llvm.getelementptr %v460[%c14] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v462 = llvm.load %v461 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
          %v463 = arith.muli %v373, %c10 : i32
          %v464 = arith.addi %v463, %c3 : i32
          %v465 = arith.muli %v464, %c3 : i32
          %v466 = arith.addi %v465, %v2 : i32
          %v467 = arith.muli %v466, %c6 : i32
          %v468 = arith.addi %c5, %v467 : i32
          %v469 = llvm.getelementptr %v1000002[%v468] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v470 = llvm.load %v469 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v471 = arith.muli %v464, %c3 : i32
          %v472 = arith.addi %v471, %v2 : i32
          %v473 = arith.muli %v472, %c6 : i32
          %v474 = arith.addi %c5, %v473 : i32
          %v475 = llvm.getelementptr %v1000002[%v474] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v476 = llvm.getelementptr %v475[%c14] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v477 = llvm.load %v476 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
          llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c2) : (i32) -> ()
          %v478 = vector.extract %v380[0] : f16 from vector<2xf16>
          %v479 = arith.extf %v478 : f16 to f32
          %v480 = arith.mulf %v479, %v455 : f32
          %v481 = arith.muli %v462, %c16 : i32
          %v482 = arith.andi %v386, %c15 : i32
          %v483 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v482, %c8, %v405, %v481, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v484 = arith.andi %v387, %c15 : i32
          %v485 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v484, %c8, %v406, %v483, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v486 = arith.andi %v388, %c15 : i32
          %v487 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v486, %c8, %v407, %v485, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v488 = arith.andi %v389, %c15 : i32
          %v489 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v488, %c8, %v408, %v487, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v490 = arith.andi %v392, %c15 : i32
          %v491 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v490, %c8, %v418, %v489, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v492 = arith.andi %v393, %c15 : i32
          %v493 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v492, %c8, %v419, %v491, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v494 = arith.andi %v394, %c15 : i32
          %v495 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v494, %c8, %v420, %v493, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v496 = arith.andi %v395, %c15 : i32
          %v497 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v496, %c8, %v421, %v495, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v498 = arith.sitofp %v497 : i32 to f32
          %v499 = llvm.intr.fma(%v498, %v480, %v374) : (f32, f32, f32) -> f32
          %v500 = vector.extract %v380[1] : f16 from vector<2xf16>
          %v501 = arith.extf %v500 : f16 to f32
          %v502 = arith.mulf %v501, %v470 : f32
          %v503 = arith.muli %v477, %c16 : i32
          %v504 = arith.shrui %v386, %c6 : i32
          %v505 = arith.andi %v504, %c15 : i32
          %v506 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v505, %c8, %v431, %v503, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v507 = arith.shrui %v387, %c6 : i32
          %v508 = arith.andi %v507, %c15 : i32
          %v509 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v508, %c8, %v432, %v506, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v510 = arith.shrui %v388, %c6 : i32
          %v511 = arith.andi %v510, %c15 : i32
          %v512 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v511, %c8, %v433, %v509, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v513 = arith.shrui %v389, %c6 : i32
          %v514 = arith.andi %v513, %c15 : i32
          %v515 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v514, %c8, %v434, %v512, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v516 = arith.shrui %v392, %c6 : i32
          %v517 = arith.andi %v516, %c15 : i32
          %v518 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v517, %c8, %v444, %v515, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v519 = arith.shrui %v393, %c6 : i32
          %v520 = arith.andi %v519, %c15 : i32
          %v521 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v520, %c8, %v445, %v518, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v522 = arith.shrui %v394, %c6 : i32
          %v523 = arith.andi %v522, %c15 : i32
          %v524 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v523, %c8, %v446, %v521, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v525 = arith.shrui %v395, %c6 : i32
          %v526 = arith.andi %v525, %c15 : i32
          %v527 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v526, %c8, %v447, %v524, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v528 = arith.sitofp %v527 : i32 to f32
          %v529 = llvm.intr.fma(%v528, %v502, %v499) : (f32, f32, f32) -> f32
          scf.yield %v529 : f32
        }
        %v530 = arith.select %c8, %v375#0, %v375#0 : f32
        %v533:1 = scf.for %v531 = %v3 to %c3 step %c12 iter_args(%v532 = %c7) -> (f32) : i32 {
          %v534 = arith.muli %v56, %c13 : i32
          %v535 = llvm.getelementptr %v1000003[%v534] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v536 = arith.muli %v531, %c6 : i32
          %v537 = llvm.getelementptr %v535[%v536] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v538 = llvm.load %v537 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> vector<2xf16>
          %v539 = arith.muli %v531, %c12 : i32
          %v540 = arith.addi %c6, %v539 : i32
          %v541 = llvm.getelementptr %v535[%v540] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v542 = llvm.getelementptr %v541[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v543 = llvm.load %v542 {alignment = 4 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v544 = vector.extract %v543[0] : i32 from vector<4xi32>
          %v545 = vector.extract %v543[1] : i32 from vector<4xi32>
          %v546 = vector.extract %v543[2] : i32 from vector<4xi32>
          %v547 = vector.extract %v543[3] : i32 from vector<4xi32>
          %v548 = llvm.getelementptr %v541[%c9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v549 = llvm.load %v548 {alignment = 4 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v550 = vector.extract %v549[0] : i32 from vector<4xi32>
          %v551 = vector.extract %v549[1] : i32 from vector<4xi32>
          %v552 = vector.extract %v549[2] : i32 from vector<4xi32>
          %v553 = vector.extract %v549[3] : i32 from vector<4xi32>
          %v554 = arith.muli %v531, %c10 : i32
          %v555 = arith.addi %v554, %c2 : i32
          %v556 = arith.muli %v555, %c3 : i32
          %v557 = arith.addi %v556, %v2 : i32
          %v558 = arith.muli %v557, %c12 : i32
          %v559 = arith.addi %v558, %c2 : i32
          %v560 = llvm.getelementptr %v1000002[%v559] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v561 = llvm.getelementptr %v560[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v562 = llvm.load %v561 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v563 = vector.extract %v562[0] : i32 from vector<4xi32>
          %v564 = vector.extract %v562[1] : i32 from vector<4xi32>
          %v565 = vector.extract %v562[2] : i32 from vector<4xi32>
          %v566 = vector.extract %v562[3] : i32 from vector<4xi32>
          %v567 = arith.muli %v531, %c10 : i32
          %v568 = arith.addi %v567, %c2 : i32
          %v569 = arith.muli %v568, %c3 : i32
          %v570 = arith.addi %v569, %v2 : i32
          %v571 = arith.muli %v570, %c12 : i32
          %v572 = arith.addi %v571, %c2 : i32
          %v573 = llvm.getelementptr %v1000002[%v572] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v574 = llvm.getelementptr %v573[%c9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v575 = llvm.load %v574 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v576 = vector.extract %v575[0] : i32 from vector<4xi32>
          %v577 = vector.extract %v575[1] : i32 from vector<4xi32>
          %v578 = vector.extract %v575[2] : i32 from vector<4xi32>
          %v579 = vector.extract %v575[3] : i32 from vector<4xi32>
          %v580 = arith.muli %v531, %c10 : i32
          %v581 = arith.addi %v580, %c3 : i32
          %v582 = arith.muli %v581, %c3 : i32
          %v583 = arith.addi %v582, %v2 : i32
          %v584 = arith.muli %v583, %c12 : i32
          %v585 = arith.addi %v584, %c2 : i32
          %v586 = llvm.getelementptr %v1000002[%v585] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v587 = llvm.getelementptr %v586[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v588 = llvm.load %v587 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v589 = vector.extract %v588[0] : i32 from vector<4xi32>
          %v590 = vector.extract %v588[1] : i32 from vector<4xi32>
          %v591 = vector.extract %v588[2] : i32 from vector<4xi32>
          %v592 = vector.extract %v588[3] : i32 from vector<4xi32>
          %v593 = arith.muli %v531, %c10 : i32
          %v594 = arith.addi %v593, %c3 : i32
          %v595 = arith.muli %v594, %c3 : i32
          %v596 = arith.addi %v595, %v2 : i32
          %v597 = arith.muli %v596, %c12 : i32
          %v598 = arith.addi %v597, %c2 : i32
          %v599 = llvm.getelementptr %v1000002[%v598] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v600 = llvm.getelementptr %v599[%c9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v601 = llvm.load %v600 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v602 = vector.extract %v601[0] : i32 from vector<4xi32>
          %v603 = vector.extract %v601[1] : i32 from vector<4xi32>
          %v604 = vector.extract %v601[2] : i32 from vector<4xi32>
          %v605 = vector.extract %v601[3] : i32 from vector<4xi32>
          %v606 = arith.muli %v531, %c10 : i32
          %v607 = arith.addi %v606, %c2 : i32
          %v608 = arith.muli %v607, %c3 : i32
          %v609 = arith.addi %v608, %v2 : i32
          %v610 = arith.muli %v609, %c6 : i32
          %v611 = arith.addi %c5, %v610 : i32
          %v612 = llvm.getelementptr %v1000002[%v611] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v613 = llvm.load %v612 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v614 = arith.muli %v607, %c3 : i32
          %v615 = arith.addi %v614, %v2 : i32
          %v616 = arith.muli %v615, %c6 : i32
          %v617 = arith.addi %c5, %v616 : i32
          %v618 = llvm.getelementptr %v1000002[%v617] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v619 = llvm.getelementptr %v618[%c14] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v620 = llvm.load %v619 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
          %v621 = arith.muli %v531, %c10 : i32
          %v622 = arith.addi %v621, %c3 : i32
          %v623 = arith.muli %v622, %c3 : i32
          %v624 = arith.addi %v623, %v2 : i32
          %v625 = arith.muli %v624, %c6 : i32
          %v626 = arith.addi %c5, %v625 : i32
          %v627 = llvm.getelementptr %v1000002[%v626] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v628 = llvm.load %v627 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v629 = arith.muli %v622, %c3 : i32
          %v630 = arith.addi %v629, %v2 : i32
          %v631 = arith.muli %v630, %c6 : i32
          %v632 = arith.addi %c5, %v631 : i32
          %v633 = llvm.getelementptr %v1000002[%v632] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v634 = llvm.getelementptr %v633[%c14] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v635 = llvm.load %v634 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
          llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c2) : (i32) -> ()
          %v636 = vector.extract %v538[0] : f16 from vector<2xf16>
          %v637 = arith.extf %v636 : f16 to f32
          %v638 = arith.mulf %v637, %v613 : f32
          %v639 = arith.muli %v620, %c16 : i32
          %v640 = arith.andi %v544, %c15 : i32
          %v641 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v640, %c8, %v563, %v639, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v642 = arith.andi %v545, %c15 : i32
          %v643 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v642, %c8, %v564, %v641, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v644 = arith.andi %v546, %c15 : i32
          %v645 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v644, %c8, %v565, %v643, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v646 = arith.andi %v547, %c15 : i32
          %v647 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v646, %c8, %v566, %v645, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v648 = arith.andi %v550, %c15 : i32
          %v649 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v648, %c8, %v576, %v647, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v650 = arith.andi %v551, %c15 : i32
          %v651 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v650, %c8, %v577, %v649, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v652 = arith.andi %v552, %c15 : i32
          %v653 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v652, %c8, %v578, %v651, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v654 = arith.andi %v553, %c15 : i32
          %v655 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v654, %c8, %v579, %v653, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v656 = arith.sitofp %v655 : i32 to f32
          %v657 = llvm.intr.fma(%v656, %v638, %v532) : (f32, f32, f32) -> f32
          %v658 = vector.extract %v538[1] : f16 from vector<2xf16>
          %v659 = arith.extf %v658 : f16 to f32
          %v660 = arith.mulf %v659, %v628 : f32
          %v661 = arith.muli %v635, %c16 : i32
          %v662 = arith.shrui %v544, %c6 : i32
          %v663 = arith.andi %v662, %c15 : i32
          %v664 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v663, %c8, %v589, %v661, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v665 = arith.shrui %v545, %c6 : i32
          %v666 = arith.andi %v665, %c15 : i32
          %v667 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v666, %c8, %v590, %v664, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v668 = arith.shrui %v546, %c6 : i32
          %v669 = arith.andi %v668, %c15 : i32
          %v670 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v669, %c8, %v591, %v667, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v671 = arith.shrui %v547, %c6 : i32
          %v672 = arith.andi %v671, %c15 : i32
          %v673 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v672, %c8, %v592, %v670, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v674 = arith.shrui %v550, %c6 : i32
          %v675 = arith.andi %v674, %c15 : i32
          %v676 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v675, %c8, %v602, %v673, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v677 = arith.shrui %v551, %c6 : i32
          %v678 = arith.andi %v677, %c15 : i32
          %v679 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v678, %c8, %v603, %v676, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v680 = arith.shrui %v552, %c6 : i32
          %v681 = arith.andi %v680, %c15 : i32
          %v682 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v681, %c8, %v604, %v679, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v683 = arith.shrui %v553, %c6 : i32
          %v684 = arith.andi %v683, %c15 : i32
          %v685 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c17, %v684, %c8, %v605, %v682, %c17) : (i1, i32, i1, i32, i32, i1) -> i32
          %v686 = arith.sitofp %v685 : i32 to f32
          %v687 = llvm.intr.fma(%v686, %v660, %v657) : (f32, f32, f32) -> f32
          scf.yield %v687 : f32
        }
        %v688 = arith.select %c8, %v533#0, %v533#0 : f32
        %v689i = gpu.thread_id x
        %v689 = arith.index_cast %v689i : index to i32
        %v690 = arith.andi %v689, %c0 : i32
        %v691 = arith.andi %v690, %c3 : i32
        %v692 = arith.cmpi eq, %v691, %c3 : i32
        %v693 = arith.select %v692, %v372, %v214 : f32
        %v694 = arith.select %v692, %v214, %v372 : f32
        %v695, %v695ok = gpu.shuffle xor %v694, %c3, %c12 : f32
        %v696 = arith.addf %v693, %v695 : f32
        %v697 = arith.select %v692, %v688, %v530 : f32
        %v698 = arith.select %v692, %v530, %v688 : f32
        %v699, %v699ok = gpu.shuffle xor %v698, %c3, %c12 : f32
        %v700 = arith.addf %v697, %v699 : f32
        %v701 = arith.andi %v690, %c10 : i32
        %v702 = arith.cmpi eq, %v701, %c10 : i32
        %v703 = arith.select %v702, %v700, %v696 : f32
        %v704 = arith.select %v702, %v696, %v700 : f32
        %v705, %v705ok = gpu.shuffle xor %v704, %c10, %c12 : f32
        %v706 = arith.addf %v703, %v705 : f32
        %v707, %v707ok = gpu.shuffle xor %v706, %c6, %c12 : f32
        %v708 = arith.addf %v706, %v707 : f32
        %v709, %v709ok = gpu.shuffle xor %v708, %c14, %c12 : f32
        %v710 = arith.addf %v708, %v709 : f32
        %v711, %v711ok = gpu.shuffle xor %v710, %c9, %c12 : f32
        %v712 = arith.addf %v710, %v711 : f32
        %v713 = arith.cmpi slt, %v3, %c6 : i32
        scf.if %v713 {
          %v714 = arith.muli %v3, %c6 : i32
          %v715 = arith.addi %v27, %v714 : i32
          %v716 = arith.cmpi slt, %v715, %v26 : i32
          %v717 = arith.select %v716, %v715, %v27 : i32
          %v718 = arith.muli %v717, %c6 : i32
          %v719 = llvm.getelementptr %v5[%v718] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
          %v720 = llvm.load %v719 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
          %v721 = arith.muli %v720, %c6 : i32
          %v722 = llvm.getelementptr %v10[%v721] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          scf.if %v716 {
            %v723 = llvm.load %v722 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
            %v724 = arith.mulf %v723, %v712 : f32
            llvm.store %v724, %v722 {alignment = 4 : i64} : f32, !llvm.ptr<1>
          }
        }
      }
    }
    gpu.return
  }
}
}
