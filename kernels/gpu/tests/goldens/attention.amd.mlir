module attributes {gpu.container_module} {
gpu.module @kernels {
  llvm.mlir.global internal @attention_shared0() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<2112 x i8>
  llvm.mlir.global internal @attention_shared1() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<512 x i8>
  llvm.mlir.global internal @attention_shared2() {addr_space = 3 : i32, alignment = 4 : i64} : !llvm.array<4 x i8>
  gpu.func @attention(%v1000000: !llvm.ptr<1>, %v1000001: !llvm.ptr<1>, %v1000002: !llvm.ptr<1>, %v1000003: !llvm.ptr<1>, %v1000004: !llvm.ptr<1>, %v1000005: !llvm.ptr<1>) kernel attributes {gpu.known_block_size = array<i32: 256, 1, 1>, rocdl.flat_work_group_size = "256,256"} {
    %c22 = arith.constant true
    %c5 = arith.constant 0 : i32
    %c19 = arith.constant 1 : i32
    %c2 = arith.constant 2 : i32
    %c4 = arith.constant 3 : i32
    %c7 = arith.constant 4 : i32
    %c1 = arith.constant 5 : i32
    %c24 = arith.constant 6 : i32
    %c3 = arith.constant 7 : i32
    %c11 = arith.constant 8 : i32
    %c9 = arith.constant 15 : i32
    %c16 = arith.constant 16 : i32
    %c0 = arith.constant 31 : i32
    %c20 = arith.constant 32 : i32
    %c10 = arith.constant 64 : i32
    %c6 = arith.constant 80 : i32
    %c8 = arith.constant 96 : i32
    %c21 = arith.constant 128 : i32
    %c26 = arith.constant 256 : i32
    %c23 = arith.constant 264 : i32
    %c27 = arith.constant 528 : i32
    %c25 = arith.constant 1056 : i32
    %c28 = arith.constant 1584 : i32
    %c13 = arith.constant 4096 : i32
    %c31 = arith.constant 1262485504 : i32
    %c15 = arith.constant 4096 : i64
    %c14 = arith.constant 8192 : i64
    %c18 = arith.constant 0x00000000 : f32
    %c12 = arith.constant 0x3FB8AA3B : f32
    %c29 = arith.constant 0x42FE0000 : f32
    %c30 = arith.constant 0x4B400000 : f32
    %c17 = arith.constant 0xF149F2CA : f32
    %v1i = gpu.thread_id x
    %v1 = arith.index_cast %v1i : index to i32
    %v2i = gpu.block_id y
    %v2 = arith.index_cast %v2i : index to i32
    %v3 = arith.andi %v1, %c0 : i32
    %v4 = arith.shrui %v1, %c1 : i32
    %v5i = gpu.block_id x
    %v5 = arith.index_cast %v5i : index to i32
    %v6 = arith.remui %v5, %c2 : i32
    %v7i = gpu.block_id x
    %v7 = arith.index_cast %v7i : index to i32
    %v8 = arith.divui %v7, %c2 : i32
    %v9 = arith.andi %v3, %c3 : i32
    %v10 = arith.shrui %v3, %c4 : i32
    %v11 = arith.muli %v8, %c2 : i32
    %v12 = arith.remui %v4, %c2 : i32
    %v13 = arith.addi %v11, %v12 : i32
    %v14 = arith.divui %v4, %c2 : i32
    %v15 = llvm.mlir.addressof @attention_shared0 : !llvm.ptr<3>
    %v16 = llvm.mlir.addressof @attention_shared1 : !llvm.ptr<3>
    %v17 = llvm.mlir.addressof @attention_shared2 : !llvm.ptr<3>
    llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c5) : (i32) -> ()
    %v18 = llvm.load %v1000000 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %v19 = arith.cmpi slt, %v2, %v18 : i32
    scf.if %v19 {
      %v20 = arith.muli %v2, %c7 : i32
      %v21 = arith.addi %c6, %v20 : i32
      %v22 = llvm.getelementptr %v1000000[%v21] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v23 = llvm.load %v22 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
      %v24 = arith.muli %v2, %c7 : i32
      %v25 = arith.addi %c8, %v24 : i32
      %v26 = llvm.getelementptr %v1000000[%v25] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v27 = llvm.load %v26 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
      %v28 = arith.subi %v27, %c9 : i32
      %v29 = arith.maxsi %v28, %c5 : i32
      %v30 = arith.muli %v2, %c2 : i32
      %v31 = arith.addi %v30, %v13 : i32
      %v32 = arith.muli %v31, %c10 : i32
      %v33 = arith.muli %v9, %c11 : i32
      %v34 = arith.addi %v32, %v33 : i32
      %v35 = arith.addi %v34, %c5 : i32
      %v36 = arith.muli %v35, %c7 : i32
      %v37 = llvm.getelementptr %v1000001[%v36] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v38 = llvm.load %v37 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
      %v39 = arith.addi %v34, %c7 : i32
      %v40 = arith.muli %v39, %c7 : i32
      %v41 = llvm.getelementptr %v1000001[%v40] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v42 = llvm.load %v41 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
      %v43 = vector.extract %v38[0] : f32 from vector<4xf32>
      %v44 = arith.mulf %v43, %c12 : f32
      %v45 = vector.extract %v38[1] : f32 from vector<4xf32>
      %v46 = arith.mulf %v45, %c12 : f32
      %v47 = vector.extract %v38[2] : f32 from vector<4xf32>
      %v48 = arith.mulf %v47, %c12 : f32
      %v49 = vector.extract %v38[3] : f32 from vector<4xf32>
      %v50 = arith.mulf %v49, %c12 : f32
      %v51 = vector.extract %v42[0] : f32 from vector<4xf32>
      %v52 = arith.mulf %v51, %c12 : f32
      %v53 = vector.extract %v42[1] : f32 from vector<4xf32>
      %v54 = arith.mulf %v53, %c12 : f32
      %v55 = vector.extract %v42[2] : f32 from vector<4xf32>
      %v56 = arith.mulf %v55, %c12 : f32
      %v57 = vector.extract %v42[3] : f32 from vector<4xf32>
      %v58 = arith.mulf %v57, %c12 : f32
      %v59 = arith.muli %v8, %c13 : i32
      %v60 = arith.extui %v23 : i32 to i64
      %v61 = arith.muli %v60, %c14 : i64
      %v62 = llvm.getelementptr %v1000002[%v61] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i8
      %v63 = llvm.getelementptr %v62[%v59] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v64 = arith.extui %v23 : i32 to i64
      %v65 = arith.muli %v64, %c14 : i64
      %v66 = llvm.getelementptr %v1000002[%v65] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i8
      %v67 = llvm.getelementptr %v66[%c15] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i8
      %v68 = llvm.getelementptr %v67[%v59] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v69 = arith.muli %v9, %c16 : i32
      %v70 = arith.muli %v6, %c7 : i32
      %v71 = arith.addi %v70, %v14 : i32
      %v72 = arith.muli %v71, %c7 : i32
      %v73 = arith.addi %v72, %c5 : i32
      %v74 = arith.addi %v29, %v73 : i32
      %v75 = arith.addi %v27, %c19 : i32
      %v87:10 = scf.for %v76 = %v74 to %v75 step %c20 iter_args(%v77 = %c17, %v78 = %c18, %v79 = %c18, %v80 = %c18, %v81 = %c18, %v82 = %c18, %v83 = %c18, %v84 = %c18, %v85 = %c18, %v86 = %c18) -> (f32, f32, f32, f32, f32, f32, f32, f32, f32, f32) : i32 {
        %v88 = arith.addi %v76, %v10 : i32
        %v89 = arith.cmpi slt, %v88, %v75 : i32
        %v90 = arith.select %v89, %v88, %v27 : i32
        %v91 = arith.remui %v90, %c20 : i32
        %v92 = arith.muli %v91, %c21 : i32
        %v93 = arith.addi %v92, %v69 : i32
        %v94 = llvm.getelementptr %v63[%v93] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v95 = llvm.getelementptr %v94[%c5] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v96 = llvm.load %v95 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<8xf16>
        %v97 = arith.muli %v91, %c21 : i32
        %v98 = arith.addi %v97, %v69 : i32
        %v99 = llvm.getelementptr %v68[%v98] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v100 = llvm.getelementptr %v99[%c5] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v101 = llvm.load %v100 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<8xf16>
        llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c5) : (i32) -> ()
        %v102 = vector.extract %v96[0] : f16 from vector<8xf16>
        %v103 = arith.extf %v102 : f16 to f32
        %v104 = llvm.intr.fma(%v103, %v44, %c18) : (f32, f32, f32) -> f32
        %v105 = vector.extract %v96[1] : f16 from vector<8xf16>
        %v106 = arith.extf %v105 : f16 to f32
        %v107 = llvm.intr.fma(%v106, %v46, %v104) : (f32, f32, f32) -> f32
        %v108 = vector.extract %v96[2] : f16 from vector<8xf16>
        %v109 = arith.extf %v108 : f16 to f32
        %v110 = llvm.intr.fma(%v109, %v48, %v107) : (f32, f32, f32) -> f32
        %v111 = vector.extract %v96[3] : f16 from vector<8xf16>
        %v112 = arith.extf %v111 : f16 to f32
        %v113 = llvm.intr.fma(%v112, %v50, %v110) : (f32, f32, f32) -> f32
        %v114 = vector.extract %v96[4] : f16 from vector<8xf16>
        %v115 = arith.extf %v114 : f16 to f32
        %v116 = llvm.intr.fma(%v115, %v52, %v113) : (f32, f32, f32) -> f32
        %v117 = vector.extract %v96[5] : f16 from vector<8xf16>
        %v118 = arith.extf %v117 : f16 to f32
        %v119 = llvm.intr.fma(%v118, %v54, %v116) : (f32, f32, f32) -> f32
        %v120 = vector.extract %v96[6] : f16 from vector<8xf16>
        %v121 = arith.extf %v120 : f16 to f32
        %v122 = llvm.intr.fma(%v121, %v56, %v119) : (f32, f32, f32) -> f32
        %v123 = vector.extract %v96[7] : f16 from vector<8xf16>
        %v124 = arith.extf %v123 : f16 to f32
        %v125 = llvm.intr.fma(%v124, %v58, %v122) : (f32, f32, f32) -> f32
        %v126, %v126ok = gpu.shuffle xor %v125, %c7, %c20 : f32
        %v127 = arith.addf %v125, %v126 : f32
        %v128, %v128ok = gpu.shuffle xor %v127, %c2, %c20 : f32
        %v129 = arith.addf %v127, %v128 : f32
        %v130, %v130ok = gpu.shuffle xor %v129, %c19, %c20 : f32
        %v131 = arith.addf %v129, %v130 : f32
        %v132 = arith.select %v89, %v131, %c17 : f32
        %v133 = llvm.call_intrinsic "llvm.maxnum.f32"(%v77, %v132) : (f32, f32) -> f32
        %v134 = arith.subf %v77, %v133 : f32
        %v135 = llvm.call_intrinsic "llvm.exp2.f32"(%v134) : (f32) -> f32
        %v136 = arith.subf %v132, %v133 : f32
        %v137 = llvm.call_intrinsic "llvm.exp2.f32"(%v136) : (f32) -> f32
        %v138 = arith.select %v89, %v137, %c18 : f32
        %v139 = llvm.intr.fma(%v78, %v135, %v138) : (f32, f32, f32) -> f32
        %v140 = vector.extract %v101[0] : f16 from vector<8xf16>
        %v141 = arith.extf %v140 : f16 to f32
        %v142 = arith.mulf %v79, %v135 : f32
        %v143 = llvm.intr.fma(%v138, %v141, %v142) : (f32, f32, f32) -> f32
        %v144 = vector.extract %v101[1] : f16 from vector<8xf16>
        %v145 = arith.extf %v144 : f16 to f32
        %v146 = arith.mulf %v80, %v135 : f32
        %v147 = llvm.intr.fma(%v138, %v145, %v146) : (f32, f32, f32) -> f32
        %v148 = vector.extract %v101[2] : f16 from vector<8xf16>
        %v149 = arith.extf %v148 : f16 to f32
        %v150 = arith.mulf %v81, %v135 : f32
        %v151 = llvm.intr.fma(%v138, %v149, %v150) : (f32, f32, f32) -> f32
        %v152 = vector.extract %v101[3] : f16 from vector<8xf16>
        %v153 = arith.extf %v152 : f16 to f32
        %v154 = arith.mulf %v82, %v135 : f32
        %v155 = llvm.intr.fma(%v138, %v153, %v154) : (f32, f32, f32) -> f32
        %v156 = vector.extract %v101[4] : f16 from vector<8xf16>
        %v157 = arith.extf %v156 : f16 to f32
        %v158 = arith.mulf %v83, %v135 : f32
        %v159 = llvm.intr.fma(%v138, %v157, %v158) : (f32, f32, f32) -> f32
        %v160 = vector.extract %v101[5] : f16 from vector<8xf16>
        %v161 = arith.extf %v160 : f16 to f32
        %v162 = arith.mulf %v84, %v135 : f32
        %v163 = llvm.intr.fma(%v138, %v161, %v162) : (f32, f32, f32) -> f32
        %v164 = vector.extract %v101[6] : f16 from vector<8xf16>
        %v165 = arith.extf %v164 : f16 to f32
        %v166 = arith.mulf %v85, %v135 : f32
        %v167 = llvm.intr.fma(%v138, %v165, %v166) : (f32, f32, f32) -> f32
        %v168 = vector.extract %v101[7] : f16 from vector<8xf16>
        %v169 = arith.extf %v168 : f16 to f32
        %v170 = arith.mulf %v86, %v135 : f32
        %v171 = llvm.intr.fma(%v138, %v169, %v170) : (f32, f32, f32) -> f32
        scf.yield %v133, %v139, %v143, %v147, %v151, %v155, %v159, %v163, %v167, %v171 : f32, f32, f32, f32, f32, f32, f32, f32, f32, f32
      }
      %v172 = arith.select %c22, %v87#0, %v87#0 : f32
      %v173 = arith.select %c22, %v87#1, %v87#1 : f32
      %v174 = arith.select %c22, %v87#2, %v87#2 : f32
      %v175 = arith.select %c22, %v87#3, %v87#3 : f32
      %v176 = arith.select %c22, %v87#4, %v87#4 : f32
      %v177 = arith.select %c22, %v87#5, %v87#5 : f32
      %v178 = arith.select %c22, %v87#6, %v87#6 : f32
      %v179 = arith.select %c22, %v87#7, %v87#7 : f32
      %v180 = arith.select %c22, %v87#8, %v87#8 : f32
      %v181 = arith.select %c22, %v87#9, %v87#9 : f32
      %v182, %v182ok = gpu.shuffle xor %v172, %c11, %c20 : f32
      %v183 = llvm.call_intrinsic "llvm.maxnum.f32"(%v172, %v182) : (f32, f32) -> f32
      %v184 = arith.subf %v172, %v183 : f32
      %v185 = llvm.call_intrinsic "llvm.exp2.f32"(%v184) : (f32) -> f32
      %v186 = arith.mulf %v173, %v185 : f32
      %v187, %v187ok = gpu.shuffle xor %v186, %c11, %c20 : f32
      %v188 = arith.addf %v186, %v187 : f32
      %v189 = arith.mulf %v174, %v185 : f32
      %v190, %v190ok = gpu.shuffle xor %v189, %c11, %c20 : f32
      %v191 = arith.addf %v189, %v190 : f32
      %v192 = arith.mulf %v175, %v185 : f32
      %v193, %v193ok = gpu.shuffle xor %v192, %c11, %c20 : f32
      %v194 = arith.addf %v192, %v193 : f32
      %v195 = arith.mulf %v176, %v185 : f32
      %v196, %v196ok = gpu.shuffle xor %v195, %c11, %c20 : f32
      %v197 = arith.addf %v195, %v196 : f32
      %v198 = arith.mulf %v177, %v185 : f32
      %v199, %v199ok = gpu.shuffle xor %v198, %c11, %c20 : f32
      %v200 = arith.addf %v198, %v199 : f32
      %v201 = arith.mulf %v178, %v185 : f32
      %v202, %v202ok = gpu.shuffle xor %v201, %c11, %c20 : f32
      %v203 = arith.addf %v201, %v202 : f32
      %v204 = arith.mulf %v179, %v185 : f32
      %v205, %v205ok = gpu.shuffle xor %v204, %c11, %c20 : f32
      %v206 = arith.addf %v204, %v205 : f32
      %v207 = arith.mulf %v180, %v185 : f32
      %v208, %v208ok = gpu.shuffle xor %v207, %c11, %c20 : f32
      %v209 = arith.addf %v207, %v208 : f32
      %v210 = arith.mulf %v181, %v185 : f32
      %v211, %v211ok = gpu.shuffle xor %v210, %c11, %c20 : f32
      %v212 = arith.addf %v210, %v211 : f32
      %v213, %v213ok = gpu.shuffle xor %v183, %c16, %c20 : f32
      %v214 = llvm.call_intrinsic "llvm.maxnum.f32"(%v183, %v213) : (f32, f32) -> f32
      %v215 = arith.subf %v183, %v214 : f32
      %v216 = llvm.call_intrinsic "llvm.exp2.f32"(%v215) : (f32) -> f32
      %v217 = arith.mulf %v188, %v216 : f32
      %v218, %v218ok = gpu.shuffle xor %v217, %c16, %c20 : f32
      %v219 = arith.addf %v217, %v218 : f32
      %v220 = arith.mulf %v191, %v216 : f32
      %v221, %v221ok = gpu.shuffle xor %v220, %c16, %c20 : f32
      %v222 = arith.addf %v220, %v221 : f32
      %v223 = arith.mulf %v194, %v216 : f32
      %v224, %v224ok = gpu.shuffle xor %v223, %c16, %c20 : f32
      %v225 = arith.addf %v223, %v224 : f32
      %v226 = arith.mulf %v197, %v216 : f32
      %v227, %v227ok = gpu.shuffle xor %v226, %c16, %c20 : f32
      %v228 = arith.addf %v226, %v227 : f32
      %v229 = arith.mulf %v200, %v216 : f32
      %v230, %v230ok = gpu.shuffle xor %v229, %c16, %c20 : f32
      %v231 = arith.addf %v229, %v230 : f32
      %v232 = arith.mulf %v203, %v216 : f32
      %v233, %v233ok = gpu.shuffle xor %v232, %c16, %c20 : f32
      %v234 = arith.addf %v232, %v233 : f32
      %v235 = arith.mulf %v206, %v216 : f32
      %v236, %v236ok = gpu.shuffle xor %v235, %c16, %c20 : f32
      %v237 = arith.addf %v235, %v236 : f32
      %v238 = arith.mulf %v209, %v216 : f32
      %v239, %v239ok = gpu.shuffle xor %v238, %c16, %c20 : f32
      %v240 = arith.addf %v238, %v239 : f32
      %v241 = arith.mulf %v212, %v216 : f32
      %v242, %v242ok = gpu.shuffle xor %v241, %c16, %c20 : f32
      %v243 = arith.addf %v241, %v242 : f32
      %v244 = arith.muli %v4, %c23 : i32
      %v245 = llvm.getelementptr %v15[%v244] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
      %v246 = arith.cmpi eq, %v10, %c5 : i32
      scf.if %v246 {
        %v247 = arith.muli %v9, %c11 : i32
        %v248 = arith.addi %v247, %c5 : i32
        %v249 = arith.addi %v248, %c2 : i32
        %v250 = arith.muli %v249, %c7 : i32
        %v251 = llvm.getelementptr %v245[%v250] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        llvm.store %v222, %v251 {alignment = 4 : i64} : f32, !llvm.ptr<3>
        %v252 = arith.muli %v9, %c11 : i32
        %v253 = arith.addi %v252, %c19 : i32
        %v254 = arith.addi %v253, %c2 : i32
        %v255 = arith.muli %v254, %c7 : i32
        %v256 = llvm.getelementptr %v245[%v255] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        llvm.store %v225, %v256 {alignment = 4 : i64} : f32, !llvm.ptr<3>
        %v257 = arith.muli %v9, %c11 : i32
        %v258 = arith.addi %v257, %c2 : i32
        %v259 = arith.addi %v258, %c2 : i32
        %v260 = arith.muli %v259, %c7 : i32
        %v261 = llvm.getelementptr %v245[%v260] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        llvm.store %v228, %v261 {alignment = 4 : i64} : f32, !llvm.ptr<3>
        %v262 = arith.muli %v9, %c11 : i32
        %v263 = arith.addi %v262, %c4 : i32
        %v264 = arith.addi %v263, %c2 : i32
        %v265 = arith.muli %v264, %c7 : i32
        %v266 = llvm.getelementptr %v245[%v265] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        llvm.store %v231, %v266 {alignment = 4 : i64} : f32, !llvm.ptr<3>
        %v267 = arith.muli %v9, %c11 : i32
        %v268 = arith.addi %v267, %c7 : i32
        %v269 = arith.addi %v268, %c2 : i32
        %v270 = arith.muli %v269, %c7 : i32
        %v271 = llvm.getelementptr %v245[%v270] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        llvm.store %v234, %v271 {alignment = 4 : i64} : f32, !llvm.ptr<3>
        %v272 = arith.muli %v9, %c11 : i32
        %v273 = arith.addi %v272, %c1 : i32
        %v274 = arith.addi %v273, %c2 : i32
        %v275 = arith.muli %v274, %c7 : i32
        %v276 = llvm.getelementptr %v245[%v275] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        llvm.store %v237, %v276 {alignment = 4 : i64} : f32, !llvm.ptr<3>
        %v277 = arith.muli %v9, %c11 : i32
        %v278 = arith.addi %v277, %c24 : i32
        %v279 = arith.addi %v278, %c2 : i32
        %v280 = arith.muli %v279, %c7 : i32
        %v281 = llvm.getelementptr %v245[%v280] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        llvm.store %v240, %v281 {alignment = 4 : i64} : f32, !llvm.ptr<3>
        %v282 = arith.muli %v9, %c11 : i32
        %v283 = arith.addi %v282, %c3 : i32
        %v284 = arith.addi %v283, %c2 : i32
        %v285 = arith.muli %v284, %c7 : i32
        %v286 = llvm.getelementptr %v245[%v285] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        llvm.store %v243, %v286 {alignment = 4 : i64} : f32, !llvm.ptr<3>
        %v287 = arith.cmpi eq, %v3, %c5 : i32
        scf.if %v287 {
          llvm.store %v214, %v245 {alignment = 4 : i64} : f32, !llvm.ptr<3>
          %v288 = llvm.getelementptr %v245[%c7] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
          llvm.store %v219, %v288 {alignment = 4 : i64} : f32, !llvm.ptr<3>
        }
      }
      amdgpu.lds_barrier
      %v289 = arith.muli %v2, %c25 : i32
      %v290 = llvm.getelementptr %v1000004[%v289] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      scf.for %v291 = %v1 to %c21 step %c26 : i32 {
        %v293 = arith.divui %v291, %c10 : i32
        %v294 = arith.remui %v291, %c10 : i32
        %v295 = arith.muli %v293, %c23 : i32
        %v296 = llvm.getelementptr %v15[%v295] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v297 = arith.muli %c5, %c7 : i32
        %v298 = arith.addi %c5, %v297 : i32
        %v299 = llvm.getelementptr %v296[%v298] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v300 = llvm.load %v299 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v301 = arith.muli %c5, %c7 : i32
        %v302 = arith.addi %c27, %v301 : i32
        %v303 = llvm.getelementptr %v296[%v302] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v304 = llvm.load %v303 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v305 = arith.muli %c5, %c7 : i32
        %v306 = arith.addi %c25, %v305 : i32
        %v307 = llvm.getelementptr %v296[%v306] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v308 = llvm.load %v307 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v309 = arith.muli %c5, %c7 : i32
        %v310 = arith.addi %c28, %v309 : i32
        %v311 = llvm.getelementptr %v296[%v310] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v312 = llvm.load %v311 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v313 = llvm.call_intrinsic "llvm.maxnum.f32"(%v300, %v304) : (f32, f32) -> f32
        %v314 = llvm.call_intrinsic "llvm.maxnum.f32"(%v313, %v308) : (f32, f32) -> f32
        %v315 = llvm.call_intrinsic "llvm.maxnum.f32"(%v314, %v312) : (f32, f32) -> f32
        %v316 = arith.subf %v300, %v315 : f32
        %v317 = llvm.call_intrinsic "llvm.exp2.f32"(%v316) : (f32) -> f32
        %v318 = arith.muli %c19, %c7 : i32
        %v319 = arith.addi %c5, %v318 : i32
        %v320 = llvm.getelementptr %v296[%v319] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v321 = llvm.load %v320 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v322 = llvm.intr.fma(%v321, %v317, %c18) : (f32, f32, f32) -> f32
        %v323 = arith.addi %v294, %c2 : i32
        %v324 = arith.muli %v323, %c7 : i32
        %v325 = arith.addi %c5, %v324 : i32
        %v326 = llvm.getelementptr %v296[%v325] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v327 = llvm.load %v326 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v328 = llvm.intr.fma(%v327, %v317, %c18) : (f32, f32, f32) -> f32
        %v329 = arith.subf %v304, %v315 : f32
        %v330 = llvm.call_intrinsic "llvm.exp2.f32"(%v329) : (f32) -> f32
        %v331 = arith.muli %c19, %c7 : i32
        %v332 = arith.addi %c27, %v331 : i32
        %v333 = llvm.getelementptr %v296[%v332] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v334 = llvm.load %v333 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v335 = llvm.intr.fma(%v334, %v330, %v322) : (f32, f32, f32) -> f32
        %v336 = arith.addi %v294, %c2 : i32
        %v337 = arith.muli %v336, %c7 : i32
        %v338 = arith.addi %c27, %v337 : i32
        %v339 = llvm.getelementptr %v296[%v338] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v340 = llvm.load %v339 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v341 = llvm.intr.fma(%v340, %v330, %v328) : (f32, f32, f32) -> f32
        %v342 = arith.subf %v308, %v315 : f32
        %v343 = llvm.call_intrinsic "llvm.exp2.f32"(%v342) : (f32) -> f32
        %v344 = arith.muli %c19, %c7 : i32
        %v345 = arith.addi %c25, %v344 : i32
        %v346 = llvm.getelementptr %v296[%v345] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v347 = llvm.load %v346 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v348 = llvm.intr.fma(%v347, %v343, %v335) : (f32, f32, f32) -> f32
        %v349 = arith.addi %v294, %c2 : i32
        %v350 = arith.muli %v349, %c7 : i32
        %v351 = arith.addi %c25, %v350 : i32
        %v352 = llvm.getelementptr %v296[%v351] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v353 = llvm.load %v352 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v354 = llvm.intr.fma(%v353, %v343, %v341) : (f32, f32, f32) -> f32
        %v355 = arith.subf %v312, %v315 : f32
        %v356 = llvm.call_intrinsic "llvm.exp2.f32"(%v355) : (f32) -> f32
        %v357 = arith.muli %c19, %c7 : i32
        %v358 = arith.addi %c28, %v357 : i32
        %v359 = llvm.getelementptr %v296[%v358] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v360 = llvm.load %v359 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v361 = llvm.intr.fma(%v360, %v356, %v348) : (f32, f32, f32) -> f32
        %v362 = arith.addi %v294, %c2 : i32
        %v363 = arith.muli %v362, %c7 : i32
        %v364 = arith.addi %c28, %v363 : i32
        %v365 = llvm.getelementptr %v296[%v364] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v366 = llvm.load %v365 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
        %v367 = llvm.intr.fma(%v366, %v356, %v354) : (f32, f32, f32) -> f32
        %v368 = arith.muli %v8, %c2 : i32
        %v369 = arith.addi %v368, %v293 : i32
        %v370 = arith.muli %v369, %c27 : i32
        %v371 = llvm.getelementptr %v290[%v370] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v372 = arith.muli %v6, %c23 : i32
        %v373 = llvm.getelementptr %v371[%v372] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v374 = arith.addi %v294, %c2 : i32
        %v375 = arith.muli %v374, %c7 : i32
        %v376 = llvm.getelementptr %v373[%v375] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        llvm.store %v367, %v376 {alignment = 4 : i64} : f32, !llvm.ptr<1>
        %v377 = arith.cmpi eq, %v294, %c5 : i32
        scf.if %v377 {
          llvm.store %v315, %v373 {alignment = 4 : i64} : f32, !llvm.ptr<1>
          %v378 = llvm.getelementptr %v373[%c7] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          llvm.store %v361, %v378 {alignment = 4 : i64} : f32, !llvm.ptr<1>
        }
      }
      %v379 = arith.muli %v2, %c19 : i32
      %v380 = arith.addi %v379, %v8 : i32
      %v381 = arith.muli %v380, %c7 : i32
      %v382 = llvm.getelementptr %v1000005[%v381] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      llvm.fence syncscope("agent") acq_rel
      amdgpu.lds_barrier
      %v383i = gpu.thread_id x
      %v383 = arith.index_cast %v383i : index to i32
      %v384 = arith.cmpi eq, %v383, %c5 : i32
      scf.if %v384 {
        %v385 = llvm.atomicrmw add %v382, %c19 acq_rel : !llvm.ptr<1>, i32
        %v386 = arith.cmpi eq, %v385, %c19 : i32
        scf.if %v386 {
          llvm.store %c5, %v382 {alignment = 4 : i64} : i32, !llvm.ptr<1>
        }
        llvm.store %v385, %v17 {alignment = 4 : i64} : i32, !llvm.ptr<3>
      }
      amdgpu.lds_barrier
      %v387 = llvm.load %v17 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
      %v388 = arith.cmpi eq, %v387, %c19 : i32
      scf.if %v388 {
        llvm.fence syncscope("agent") acq_rel
        scf.for %v389 = %v1 to %c21 step %c26 : i32 {
          %v391 = arith.divui %v389, %c10 : i32
          %v392 = arith.remui %v389, %c10 : i32
          %v393 = arith.muli %v8, %c2 : i32
          %v394 = arith.addi %v393, %v391 : i32
          %v395 = arith.muli %v394, %c27 : i32
          %v396 = llvm.getelementptr %v290[%v395] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v397 = arith.muli %c5, %c7 : i32
          %v398 = arith.addi %c5, %v397 : i32
          %v399 = llvm.getelementptr %v396[%v398] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v400 = llvm.load %v399 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v401 = arith.muli %c5, %c7 : i32
          %v402 = arith.addi %c23, %v401 : i32
          %v403 = llvm.getelementptr %v396[%v402] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v404 = llvm.load %v403 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v405 = llvm.call_intrinsic "llvm.maxnum.f32"(%v400, %v404) : (f32, f32) -> f32
          %v406 = arith.subf %v400, %v405 : f32
          %v407 = llvm.call_intrinsic "llvm.exp2.f32"(%v406) : (f32) -> f32
          %v408 = arith.muli %c19, %c7 : i32
          %v409 = arith.addi %c5, %v408 : i32
          %v410 = llvm.getelementptr %v396[%v409] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v411 = llvm.load %v410 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v412 = llvm.intr.fma(%v411, %v407, %c18) : (f32, f32, f32) -> f32
          %v413 = arith.addi %v392, %c2 : i32
          %v414 = arith.muli %v413, %c7 : i32
          %v415 = arith.addi %c5, %v414 : i32
          %v416 = llvm.getelementptr %v396[%v415] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v417 = llvm.load %v416 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v418 = llvm.intr.fma(%v417, %v407, %c18) : (f32, f32, f32) -> f32
          %v419 = arith.subf %v404, %v405 : f32
          %v420 = llvm.call_intrinsic "llvm.exp2.f32"(%v419) : (f32) -> f32
          %v421 = arith.muli %c19, %c7 : i32
          %v422 = arith.addi %c23, %v421 : i32
          %v423 = llvm.getelementptr %v396[%v422] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v424 = llvm.load %v423 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v425 = llvm.intr.fma(%v424, %v420, %v412) : (f32, f32, f32) -> f32
          %v426 = arith.addi %v392, %c2 : i32
          %v427 = arith.muli %v426, %c7 : i32
          %v428 = arith.addi %c23, %v427 : i32
          %v429 = llvm.getelementptr %v396[%v428] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v430 = llvm.load %v429 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
          %v431 = llvm.intr.fma(%v430, %v420, %v418) : (f32, f32, f32) -> f32
          %v432 = llvm.call_intrinsic "llvm.amdgcn.rcp.f32"(%v425) : (f32) -> f32
          %v433 = arith.mulf %v431, %v432 : f32
          %v434 = arith.muli %v8, %c2 : i32
          %v435 = arith.addi %v434, %v391 : i32
          %v436 = arith.muli %v435, %c10 : i32
          %v437 = arith.addi %v436, %v392 : i32
          %v438 = arith.muli %v391, %c10 : i32
          %v439 = arith.addi %v438, %v392 : i32
          %v440 = arith.muli %v439, %c7 : i32
          %v441 = llvm.getelementptr %v16[%v440] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
          llvm.store %v433, %v441 {alignment = 4 : i64} : f32, !llvm.ptr<3>
        }
        amdgpu.lds_barrier
        scf.for %v442 = %v4 to %c7 step %c11 : i32 {
          %v444 = arith.muli %v442, %c20 : i32
          %v445 = arith.addi %v444, %v3 : i32
          %v446 = arith.muli %v445, %c7 : i32
          %v447 = llvm.getelementptr %v16[%v446] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
          %v448 = llvm.load %v447 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
          %v449 = llvm.call_intrinsic "llvm.fabs.f32"(%v448) : (f32) -> f32
          %v450, %v450ok = gpu.shuffle xor %v449, %c16, %c20 : f32
          %v451 = llvm.call_intrinsic "llvm.maxnum.f32"(%v449, %v450) : (f32, f32) -> f32
          %v452, %v452ok = gpu.shuffle xor %v451, %c11, %c20 : f32
          %v453 = llvm.call_intrinsic "llvm.maxnum.f32"(%v451, %v452) : (f32, f32) -> f32
          %v454, %v454ok = gpu.shuffle xor %v453, %c7, %c20 : f32
          %v455 = llvm.call_intrinsic "llvm.maxnum.f32"(%v453, %v454) : (f32, f32) -> f32
          %v456, %v456ok = gpu.shuffle xor %v455, %c2, %c20 : f32
          %v457 = llvm.call_intrinsic "llvm.maxnum.f32"(%v455, %v456) : (f32, f32) -> f32
          %v458, %v458ok = gpu.shuffle xor %v457, %c19, %c20 : f32
          %v459 = llvm.call_intrinsic "llvm.maxnum.f32"(%v457, %v458) : (f32, f32) -> f32
          %v460 = arith.cmpf ogt, %v459, %c18 : f32
          %v461 = arith.divf %c29, %v459 : f32
          %v462 = arith.select %v460, %v461, %c18 : f32
          %v463 = arith.divf %v459, %c29 : f32
          %v464 = arith.mulf %v448, %v462 : f32
          %v465 = arith.addf %v464, %c30 : f32
          %v466 = arith.bitcast %v465 : f32 to i32
          %v467 = arith.subi %v466, %c31 : i32
          %v468, %v468ok = gpu.shuffle xor %v467, %c16, %c20 : i32
          %v469 = arith.addi %v467, %v468 : i32
          %v470, %v470ok = gpu.shuffle xor %v469, %c11, %c20 : i32
          %v471 = arith.addi %v469, %v470 : i32
          %v472, %v472ok = gpu.shuffle xor %v471, %c7, %c20 : i32
          %v473 = arith.addi %v471, %v472 : i32
          %v474, %v474ok = gpu.shuffle xor %v473, %c2, %c20 : i32
          %v475 = arith.addi %v473, %v474 : i32
          %v476, %v476ok = gpu.shuffle xor %v475, %c19, %c20 : i32
          %v477 = arith.addi %v475, %v476 : i32
          %v478 = arith.muli %v8, %c21 : i32
          %v479 = arith.addi %v478, %v445 : i32
          %v480 = arith.trunci %v467 : i32 to i8
          %v481 = arith.muli %v2, %c21 : i32
          %v482 = arith.addi %v481, %v479 : i32
          %v483 = llvm.getelementptr %v1000003[%v482] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          llvm.store %v480, %v483 {alignment = 1 : i64} : i8, !llvm.ptr<1>
          %v484 = arith.andi %v479, %c0 : i32
          %v485 = arith.cmpi eq, %v484, %c5 : i32
          scf.if %v485 {
            %v486 = arith.shrui %v479, %c1 : i32
            %v487 = arith.muli %v486, %c19 : i32
            %v488 = arith.addi %v487, %v2 : i32
            %v489 = arith.muli %v488, %c7 : i32
            %v490 = arith.addi %c21, %v489 : i32
            %v491 = llvm.getelementptr %v1000003[%v490] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
            llvm.store %v463, %v491 {alignment = 4 : i64} : f32, !llvm.ptr<1>
            %v492 = arith.muli %v486, %c19 : i32
            %v493 = arith.addi %v492, %v2 : i32
            %v494 = arith.muli %v493, %c7 : i32
            %v495 = arith.addi %c21, %v494 : i32
            %v496 = llvm.getelementptr %v1000003[%v495] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
            %v497 = llvm.getelementptr %v496[%c16] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
            llvm.store %v477, %v497 {alignment = 4 : i64} : i32, !llvm.ptr<1>
          }
        }
      }
    }
    gpu.return
  }
}
}
