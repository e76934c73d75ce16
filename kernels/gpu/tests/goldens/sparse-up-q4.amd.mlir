module attributes {gpu.container_module} {
gpu.module @kernels {
  llvm.mlir.global internal @sparse_up_shared0() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<256 x i8>
  llvm.mlir.global internal @sparse_up_shared1() {addr_space = 3 : i32, alignment = 4 : i64} : !llvm.array<4 x i8>
  gpu.func @sparse_up(%v1000000: !llvm.ptr<1>, %v1000001: !llvm.ptr<1>, %v1000002: !llvm.ptr<1>, %v1000003: !llvm.ptr<1> {llvm.noalias, llvm.readonly}) kernel attributes {gpu.known_block_size = array<i32: 128, 1, 1>, rocdl.flat_work_group_size = "128,128"} {
    %c16 = arith.constant false
    %c8 = arith.constant true
    %c2 = arith.constant 0 : i32
    %c3 = arith.constant 1 : i32
    %c12 = arith.constant 2 : i32
    %c17 = arith.constant 3 : i32
    %c6 = arith.constant 4 : i32
    %c1 = arith.constant 5 : i32
    %c13 = arith.constant 8 : i32
    %c9 = arith.constant 16 : i32
    %c0 = arith.constant 31 : i32
    %c11 = arith.constant 32 : i32
    %c10 = arith.constant 36 : i32
    %c5 = arith.constant 64 : i32
    %c4 = arith.constant 256 : i32
    %c14 = arith.constant 252645135 : i32
    %c15 = arith.constant -8 : i32
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
        %v36 = arith.muli %v35, %c10 : i32
        %v37 = llvm.getelementptr %v1000003[%v36] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v40:1 = scf.for %v38 = %v3 to %c3 step %c11 iter_args(%v39 = %c7) -> (f32) : i32 {
          %v41 = arith.muli %v38, %c6 : i32
          %v42 = llvm.getelementptr %v37[%v41] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v43 = llvm.load %v42 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> vector<2xf16>
          %v44 = arith.muli %v38, %c11 : i32
          %v45 = arith.addi %c6, %v44 : i32
          %v46 = llvm.getelementptr %v37[%v45] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v47 = llvm.getelementptr %v46[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v48 = llvm.load %v47 {alignment = 4 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v49 = vector.extract %v48[0] : i32 from vector<4xi32>
          %v50 = vector.extract %v48[1] : i32 from vector<4xi32>
          %v51 = vector.extract %v48[2] : i32 from vector<4xi32>
          %v52 = vector.extract %v48[3] : i32 from vector<4xi32>
          %v53 = llvm.getelementptr %v46[%c9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v54 = llvm.load %v53 {alignment = 4 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v55 = vector.extract %v54[0] : i32 from vector<4xi32>
          %v56 = vector.extract %v54[1] : i32 from vector<4xi32>
          %v57 = vector.extract %v54[2] : i32 from vector<4xi32>
          %v58 = vector.extract %v54[3] : i32 from vector<4xi32>
          %v59 = arith.muli %v38, %c12 : i32
          %v60 = arith.addi %v59, %c2 : i32
          %v61 = arith.muli %v60, %c3 : i32
          %v62 = arith.addi %v61, %v2 : i32
          %v63 = arith.muli %v62, %c11 : i32
          %v64 = arith.addi %v63, %c2 : i32
          %v65 = llvm.getelementptr %v1000002[%v64] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v66 = llvm.getelementptr %v65[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v67 = llvm.load %v66 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v68 = vector.extract %v67[0] : i32 from vector<4xi32>
          %v69 = vector.extract %v67[1] : i32 from vector<4xi32>
          %v70 = vector.extract %v67[2] : i32 from vector<4xi32>
          %v71 = vector.extract %v67[3] : i32 from vector<4xi32>
          %v72 = arith.muli %v38, %c12 : i32
          %v73 = arith.addi %v72, %c2 : i32
          %v74 = arith.muli %v73, %c3 : i32
          %v75 = arith.addi %v74, %v2 : i32
          %v76 = arith.muli %v75, %c11 : i32
          %v77 = arith.addi %v76, %c2 : i32
          %v78 = llvm.getelementptr %v1000002[%v77] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v79 = llvm.getelementptr %v78[%c9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v80 = llvm.load %v79 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v81 = vector.extract %v80[0] : i32 from vector<4xi32>
          %v82 = vector.extract %v80[1] : i32 from vector<4xi32>
          %v83 = vector.extract %v80[2] : i32 from vector<4xi32>
          %v84 = vector.extract %v80[3] : i32 from vector<4xi32>
          %v85 = arith.muli %v38, %c12 : i32
          %v86 = arith.addi %v85, %c3 : i32
          %v87 = arith.muli %v86, %c3 : i32
          %v88 = arith.addi %v87, %v2 : i32
          %v89 = arith.muli %v88, %c11 : i32
          %v90 = arith.addi %v89, %c2 : i32
          %v91 = llvm.getelementptr %v1000002[%v90] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v92 = llvm.getelementptr %v91[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v93 = llvm.load %v92 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v94 = vector.extract %v93[0] : i32 from vector<4xi32>
          %v95 = vector.extract %v93[1] : i32 from vector<4xi32>
          %v96 = vector.extract %v93[2] : i32 from vector<4xi32>
          %v97 = vector.extract %v93[3] : i32 from vector<4xi32>
          %v98 = arith.muli %v38, %c12 : i32
          %v99 = arith.addi %v98, %c3 : i32
          %v100 = arith.muli %v99, %c3 : i32
          %v101 = arith.addi %v100, %v2 : i32
          %v102 = arith.muli %v101, %c11 : i32
          %v103 = arith.addi %v102, %c2 : i32
          %v104 = llvm.getelementptr %v1000002[%v103] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v105 = llvm.getelementptr %v104[%c9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v106 = llvm.load %v105 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v107 = vector.extract %v106[0] : i32 from vector<4xi32>
          %v108 = vector.extract %v106[1] : i32 from vector<4xi32>
          %v109 = vector.extract %v106[2] : i32 from vector<4xi32>
          %v110 = vector.extract %v106[3] : i32 from vector<4xi32>
          %v111 = arith.muli %v38, %c12 : i32
          %v112 = arith.addi %v111, %c2 : i32
          %v113 = arith.muli %v112, %c3 : i32
          %v114 = arith.addi %v113, %v2 : i32
          %v115 = arith.muli %v114, %c6 : i32
          %v116 = arith.addi %c5, %v115 : i32
          %v117 = llvm.getelementptr %v1000002[%v116] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v118 = llvm.load %v117 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v119 = arith.muli %v112, %c3 : i32
          %v120 = arith.addi %v119, %v2 : i32
          %v121 = arith.muli %v120, %c6 : i32
          %v122 = arith.addi %c5, %v121 : i32
          %v123 = llvm.getelementptr %v1000002[%v122] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v124 = llvm.getelementptr %v123[%c13] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v125 = llvm.load %v124 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
          %v126 = arith.muli %v38, %c12 : i32
          %v127 = arith.addi %v126, %c3 : i32
          %v128 = arith.muli %v127, %c3 : i32
          %v129 = arith.addi %v128, %v2 : i32
          %v130 = arith.muli %v129, %c6 : i32
          %v131 = arith.addi %c5, %v130 : i32
          %v132 = llvm.getelementptr %v1000002[%v131] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v133 = llvm.load %v132 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v134 = arith.muli %v127, %c3 : i32
          %v135 = arith.addi %v134, %v2 : i32
          %v136 = arith.muli %v135, %c6 : i32
          %v137 = arith.addi %c5, %v136 : i32
          %v138 = llvm.getelementptr %v1000002[%v137] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v139 = llvm.getelementptr %v138[%c13] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v140 = llvm.load %v139 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
          llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c2) : (i32) -> ()
          %v141 = vector.extract %v43[0] : f16 from vector<2xf16>
          %v142 = arith.extf %v141 : f16 to f32
          %v143 = arith.mulf %v142, %v118 : f32
          %v144 = arith.muli %v125, %c15 : i32
          %v145 = arith.andi %v49, %c14 : i32
          %v146 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v145, %c8, %v68, %v144, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v147 = arith.andi %v50, %c14 : i32
          %v148 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v147, %c8, %v69, %v146, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v149 = arith.andi %v51, %c14 : i32
          %v150 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v149, %c8, %v70, %v148, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v151 = arith.andi %v52, %c14 : i32
          %v152 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v151, %c8, %v71, %v150, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v153 = arith.andi %v55, %c14 : i32
          %v154 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v153, %c8, %v81, %v152, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v155 = arith.andi %v56, %c14 : i32
          %v156 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v155, %c8, %v82, %v154, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v157 = arith.andi %v57, %c14 : i32
          %v158 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v157, %c8, %v83, %v156, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v159 = arith.andi %v58, %c14 : i32
          %v160 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v159, %c8, %v84, %v158, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v161 = arith.sitofp %v160 : i32 to f32
          %v162 = llvm.intr.fma(%v161, %v143, %v39) : (f32, f32, f32) -> f32
          %v163 = vector.extract %v43[1] : f16 from vector<2xf16>
          %v164 = arith.extf %v163 : f16 to f32
          %v165 = arith.mulf %v164, %v133 : f32
          %v166 = arith.muli %v140, %c15 : i32
          %v167 = arith.shrui %v49, %c6 : i32
          %v168 = arith.andi %v167, %c14 : i32
          %v169 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v168, %c8, %v94, %v166, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v170 = arith.shrui %v50, %c6 : i32
          %v171 = arith.andi %v170, %c14 : i32
          %v172 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v171, %c8, %v95, %v169, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v173 = arith.shrui %v51, %c6 : i32
          %v174 = arith.andi %v173, %c14 : i32
          %v175 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v174, %c8, %v96, %v172, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v176 = arith.shrui %v52, %c6 : i32
          %v177 = arith.andi %v176, %c14 : i32
          %v178 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v177, %c8, %v97, %v175, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v179 = arith.shrui %v55, %c6 : i32
          %v180 = arith.andi %v179, %c14 : i32
          %v181 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v180, %c8, %v107, %v178, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v182 = arith.shrui %v56, %c6 : i32
          %v183 = arith.andi %v182, %c14 : i32
          %v184 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v183, %c8, %v108, %v181, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v185 = arith.shrui %v57, %c6 : i32
          %v186 = arith.andi %v185, %c14 : i32
          %v187 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v186, %c8, %v109, %v184, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v188 = arith.shrui %v58, %c6 : i32
          %v189 = arith.andi %v188, %c14 : i32
          %v190 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v189, %c8, %v110, %v187, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v191 = arith.sitofp %v190 : i32 to f32
          %v192 = llvm.intr.fma(%v191, %v165, %v162) : (f32, f32, f32) -> f32
          scf.yield %v192 : f32
        }
        %v193 = arith.select %c8, %v40#0, %v40#0 : f32
        %v194 = arith.muli %c3, %c6 : i32
        %v195 = arith.addi %v27, %v194 : i32
        %v196 = arith.cmpi slt, %v195, %v26 : i32
        %v197 = arith.select %v196, %v195, %v27 : i32
        %v198 = arith.muli %v197, %c6 : i32
        %v199 = llvm.getelementptr %v5[%v198] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v200 = llvm.load %v199 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v201 = arith.muli %v200, %c10 : i32
        %v202 = llvm.getelementptr %v1000003[%v201] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v205:1 = scf.for %v203 = %v3 to %c3 step %c11 iter_args(%v204 = %c7) -> (f32) : i32 {
          %v206 = arith.muli %v203, %c6 : i32
          %v207 = llvm.getelementptr %v202[%v206] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v208 = llvm.load %v207 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> vector<2xf16>
          %v209 = arith.muli %v203, %c11 : i32
          %v210 = arith.addi %c6, %v209 : i32
          %v211 = llvm.getelementptr %v202[%v210] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v212 = llvm.getelementptr %v211[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v213 = llvm.load %v212 {alignment = 4 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v214 = vector.extract %v213[0] : i32 from vector<4xi32>
          %v215 = vector.extract %v213[1] : i32 from vector<4xi32>
          %v216 = vector.extract %v213[2] : i32 from vector<4xi32>
          %v217 = vector.extract %v213[3] : i32 from vector<4xi32>
          %v218 = llvm.getelementptr %v211[%c9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v219 = llvm.load %v218 {alignment = 4 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v220 = vector.extract %v219[0] : i32 from vector<4xi32>
          %v221 = vector.extract %v219[1] : i32 from vector<4xi32>
          %v222 = vector.extract %v219[2] : i32 from vector<4xi32>
          %v223 = vector.extract %v219[3] : i32 from vector<4xi32>
          %v224 = arith.muli %v203, %c12 : i32
          %v225 = arith.addi %v224, %c2 : i32
          %v226 = arith.muli %v225, %c3 : i32
          %v227 = arith.addi %v226, %v2 : i32
          %v228 = arith.muli %v227, %c11 : i32
          %v229 = arith.addi %v228, %c2 : i32
          %v230 = llvm.getelementptr %v1000002[%v229] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v231 = llvm.getelementptr %v230[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v232 = llvm.load %v231 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v233 = vector.extract %v232[0] : i32 from vector<4xi32>
          %v234 = vector.extract %v232[1] : i32 from vector<4xi32>
          %v235 = vector.extract %v232[2] : i32 from vector<4xi32>
          %v236 = vector.extract %v232[3] : i32 from vector<4xi32>
          %v237 = arith.muli %v203, %c12 : i32
          %v238 = arith.addi %v237, %c2 : i32
          %v239 = arith.muli %v238, %c3 : i32
          %v240 = arith.addi %v239, %v2 : i32
          %v241 = arith.muli %v240, %c11 : i32
          %v242 = arith.addi %v241, %c2 : i32
          %v243 = llvm.getelementptr %v1000002[%v242] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v244 = llvm.getelementptr %v243[%c9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v245 = llvm.load %v244 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v246 = vector.extract %v245[0] : i32 from vector<4xi32>
          %v247 = vector.extract %v245[1] : i32 from vector<4xi32>
          %v248 = vector.extract %v245[2] : i32 from vector<4xi32>
          %v249 = vector.extract %v245[3] : i32 from vector<4xi32>
          %v250 = arith.muli %v203, %c12 : i32
          %v251 = arith.addi %v250, %c3 : i32
          %v252 = arith.muli %v251, %c3 : i32
          %v253 = arith.addi %v252, %v2 : i32
          %v254 = arith.muli %v253, %c11 : i32
          %v255 = arith.addi %v254, %c2 : i32
          %v256 = llvm.getelementptr %v1000002[%v255] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v257 = llvm.getelementptr %v256[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v258 = llvm.load %v257 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v259 = vector.extract %v258[0] : i32 from vector<4xi32>
          %v260 = vector.extract %v258[1] : i32 from vector<4xi32>
          %v261 = vector.extract %v258[2] : i32 from vector<4xi32>
          %v262 = vector.extract %v258[3] : i32 from vector<4xi32>
          %v263 = arith.muli %v203, %c12 : i32
          %v264 = arith.addi %v263, %c3 : i32
          %v265 = arith.muli %v264, %c3 : i32
          %v266 = arith.addi %v265, %v2 : i32
          %v267 = arith.muli %v266, %c11 : i32
          %v268 = arith.addi %v267, %c2 : i32
          %v269 = llvm.getelementptr %v1000002[%v268] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v270 = llvm.getelementptr %v269[%c9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v271 = llvm.load %v270 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v272 = vector.extract %v271[0] : i32 from vector<4xi32>
          %v273 = vector.extract %v271[1] : i32 from vector<4xi32>
          %v274 = vector.extract %v271[2] : i32 from vector<4xi32>
          %v275 = vector.extract %v271[3] : i32 from vector<4xi32>
          %v276 = arith.muli %v203, %c12 : i32
          %v277 = arith.addi %v276, %c2 : i32
          %v278 = arith.muli %v277, %c3 : i32
          %v279 = arith.addi %v278, %v2 : i32
          %v280 = arith.muli %v279, %c6 : i32
          %v281 = arith.addi %c5, %v280 : i32
          %v282 = llvm.getelementptr %v1000002[%v281] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v283 = llvm.load %v282 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v284 = arith.muli %v277, %c3 : i32
          %v285 = arith.addi %v284, %v2 : i32
          %v286 = arith.muli %v285, %c6 : i32
          %v287 = arith.addi %c5, %v286 : i32
          %v288 = llvm.getelementptr %v1000002[%v287] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v289 = llvm.getelementptr %v288[%c13] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v290 = llvm.load %v289 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
          %v291 = arith.muli %v203, %c12 : i32
          %v292 = arith.addi %v291, %c3 : i32
          %v293 = arith.muli %v292, %c3 : i32
          %v294 = arith.addi %v293, %v2 : i32
          %v295 = arith.muli %v294, %c6 : i32
          %v296 = arith.addi %c5, %v295 : i32
          %v297 = llvm.getelementptr %v1000002[%v296] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v298 = llvm.load %v297 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v299 = arith.muli %v292, %c3 : i32
          %v300 = arith.addi %v299, %v2 : i32
          %v301 = arith.muli %v300, %c6 : i32
          %v302 = arith.addi %c5, %v301 : i32
          %v303 = llvm.getelementptr %v1000002[%v302] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v304 = llvm.getelementptr %v303[%c13] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v305 = llvm.load %v304 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
          llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c2) : (i32) -> ()
          %v306 = vector.extract %v208[0] : f16 from vector<2xf16>
          %v307 = arith.extf %v306 : f16 to f32
          %v308 = arith.mulf %v307, %v283 : f32
          %v309 = arith.muli %v290, %c15 : i32
          %v310 = arith.andi %v214, %c14 : i32
          %v311 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v310, %c8, %v233, %v309, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v312 = arith.andi %v215, %c14 : i32
          %v313 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v312, %c8, %v234, %v311, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v314 = arith.andi %v216, %c14 : i32
          %v315 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v314, %c8, %v235, %v313, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v316 = arith.andi %v217, %c14 : i32
          %v317 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v316, %c8, %v236, %v315, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v318 = arith.andi %v220, %c14 : i32
          %v319 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v318, %c8, %v246, %v317, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v320 = arith.andi %v221, %c14 : i32
          %v321 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v320, %c8, %v247, %v319, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v322 = arith.andi %v222, %c14 : i32
          %v323 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v322, %c8, %v248, %v321, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v324 = arith.andi %v223, %c14 : i32
          %v325 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v324, %c8, %v249, %v323, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v326 = arith.sitofp %v325 : i32 to f32
          %v327 = llvm.intr.fma(%v326, %v308, %v204) : (f32, f32, f32) -> f32
          %v328 = vector.extract %v208[1] : f16 from vector<2xf16>
          %v329 = arith.extf %v328 : f16 to f32
          %v330 = arith.mulf %v329, %v298 : f32
          %v331 = arith.muli %v305, %c15 : i32
          %v332 = arith.shrui %v214, %c6 : i32
          %v333 = arith.andi %v332, %c14 : i32
          %v334 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v333, %c8, %v259, %v331, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v335 = arith.shrui %v215, %c6 : i32
          %v336 = arith.andi %v335, %c14 : i32
          %v337 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v336, %c8, %v260, %v334, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v338 = arith.shrui %v216, %c6 : i32
          %v339 = arith.andi %v338, %c14 : i32
          %v340 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v339, %c8, %v261, %v337, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v341 = arith.shrui %v217, %c6 : i32
          %v342 = arith.andi %v341, %c14 : i32
          %v343 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v342, %c8, %v262, %v340, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v344 = arith.shrui %v220, %c6 : i32
          %v345 = arith.andi %v344, %c14 : i32
          %v346 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v345, %c8, %v272, %v343, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v347 = arith.shrui %v221, %c6 : i32
          %v348 = arith.andi %v347, %c14 : i32
          %v349 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v348, %c8, %v273, %v346, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v350 = arith.shrui %v222, %c6 : i32
          %v351 = arith.andi %v350, %c14 : i32
          %v352 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v351, %c8, %v274, %v349, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v353 = arith.shrui %v223, %c6 : i32
          %v354 = arith.andi %v353, %c14 : i32
          %v355 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v354, %c8, %v275, %v352, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v356 = arith.sitofp %v355 : i32 to f32
          %v357 = llvm.intr.fma(%v356, %v330, %v327) : (f32, f32, f32) -> f32
          scf.yield %v357 : f32
        }
        %v358 = arith.select %c8, %v205#0, %v205#0 : f32
        %v359 = arith.muli %c12, %c6 : i32
        %v360 = arith.addi %v27, %v359 : i32
        %v361 = arith.cmpi slt, %v360, %v26 : i32
        %v362 = arith.select %v361, %v360, %v27 : i32
        %v363 = arith.muli %v362, %c6 : i32
        %v364 = llvm.getelementptr %v5[%v363] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v365 = llvm.load %v364 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v366 = arith.muli %v365, %c10 : i32
        %v367 = llvm.getelementptr %v1000003[%v366] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v370:1 = scf.for %v368 = %v3 to %c3 step %c11 iter_args(%v369 = %c7) -> (f32) : i32 {
          %v371 = arith.muli %v368, %c6 : i32
          %v372 = llvm.getelementptr %v367[%v371] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v373 = llvm.load %v372 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> vector<2xf16>
          %v374 = arith.muli %v368, %c11 : i32
          %v375 = arith.addi %c6, %v374 : i32
          %v376 = llvm.getelementptr %v367[%v375] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v377 = llvm.getelementptr %v376[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v378 = llvm.load %v377 {alignment = 4 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v379 = vector.extract %v378[0] : i32 from vector<4xi32>
          %v380 = vector.extract %v378[1] : i32 from vector<4xi32>
          %v381 = vector.extract %v378[2] : i32 from vector<4xi32>
          %v382 = vector.extract %v378[3] : i32 from vector<4xi32>
          %v383 = llvm.getelementptr %v376[%c9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v384 = llvm.load %v383 {alignment = 4 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v385 = vector.extract %v384[0] : i32 from vector<4xi32>
          %v386 = vector.extract %v384[1] : i32 from vector<4xi32>
          %v387 = vector.extract %v384[2] : i32 from vector<4xi32>
          %v388 = vector.extract %v384[3] : i32 from vector<4xi32>
          %v389 = arith.muli %v368, %c12 : i32
          %v390 = arith.addi %v389, %c2 : i32
          %v391 = arith.muli %v390, %c3 : i32
          %v392 = arith.addi %v391, %v2 : i32
          %v393 = arith.muli %v392, %c11 : i32
          %v394 = arith.addi %v393, %c2 : i32
          %v395 = llvm.getelementptr %v1000002[%v394] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v396 = llvm.getelementptr %v395[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v397 = llvm.load %v396 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v398 = vector.extract %v397[0] : i32 from vector<4xi32>
          %v399 = vector.extract %v397[1] : i32 from vector<4xi32>
          %v400 = vector.extract %v397[2] : i32 from vector<4xi32>
          %v401 = vector.extract %v397[3] : i32 from vector<4xi32>
          %v402 = arith.muli %v368, %c12 : i32
          %v403 = arith.addi %v402, %c2 : i32
          %v404 = arith.muli %v403, %c3 : i32
          %v405 = arith.addi %v404, %v2 : i32
          %v406 = arith.muli %v405, %c11 : i32
          %v407 = arith.addi %v406, %c2 : i32
          %v408 = llvm.getelementptr %v1000002[%v407] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v409 = llvm.getelementptr %v408[%c9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v410 = llvm.load %v409 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v411 = vector.extract %v410[0] : i32 from vector<4xi32>
          %v412 = vector.extract %v410[1] : i32 from vector<4xi32>
          %v413 = vector.extract %v410[2] : i32 from vector<4xi32>
          %v414 = vector.extract %v410[3] : i32 from vector<4xi32>
          %v415 = arith.muli %v368, %c12 : i32
          %v416 = arith.addi %v415, %c3 : i32
          %v417 = arith.muli %v416, %c3 : i32
          %v418 = arith.addi %v417, %v2 : i32
          %v419 = arith.muli %v418, %c11 : i32
          %v420 = arith.addi %v419, %c2 : i32
          %v421 = llvm.getelementptr %v1000002[%v420] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v422 = llvm.getelementptr %v421[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v423 = llvm.load %v422 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v424 = vector.extract %v423[0] : i32 from vector<4xi32>
          %v425 = vector.extract %v423[1] : i32 from vector<4xi32>
          %v426 = vector.extract %v423[2] : i32 from vector<4xi32>
          %v427 = vector.extract %v423[3] : i32 from vector<4xi32>
          %v428 = arith.muli %v368, %c12 : i32
          %v429 = arith.addi %v428, %c3 : i32
          %v430 = arith.muli %v429, %c3 : i32
          %v431 = arith.addi %v430, %v2 : i32
          %v432 = arith.muli %v431, %c11 : i32
          %v433 = arith.addi %v432, %c2 : i32
          %v434 = llvm.getelementptr %v1000002[%v433] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v435 = llvm.getelementptr %v434[%c9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v436 = llvm.load %v435 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v437 = vector.extract %v436[0] : i32 from vector<4xi32>
          %v438 = vector.extract %v436[1] : i32 from vector<4xi32>
          %v439 = vector.extract %v436[2] : i32 from vector<4xi32>
          %v440 = vector.extract %v436[3] : i32 from vector<4xi32>
          %v441 = arith.muli %v368, %c12 : i32
          %v442 = arith.addi %v441, %c2 : i32
          %v443 = arith.muli %v442, %c3 : i32
          %v444 = arith.addi %v443, %v2 : i32
          %v445 = arith.muli %v444, %c6 : i32
          %v446 = arith.addi %c5, %v445 : i32
          %v447 = llvm.getelementptr %v1000002[%v446] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v448 = llvm.load %v447 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v449 = arith.muli %v442, %c3 : i32
          %v450 = arith.addi %v449, %v2 : i32
          %v451 = arith.muli %v450, %c6 : i32
          %v452 = arith.addi %c5, %v451 : i32
          %v453 = llvm.getelementptr %v1000002[%v452] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v454 = llvm.getelementptr %v453[%c13] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v455 = llvm.load %v454 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
          %v456 = arith.muli %v368, %c12 : i32
          %v457 = arith.addi %v456, %c3 : i32
          %v458 = arith.muli %v457, %c3 : i32
          %v459 = arith.addi %v458, %v2 : i32
          %v460 = arith.muli %v459, %c6 : i32
          %v461 = arith.addi %c5, %v460 : i32
          %v462 = llvm.getelementptr %v1000002[%v461] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v463 = llvm.load %v462 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v464 = arith.muli %v457, %c3 : i32
          %v465 = arith.addi %v464, %v2 : i32
          %v466 = arith.muli %v465, %c6 : i32
          %v467 = arith.addi %c5, %v466 : i32
          %v468 = llvm.getelementptr %v1000002[%v467] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v469 = llvm.getelementptr %v468[%c13] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v470 = llvm.load %v469 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
          llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c2) : (i32) -> ()
          %v471 = vector.extract %v373[0] : f16 from vector<2xf16>
          %v472 = arith.extf %v471 : f16 to f32
          %v473 = arith.mulf %v472, %v448 : f32
          %v474 = arith.muli %v455, %c15 : i32
          %v475 = arith.andi %v379, %c14 : i32
          %v476 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v475, %c8, %v398, %v474, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v477 = arith.andi %v380, %c14 : i32
          %v478 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v477, %c8, %v399, %v476, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v479 = arith.andi %v381, %c14 : i32
          %v480 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v479, %c8, %v400, %v478, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v481 = arith.andi %v382, %c14 : i32
          %v482 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v481, %c8, %v401, %v480, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v483 = arith.andi %v385, %c14 : i32
          %v484 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v483, %c8, %v411, %v482, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v485 = arith.andi %v386, %c14 : i32
          %v486 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v485, %c8, %v412, %v484, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v487 = arith.andi %v387, %c14 : i32
          %v488 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v487, %c8, %v413, %v486, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v489 = arith.andi %v388, %c14 : i32
          %v490 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v489, %c8, %v414, %v488, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v491 = arith.sitofp %v490 : i32 to f32
          %v492 = llvm.intr.fma(%v491, %v473, %v369) : (f32, f32, f32) -> f32
          %v493 = vector.extract %v373[1] : f16 from vector<2xf16>
          %v494 = arith.extf %v493 : f16 to f32
          %v495 = arith.mulf %v494, %v463 : f32
          %v496 = arith.muli %v470, %c15 : i32
          %v497 = arith.shrui %v379, %c6 : i32
          %v498 = arith.andi %v497, %c14 : i32
          %v499 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v498, %c8, %v424, %v496, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v500 = arith.shrui %v380, %c6 : i32
          %v501 = arith.andi %v500, %c14 : i32
          %v502 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v501, %c8, %v425, %v499, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v503 = arith.shrui %v381, %c6 : i32
          %v504 = arith.andi %v503, %c14 : i32
          %v505 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v504, %c8, %v426, %v502, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v506 = arith.shrui %v382, %c6 : i32
          %v507 = arith.andi %v506, %c14 : i32
          %v508 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v507, %c8, %v427, %v505, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v509 = arith.shrui %v385, %c6 : i32
          %v510 = arith.andi %v509, %c14 : i32
          %v511 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v510, %c8, %v437, %v508, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v512 = arith.shrui %v386, %c6 : i32
          %v513 = arith.andi %v512, %c14 : i32
          %v514 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v513, %c8, %v438, %v511, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v515 = arith.shrui %v387, %c6 : i32
          %v516 = arith.andi %v515, %c14 : i32
          %v517 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v516, %c8, %v439, %v514, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v518 = arith.shrui %v388, %c6 : i32
          %v519 = arith.andi %v518, %c14 : i32
          %v520 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v519, %c8, %v440, %v517, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v521 = arith.sitofp %v520 : i32 to f32
          %v522 = llvm.intr.fma(%v521, %v495, %v492) : (f32, f32, f32) -> f32
          scf.yield %v522 : f32
        }
        %v523 = arith.select %c8, %v370#0, %v370#0 : f32
        %v524 = arith.muli %c17, %c6 : i32
        %v525 = arith.addi %v27, %v524 : i32
        %v526 = arith.cmpi slt, %v525, %v26 : i32
        %v527 = arith.select %v526, %v525, %v27 : i32
        %v528 = arith.muli %v527, %c6 : i32
        %v529 = llvm.getelementptr %v5[%v528] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v530 = llvm.load %v529 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v531 = arith.muli %v530, %c10 : i32
        %v532 = llvm.getelementptr %v1000003[%v531] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v535:1 = scf.for %v533 = %v3 to %c3 step %c11 iter_args(%v534 = %c7) -> (f32) : i32 {
          %v536 = arith.muli %v533, %c6 : i32
          %v537 = llvm.getelementptr %v532[%v536] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v538 = llvm.load %v537 invariant {alignment = 4 : i64} : !llvm.ptr<1> -> vector<2xf16>
          %v539 = arith.muli %v533, %c11 : i32
          %v540 = arith.addi %c6, %v539 : i32
          %v541 = llvm.getelementptr %v532[%v540] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
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
          %v554 = arith.muli %v533, %c12 : i32
          %v555 = arith.addi %v554, %c2 : i32
          %v556 = arith.muli %v555, %c3 : i32
          %v557 = arith.addi %v556, %v2 : i32
          %v558 = arith.muli %v557, %c11 : i32
          %v559 = arith.addi %v558, %c2 : i32
          %v560 = llvm.getelementptr %v1000002[%v559] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v561 = llvm.getelementptr %v560[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v562 = llvm.load %v561 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v563 = vector.extract %v562[0] : i32 from vector<4xi32>
          %v564 = vector.extract %v562[1] : i32 from vector<4xi32>
          %v565 = vector.extract %v562[2] : i32 from vector<4xi32>
          %v566 = vector.extract %v562[3] : i32 from vector<4xi32>
          %v567 = arith.muli %v533, %c12 : i32
          %v568 = arith.addi %v567, %c2 : i32
          %v569 = arith.muli %v568, %c3 : i32
          %v570 = arith.addi %v569, %v2 : i32
          %v571 = arith.muli %v570, %c11 : i32
          %v572 = arith.addi %v571, %c2 : i32
          %v573 = llvm.getelementptr %v1000002[%v572] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v574 = llvm.getelementptr %v573[%c9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v575 = llvm.load %v574 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v576 = vector.extract %v575[0] : i32 from vector<4xi32>
          %v577 = vector.extract %v575[1] : i32 from vector<4xi32>
          %v578 = vector.extract %v575[2] : i32 from vector<4xi32>
          %v579 = vector.extract %v575[3] : i32 from vector<4xi32>
          %v580 = arith.muli %v533, %c12 : i32
          %v581 = arith.addi %v580, %c3 : i32
          %v582 = arith.muli %v581, %c3 : i32
          %v583 = arith.addi %v582, %v2 : i32
          %v584 = arith.muli %v583, %c11 : i32
          %v585 = arith.addi %v584, %c2 : i32
          %v586 = llvm.getelementptr %v1000002[%v585] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v587 = llvm.getelementptr %v586[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v588 = llvm.load %v587 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v589 = vector.extract %v588[0] : i32 from vector<4xi32>
          %v590 = vector.extract %v588[1] : i32 from vector<4xi32>
          %v591 = vector.extract %v588[2] : i32 from vector<4xi32>
          %v592 = vector.extract %v588[3] : i32 from vector<4xi32>
          %v593 = arith.muli %v533, %c12 : i32
          %v594 = arith.addi %v593, %c3 : i32
          %v595 = arith.muli %v594, %c3 : i32
          %v596 = arith.addi %v595, %v2 : i32
          %v597 = arith.muli %v596, %c11 : i32
          %v598 = arith.addi %v597, %c2 : i32
          %v599 = llvm.getelementptr %v1000002[%v598] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v600 = llvm.getelementptr %v599[%c9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v601 = llvm.load %v600 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %v602 = vector.extract %v601[0] : i32 from vector<4xi32>
          %v603 = vector.extract %v601[1] : i32 from vector<4xi32>
          %v604 = vector.extract %v601[2] : i32 from vector<4xi32>
          %v605 = vector.extract %v601[3] : i32 from vector<4xi32>
          %v606 = arith.muli %v533, %c12 : i32
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
          %v619 = llvm.getelementptr %v618[%c13] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v620 = llvm.load %v619 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
          %v621 = arith.muli %v533, %c12 : i32
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
          %v634 = llvm.getelementptr %v633[%c13] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v635 = llvm.load %v634 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
          llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c2) : (i32) -> ()
          %v636 = vector.extract %v538[0] : f16 from vector<2xf16>
          %v637 = arith.extf %v636 : f16 to f32
          %v638 = arith.mulf %v637, %v613 : f32
          %v639 = arith.muli %v620, %c15 : i32
          %v640 = arith.andi %v544, %c14 : i32
          %v641 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v640, %c8, %v563, %v639, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v642 = arith.andi %v545, %c14 : i32
          %v643 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v642, %c8, %v564, %v641, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v644 = arith.andi %v546, %c14 : i32
          %v645 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v644, %c8, %v565, %v643, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v646 = arith.andi %v547, %c14 : i32
          %v647 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v646, %c8, %v566, %v645, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v648 = arith.andi %v550, %c14 : i32
          %v649 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v648, %c8, %v576, %v647, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v650 = arith.andi %v551, %c14 : i32
          %v651 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v650, %c8, %v577, %v649, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v652 = arith.andi %v552, %c14 : i32
          %v653 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v652, %c8, %v578, %v651, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v654 = arith.andi %v553, %c14 : i32
          %v655 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v654, %c8, %v579, %v653, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v656 = arith.sitofp %v655 : i32 to f32
          %v657 = llvm.intr.fma(%v656, %v638, %v534) : (f32, f32, f32) -> f32
          %v658 = vector.extract %v538[1] : f16 from vector<2xf16>
          %v659 = arith.extf %v658 : f16 to f32
          %v660 = arith.mulf %v659, %v628 : f32
          %v661 = arith.muli %v635, %c15 : i32
          %v662 = arith.shrui %v544, %c6 : i32
          %v663 = arith.andi %v662, %c14 : i32
          %v664 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v663, %c8, %v589, %v661, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v665 = arith.shrui %v545, %c6 : i32
          %v666 = arith.andi %v665, %c14 : i32
          %v667 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v666, %c8, %v590, %v664, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v668 = arith.shrui %v546, %c6 : i32
          %v669 = arith.andi %v668, %c14 : i32
          %v670 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v669, %c8, %v591, %v667, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v671 = arith.shrui %v547, %c6 : i32
          %v672 = arith.andi %v671, %c14 : i32
          %v673 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v672, %c8, %v592, %v670, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v674 = arith.shrui %v550, %c6 : i32
          %v675 = arith.andi %v674, %c14 : i32
          %v676 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v675, %c8, %v602, %v673, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v677 = arith.shrui %v551, %c6 : i32
          %v678 = arith.andi %v677, %c14 : i32
          %v679 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v678, %c8, %v603, %v676, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v680 = arith.shrui %v552, %c6 : i32
          %v681 = arith.andi %v680, %c14 : i32
          %v682 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v681, %c8, %v604, %v679, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v683 = arith.shrui %v553, %c6 : i32
          %v684 = arith.andi %v683, %c14 : i32
          %v685 = llvm.call_intrinsic "llvm.amdgcn.sudot4"(%c16, %v684, %c8, %v605, %v682, %c16) : (i1, i32, i1, i32, i32, i1) -> i32
          %v686 = arith.sitofp %v685 : i32 to f32
          %v687 = llvm.intr.fma(%v686, %v660, %v657) : (f32, f32, f32) -> f32
          scf.yield %v687 : f32
        }
        %v688 = arith.select %c8, %v535#0, %v535#0 : f32
        %v689i = gpu.thread_id x
        %v689 = arith.index_cast %v689i : index to i32
        %v690 = arith.andi %v689, %c0 : i32
        %v691 = arith.andi %v690, %c3 : i32
        %v692 = arith.cmpi eq, %v691, %c3 : i32
        %v693 = arith.select %v692, %v358, %v193 : f32
        %v694 = arith.select %v692, %v193, %v358 : f32
        %v695, %v695ok = gpu.shuffle xor %v694, %c3, %c11 : f32
        %v696 = arith.addf %v693, %v695 : f32
        %v697 = arith.select %v692, %v688, %v523 : f32
        %v698 = arith.select %v692, %v523, %v688 : f32
        %v699, %v699ok = gpu.shuffle xor %v698, %c3, %c11 : f32
        %v700 = arith.addf %v697, %v699 : f32
        %v701 = arith.andi %v690, %c12 : i32
        %v702 = arith.cmpi eq, %v701, %c12 : i32
        %v703 = arith.select %v702, %v700, %v696 : f32
        %v704 = arith.select %v702, %v696, %v700 : f32
        %v705, %v705ok = gpu.shuffle xor %v704, %c12, %c11 : f32
        %v706 = arith.addf %v703, %v705 : f32
        %v707, %v707ok = gpu.shuffle xor %v706, %c6, %c11 : f32
        %v708 = arith.addf %v706, %v707 : f32
        %v709, %v709ok = gpu.shuffle xor %v708, %c13, %c11 : f32
        %v710 = arith.addf %v708, %v709 : f32
        %v711, %v711ok = gpu.shuffle xor %v710, %c9, %c11 : f32
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
