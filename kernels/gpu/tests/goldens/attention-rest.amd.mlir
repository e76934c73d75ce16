module attributes {gpu.container_module} {
gpu.module @kernels {
  llvm.mlir.global internal @attention_rest_shared0() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<2176 x i8>
  llvm.mlir.global internal @attention_rest_shared1() {addr_space = 3 : i32, alignment = 4 : i64} : !llvm.array<4 x i8>
  gpu.func @attention_rest(%v1000000: !llvm.ptr<1>, %v1000001: !llvm.ptr<1>, %v1000002: !llvm.ptr<1>, %v1000003: !llvm.ptr<1>) kernel attributes {gpu.known_block_size = array<i32: 256, 1, 1>, rocdl.flat_work_group_size = "256,256"} {
    %c13 = arith.constant true
    %c6 = arith.constant 0 : i32
    %c2 = arith.constant 1 : i32
    %c5 = arith.constant 2 : i32
    %c4 = arith.constant 3 : i32
    %c9 = arith.constant 4 : i32
    %c1 = arith.constant 5 : i32
    %c11 = arith.constant 6 : i32
    %c3 = arith.constant 7 : i32
    %c17 = arith.constant 8 : i32
    %c15 = arith.constant 15 : i32
    %c22 = arith.constant 16 : i32
    %c35 = arith.constant 24 : i32
    %c0 = arith.constant 31 : i32
    %c14 = arith.constant 32 : i32
    %c16 = arith.constant 64 : i32
    %c25 = arith.constant 128 : i32
    %c8 = arith.constant 192 : i32
    %c34 = arith.constant 255 : i32
    %c26 = arith.constant 272 : i32
    %c10 = arith.constant 320 : i32
    %c36 = arith.constant 512 : i32
    %c28 = arith.constant 544 : i32
    %c27 = arith.constant 1024 : i32
    %c29 = arith.constant 1088 : i32
    %c30 = arith.constant 1632 : i32
    %c19 = arith.constant 4096 : i32
    %c33 = arith.constant 1262485504 : i32
    %c7 = arith.constant -16 : i32
    %c12 = arith.constant -1 : i32
    %c21 = arith.constant 4096 : i64
    %c20 = arith.constant 8192 : i64
    %c24 = arith.constant 0x00000000 : f32
    %c18 = arith.constant 0x3FB8AA3B : f32
    %c31 = arith.constant 0x42FE0000 : f32
    %c32 = arith.constant 0x4B400000 : f32
    %c23 = arith.constant 0xF149F2CA : f32
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
    %v11 = arith.muli %v8, %c5 : i32
    %v12 = arith.remui %v4, %c5 : i32
    %v13 = arith.addi %v11, %v12 : i32
    %v14 = arith.divui %v4, %c5 : i32
    %v15 = llvm.mlir.addressof @attention_rest_shared0 : !llvm.ptr<3>
    %v16 = llvm.mlir.addressof @attention_rest_shared1 : !llvm.ptr<3>
    %v17 = llvm.load %v1000000 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %v18i = gpu.thread_id x
    %v18 = arith.index_cast %v18i : index to i32
    %v19 = arith.addi %v18, %c6 : i32
    %v20 = arith.subi %v17, %c2 : i32
    %v21 = arith.minsi %v19, %v20 : i32
    %v22 = arith.andi %v21, %c7 : i32
    %v23 = arith.muli %v21, %c9 : i32
    %v24 = arith.addi %c8, %v23 : i32
    %v25 = llvm.getelementptr %v1000000[%v24] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %v26 = llvm.load %v25 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %v27 = arith.muli %v21, %c9 : i32
    %v28 = arith.addi %c10, %v27 : i32
    %v29 = llvm.getelementptr %v1000000[%v28] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %v30 = llvm.load %v29 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %v31 = arith.muli %v22, %c9 : i32
    %v32 = arith.addi %c8, %v31 : i32
    %v33 = llvm.getelementptr %v1000000[%v32] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %v34 = llvm.load %v33 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %v35 = arith.muli %v22, %c9 : i32
    %v36 = arith.addi %c10, %v35 : i32
    %v37 = llvm.getelementptr %v1000000[%v36] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %v38 = llvm.load %v37 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %v39 = arith.cmpi eq, %v26, %v34 : i32
    %v40 = arith.subi %v21, %v22 : i32
    %v41 = arith.addi %v38, %v40 : i32
    %v42 = arith.cmpi eq, %v30, %v41 : i32
    %v43 = arith.andi %v39, %v42 : i1
    %v44 = llvm.call_intrinsic "llvm.amdgcn.ballot.i32"(%v43) : (i1) -> i32
    %v45 = arith.shrui %v18, %c1 : i32
    %v46 = arith.muli %v45, %c9 : i32
    %v47 = llvm.getelementptr %v15[%v46] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    llvm.store %v44, %v47 {alignment = 4 : i64} : i32, !llvm.ptr<3>
    llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c6) : (i32) -> ()
    amdgpu.lds_barrier
    %v48 = arith.muli %c6, %c9 : i32
    %v49 = llvm.getelementptr %v15[%v48] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    %v50 = llvm.load %v49 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
    %v51 = arith.muli %c2, %c9 : i32
    %v52 = llvm.getelementptr %v15[%v51] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    %v53 = llvm.load %v52 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
    %v54 = arith.andi %v50, %v53 : i32
    %v55 = arith.muli %c5, %c9 : i32
    %v56 = llvm.getelementptr %v15[%v55] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    %v57 = llvm.load %v56 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
    %v58 = arith.andi %v54, %v57 : i32
    %v59 = arith.muli %c4, %c9 : i32
    %v60 = llvm.getelementptr %v15[%v59] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    %v61 = llvm.load %v60 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
    %v62 = arith.andi %v58, %v61 : i32
    %v63 = arith.muli %c9, %c9 : i32
    %v64 = llvm.getelementptr %v15[%v63] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    %v65 = llvm.load %v64 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
    %v66 = arith.andi %v62, %v65 : i32
    %v67 = arith.muli %c1, %c9 : i32
    %v68 = llvm.getelementptr %v15[%v67] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    %v69 = llvm.load %v68 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
    %v70 = arith.andi %v66, %v69 : i32
    %v71 = arith.muli %c11, %c9 : i32
    %v72 = llvm.getelementptr %v15[%v71] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    %v73 = llvm.load %v72 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
    %v74 = arith.andi %v70, %v73 : i32
    %v75 = arith.muli %c3, %c9 : i32
    %v76 = llvm.getelementptr %v15[%v75] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    %v77 = llvm.load %v76 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
    %v78 = arith.andi %v74, %v77 : i32
    %v79 = arith.cmpi eq, %v78, %c12 : i32
    %v80 = arith.xori %v79, %c13 : i1
    scf.if %v80 {
      scf.for %v81 = %v2 to %v17 step %c14 : i32 {
        %v83 = arith.andi %v81, %c7 : i32
        %v84i = gpu.thread_id x
        %v84 = arith.index_cast %v84i : index to i32
        %v85 = arith.andi %v84, %c15 : i32
        %v86 = arith.addi %v83, %v85 : i32
        %v87 = arith.subi %v17, %c2 : i32
        %v88 = arith.minsi %v86, %v87 : i32
        %v89 = arith.andi %v88, %c7 : i32
        %v90 = arith.muli %v88, %c9 : i32
        %v91 = arith.addi %c8, %v90 : i32
        %v92 = llvm.getelementptr %v1000000[%v91] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v93 = llvm.load %v92 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
        %v94 = arith.muli %v88, %c9 : i32
        %v95 = arith.addi %c10, %v94 : i32
        %v96 = llvm.getelementptr %v1000000[%v95] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v97 = llvm.load %v96 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
        %v98 = arith.muli %v89, %c9 : i32
        %v99 = arith.addi %c8, %v98 : i32
        %v100 = llvm.getelementptr %v1000000[%v99] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v101 = llvm.load %v100 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
        %v102 = arith.muli %v89, %c9 : i32
        %v103 = arith.addi %c10, %v102 : i32
        %v104 = llvm.getelementptr %v1000000[%v103] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v105 = llvm.load %v104 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
        %v106 = arith.cmpi eq, %v93, %v101 : i32
        %v107 = arith.subi %v88, %v89 : i32
        %v108 = arith.addi %v105, %v107 : i32
        %v109 = arith.cmpi eq, %v97, %v108 : i32
        %v110 = arith.andi %v106, %v109 : i1
        %v111 = llvm.call_intrinsic "llvm.amdgcn.ballot.i32"(%v110) : (i1) -> i32
        %v112 = arith.cmpi eq, %v111, %c12 : i32
        %v113 = arith.xori %v112, %c13 : i1
        scf.if %v113 {
          amdgpu.lds_barrier
          %v114 = arith.muli %v81, %c9 : i32
          %v115 = arith.addi %c8, %v114 : i32
          %v116 = llvm.getelementptr %v1000000[%v115] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v117 = llvm.load %v116 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
          %v118 = arith.muli %v81, %c9 : i32
          %v119 = arith.addi %c10, %v118 : i32
          %v120 = llvm.getelementptr %v1000000[%v119] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v121 = llvm.load %v120 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
          %v122 = arith.subi %v121, %c15 : i32
          %v123 = arith.maxsi %v122, %c6 : i32
          %v124 = arith.muli %v81, %c5 : i32
          %v125 = arith.addi %v124, %v13 : i32
          %v126 = arith.muli %v125, %c16 : i32
          %v127 = arith.muli %v9, %c17 : i32
          %v128 = arith.addi %v126, %v127 : i32
          %v129 = arith.addi %v128, %c6 : i32
          %v130 = arith.muli %v129, %c9 : i32
          %v131 = llvm.getelementptr %v1000001[%v130] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v132 = llvm.load %v131 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
          %v133 = arith.addi %v128, %c9 : i32
          %v134 = arith.muli %v133, %c9 : i32
          %v135 = llvm.getelementptr %v1000001[%v134] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v136 = llvm.load %v135 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
          %v137 = vector.extract %v132[0] : f32 from vector<4xf32>
          %v138 = arith.mulf %v137, %c18 : f32
          %v139 = vector.extract %v132[1] : f32 from vector<4xf32>
          %v140 = arith.mulf %v139, %c18 : f32
          %v141 = vector.extract %v132[2] : f32 from vector<4xf32>
          %v142 = arith.mulf %v141, %c18 : f32
          %v143 = vector.extract %v132[3] : f32 from vector<4xf32>
          %v144 = arith.mulf %v143, %c18 : f32
          %v145 = vector.extract %v136[0] : f32 from vector<4xf32>
          %v146 = arith.mulf %v145, %c18 : f32
          %v147 = vector.extract %v136[1] : f32 from vector<4xf32>
          %v148 = arith.mulf %v147, %c18 : f32
          %v149 = vector.extract %v136[2] : f32 from vector<4xf32>
          %v150 = arith.mulf %v149, %c18 : f32
          %v151 = vector.extract %v136[3] : f32 from vector<4xf32>
          %v152 = arith.mulf %v151, %c18 : f32
          %v153 = arith.muli %v8, %c19 : i32
          %v154 = arith.extui %v117 : i32 to i64
          %v155 = arith.muli %v154, %c20 : i64
          %v156 = llvm.getelementptr %v1000002[%v155] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i8
          %v157 = llvm.getelementptr %v156[%v153] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v158 = arith.extui %v117 : i32 to i64
          %v159 = arith.muli %v158, %c20 : i64
          %v160 = llvm.getelementptr %v1000002[%v159] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i8
          %v161 = llvm.getelementptr %v160[%c21] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i8
          %v162 = llvm.getelementptr %v161[%v153] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v163 = arith.muli %v9, %c22 : i32
          %v164 = arith.muli %v6, %c9 : i32
          %v165 = arith.addi %v164, %v14 : i32
          %v166 = arith.muli %v165, %c9 : i32
          %v167 = arith.addi %v123, %v166 : i32
          %v168 = arith.addi %v121, %c2 : i32
          %v180:10 = scf.for %v169 = %v167 to %v168 step %c22 iter_args(%v170 = %c23, %v171 = %c24, %v172 = %c24, %v173 = %c24, %v174 = %c24, %v175 = %c24, %v176 = %c24, %v177 = %c24, %v178 = %c24, %v179 = %c24) -> (f32, f32, f32, f32, f32, f32, f32, f32, f32, f32) : i32 {
            %v181 = arith.addi %v10, %c6 : i32
            %v182 = arith.addi %v169, %v181 : i32
            %v183 = arith.cmpi slt, %v182, %v168 : i32
            %v184 = arith.select %v183, %v182, %v121 : i32
            %v185 = arith.remui %v184, %c14 : i32
            %v186 = arith.muli %v185, %c25 : i32
            %v187 = arith.addi %v186, %v163 : i32
            %v188 = llvm.getelementptr %v157[%v187] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
            %v189 = llvm.getelementptr %v188[%c6] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
            %v190 = llvm.load %v189 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<8xf16>
            %v191 = arith.muli %v185, %c25 : i32
            %v192 = arith.addi %v191, %v163 : i32
            %v193 = llvm.getelementptr %v162[%v192] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
            %v194 = llvm.getelementptr %v193[%c6] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
            %v195 = llvm.load %v194 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<8xf16>
            llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c6) : (i32) -> ()
            %v196 = vector.extract %v190[0] : f16 from vector<8xf16>
            %v197 = arith.extf %v196 : f16 to f32
            %v198 = llvm.intr.fma(%v197, %v138, %c24) : (f32, f32, f32) -> f32
            %v199 = vector.extract %v190[1] : f16 from vector<8xf16>
            %v200 = arith.extf %v199 : f16 to f32
            %v201 = llvm.intr.fma(%v200, %v140, %v198) : (f32, f32, f32) -> f32
            %v202 = vector.extract %v190[2] : f16 from vector<8xf16>
            %v203 = arith.extf %v202 : f16 to f32
            %v204 = llvm.intr.fma(%v203, %v142, %v201) : (f32, f32, f32) -> f32
            %v205 = vector.extract %v190[3] : f16 from vector<8xf16>
            %v206 = arith.extf %v205 : f16 to f32
            %v207 = llvm.intr.fma(%v206, %v144, %v204) : (f32, f32, f32) -> f32
            %v208 = vector.extract %v190[4] : f16 from vector<8xf16>
            %v209 = arith.extf %v208 : f16 to f32
            %v210 = llvm.intr.fma(%v209, %v146, %v207) : (f32, f32, f32) -> f32
            %v211 = vector.extract %v190[5] : f16 from vector<8xf16>
            %v212 = arith.extf %v211 : f16 to f32
            %v213 = llvm.intr.fma(%v212, %v148, %v210) : (f32, f32, f32) -> f32
            %v214 = vector.extract %v190[6] : f16 from vector<8xf16>
            %v215 = arith.extf %v214 : f16 to f32
            %v216 = llvm.intr.fma(%v215, %v150, %v213) : (f32, f32, f32) -> f32
            %v217 = vector.extract %v190[7] : f16 from vector<8xf16>
            %v218 = arith.extf %v217 : f16 to f32
            %v219 = llvm.intr.fma(%v218, %v152, %v216) : (f32, f32, f32) -> f32
            %v220, %v220ok = gpu.shuffle xor %v219, %c9, %c14 : f32
            %v221 = arith.addf %v219, %v220 : f32
            %v222, %v222ok = gpu.shuffle xor %v221, %c5, %c14 : f32
            %v223 = arith.addf %v221, %v222 : f32
            %v224, %v224ok = gpu.shuffle xor %v223, %c2, %c14 : f32
            %v225 = arith.addf %v223, %v224 : f32
            %v226 = arith.select %v183, %v225, %c23 : f32
            %v227 = llvm.call_intrinsic "llvm.maxnum.f32"(%v170, %v226) : (f32, f32) -> f32
            %v228 = arith.subf %v170, %v227 : f32
            %v229 = llvm.call_intrinsic "llvm.exp2.f32"(%v228) : (f32) -> f32
            %v230 = arith.subf %v226, %v227 : f32
            %v231 = llvm.call_intrinsic "llvm.exp2.f32"(%v230) : (f32) -> f32
            %v232 = arith.select %v183, %v231, %c24 : f32
            %v233 = arith.mulf %v171, %v229 : f32
            %v234 = arith.addf %v233, %v232 : f32
            %v235 = arith.mulf %v172, %v229 : f32
            %v236 = vector.extract %v195[0] : f16 from vector<8xf16>
            %v237 = arith.extf %v236 : f16 to f32
            %v238 = llvm.intr.fma(%v232, %v237, %v235) : (f32, f32, f32) -> f32
            %v239 = arith.mulf %v173, %v229 : f32
            %v240 = vector.extract %v195[1] : f16 from vector<8xf16>
            %v241 = arith.extf %v240 : f16 to f32
            %v242 = llvm.intr.fma(%v232, %v241, %v239) : (f32, f32, f32) -> f32
            %v243 = arith.mulf %v174, %v229 : f32
            %v244 = vector.extract %v195[2] : f16 from vector<8xf16>
            %v245 = arith.extf %v244 : f16 to f32
            %v246 = llvm.intr.fma(%v232, %v245, %v243) : (f32, f32, f32) -> f32
            %v247 = arith.mulf %v175, %v229 : f32
            %v248 = vector.extract %v195[3] : f16 from vector<8xf16>
            %v249 = arith.extf %v248 : f16 to f32
            %v250 = llvm.intr.fma(%v232, %v249, %v247) : (f32, f32, f32) -> f32
            %v251 = arith.mulf %v176, %v229 : f32
            %v252 = vector.extract %v195[4] : f16 from vector<8xf16>
            %v253 = arith.extf %v252 : f16 to f32
            %v254 = llvm.intr.fma(%v232, %v253, %v251) : (f32, f32, f32) -> f32
            %v255 = arith.mulf %v177, %v229 : f32
            %v256 = vector.extract %v195[5] : f16 from vector<8xf16>
            %v257 = arith.extf %v256 : f16 to f32
            %v258 = llvm.intr.fma(%v232, %v257, %v255) : (f32, f32, f32) -> f32
            %v259 = arith.mulf %v178, %v229 : f32
            %v260 = vector.extract %v195[6] : f16 from vector<8xf16>
            %v261 = arith.extf %v260 : f16 to f32
            %v262 = llvm.intr.fma(%v232, %v261, %v259) : (f32, f32, f32) -> f32
            %v263 = arith.mulf %v179, %v229 : f32
            %v264 = vector.extract %v195[7] : f16 from vector<8xf16>
            %v265 = arith.extf %v264 : f16 to f32
            %v266 = llvm.intr.fma(%v232, %v265, %v263) : (f32, f32, f32) -> f32
            scf.yield %v227, %v234, %v238, %v242, %v246, %v250, %v254, %v258, %v262, %v266 : f32, f32, f32, f32, f32, f32, f32, f32, f32, f32
          }
          %v267 = arith.select %c13, %v180#0, %v180#0 : f32
          %v268 = arith.select %c13, %v180#1, %v180#1 : f32
          %v269 = arith.select %c13, %v180#2, %v180#2 : f32
          %v270 = arith.select %c13, %v180#3, %v180#3 : f32
          %v271 = arith.select %c13, %v180#4, %v180#4 : f32
          %v272 = arith.select %c13, %v180#5, %v180#5 : f32
          %v273 = arith.select %c13, %v180#6, %v180#6 : f32
          %v274 = arith.select %c13, %v180#7, %v180#7 : f32
          %v275 = arith.select %c13, %v180#8, %v180#8 : f32
          %v276 = arith.select %c13, %v180#9, %v180#9 : f32
          %v277, %v277ok = gpu.shuffle xor %v267, %c17, %c14 : f32
          %v278 = llvm.call_intrinsic "llvm.maxnum.f32"(%v267, %v277) : (f32, f32) -> f32
          %v279 = arith.subf %v267, %v278 : f32
          %v280 = llvm.call_intrinsic "llvm.exp2.f32"(%v279) : (f32) -> f32
          %v281 = arith.mulf %v268, %v280 : f32
          %v282 = arith.mulf %v269, %v280 : f32
          %v283 = arith.mulf %v270, %v280 : f32
          %v284 = arith.mulf %v271, %v280 : f32
          %v285 = arith.mulf %v272, %v280 : f32
          %v286 = arith.mulf %v273, %v280 : f32
          %v287 = arith.mulf %v274, %v280 : f32
          %v288 = arith.mulf %v275, %v280 : f32
          %v289 = arith.mulf %v276, %v280 : f32
          %v290, %v290ok = gpu.shuffle xor %v281, %c17, %c14 : f32
          %v291 = arith.addf %v281, %v290 : f32
          %v292i = gpu.thread_id x
          %v292 = arith.index_cast %v292i : index to i32
          %v293 = arith.andi %v292, %c0 : i32
          %v294 = arith.andi %v293, %c17 : i32
          %v295 = arith.cmpi eq, %v294, %c17 : i32
          %v296 = arith.select %v295, %v283, %v282 : f32
          %v297 = arith.select %v295, %v282, %v283 : f32
          %v298, %v298ok = gpu.shuffle xor %v297, %c17, %c14 : f32
          %v299 = arith.addf %v296, %v298 : f32
          %v300 = arith.select %v295, %v285, %v284 : f32
          %v301 = arith.select %v295, %v284, %v285 : f32
          %v302, %v302ok = gpu.shuffle xor %v301, %c17, %c14 : f32
          %v303 = arith.addf %v300, %v302 : f32
          %v304 = arith.select %v295, %v287, %v286 : f32
          %v305 = arith.select %v295, %v286, %v287 : f32
          %v306, %v306ok = gpu.shuffle xor %v305, %c17, %c14 : f32
          %v307 = arith.addf %v304, %v306 : f32
          %v308 = arith.select %v295, %v289, %v288 : f32
          %v309 = arith.select %v295, %v288, %v289 : f32
          %v310, %v310ok = gpu.shuffle xor %v309, %c17, %c14 : f32
          %v311 = arith.addf %v308, %v310 : f32
          %v312, %v312ok = gpu.shuffle xor %v278, %c22, %c14 : f32
          %v313 = llvm.call_intrinsic "llvm.maxnum.f32"(%v278, %v312) : (f32, f32) -> f32
          %v314 = arith.subf %v278, %v313 : f32
          %v315 = llvm.call_intrinsic "llvm.exp2.f32"(%v314) : (f32) -> f32
          %v316 = arith.mulf %v291, %v315 : f32
          %v317 = arith.mulf %v299, %v315 : f32
          %v318 = arith.mulf %v303, %v315 : f32
          %v319 = arith.mulf %v307, %v315 : f32
          %v320 = arith.mulf %v311, %v315 : f32
          %v321, %v321ok = gpu.shuffle xor %v316, %c22, %c14 : f32
          %v322 = arith.addf %v316, %v321 : f32
          %v323i = gpu.thread_id x
          %v323 = arith.index_cast %v323i : index to i32
          %v324 = arith.andi %v323, %c0 : i32
          %v325 = arith.andi %v324, %c22 : i32
          %v326 = arith.cmpi eq, %v325, %c22 : i32
          %v327 = arith.select %v326, %v318, %v317 : f32
          %v328 = arith.select %v326, %v317, %v318 : f32
          %v329, %v329ok = gpu.shuffle xor %v328, %c22, %c14 : f32
          %v330 = arith.addf %v327, %v329 : f32
          %v331 = arith.select %v326, %v320, %v319 : f32
          %v332 = arith.select %v326, %v319, %v320 : f32
          %v333, %v333ok = gpu.shuffle xor %v332, %c22, %c14 : f32
          %v334 = arith.addf %v331, %v333 : f32
          %v335 = arith.muli %v4, %c26 : i32
          %v336 = llvm.getelementptr %v15[%v335] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
          %v337 = arith.muli %v9, %c17 : i32
          %v338 = arith.addi %v337, %v10 : i32
          %v339 = arith.addi %v338, %c9 : i32
          %v340 = arith.muli %v339, %c9 : i32
          %v341 = llvm.getelementptr %v336[%v340] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
          llvm.store %v330, %v341 {alignment = 4 : i64} : f32, !llvm.ptr<3>
          %v342 = arith.muli %v9, %c17 : i32
          %v343 = arith.addi %v342, %v10 : i32
          %v344 = arith.addi %v343, %c17 : i32
          %v345 = arith.muli %v344, %c9 : i32
          %v346 = llvm.getelementptr %v336[%v345] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
          llvm.store %v334, %v346 {alignment = 4 : i64} : f32, !llvm.ptr<3>
          %v347 = arith.cmpi eq, %v3, %c6 : i32
          scf.if %v347 {
            llvm.store %v313, %v336 {alignment = 4 : i64} : f32, !llvm.ptr<3>
            %v348 = llvm.getelementptr %v336[%c9] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
            llvm.store %v322, %v348 {alignment = 4 : i64} : f32, !llvm.ptr<3>
          }
          amdgpu.lds_barrier
          %v349 = arith.muli %v1, %c9 : i32
          scf.for %v350 = %v349 to %c25 step %c27 : i32 {
            %v352 = arith.cmpi slt, %v350, %c25 : i32
            %v353 = arith.select %v352, %v350, %c6 : i32
            %v354 = arith.divui %v353, %c16 : i32
            %v355 = arith.remui %v353, %c16 : i32
            %v356 = arith.muli %v354, %c26 : i32
            %v357 = llvm.getelementptr %v15[%v356] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
            %v358 = arith.muli %c6, %c9 : i32
            %v359 = arith.addi %c6, %v358 : i32
            %v360 = llvm.getelementptr %v357[%v359] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
            %v361 = llvm.load %v360 {alignment = 8 : i64} : !llvm.ptr<3> -> vector<2xf32>
            %v362 = arith.muli %c6, %c9 : i32
            %v363 = arith.addi %c28, %v362 : i32
            %v364 = llvm.getelementptr %v357[%v363] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
            %v365 = llvm.load %v364 {alignment = 8 : i64} : !llvm.ptr<3> -> vector<2xf32>
            %v366 = arith.muli %c6, %c9 : i32
            %v367 = arith.addi %c29, %v366 : i32
            %v368 = llvm.getelementptr %v357[%v367] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
            %v369 = llvm.load %v368 {alignment = 8 : i64} : !llvm.ptr<3> -> vector<2xf32>
            %v370 = arith.muli %c6, %c9 : i32
            %v371 = arith.addi %c30, %v370 : i32
            %v372 = llvm.getelementptr %v357[%v371] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
            %v373 = llvm.load %v372 {alignment = 8 : i64} : !llvm.ptr<3> -> vector<2xf32>
            %v374 = arith.addi %v355, %c9 : i32
            %v375 = arith.muli %v374, %c9 : i32
            %v376 = arith.addi %c6, %v375 : i32
            %v377 = llvm.getelementptr %v357[%v376] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
            %v378 = llvm.load %v377 {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xf32>
            %v379 = arith.addi %v355, %c9 : i32
            %v380 = arith.muli %v379, %c9 : i32
            %v381 = arith.addi %c28, %v380 : i32
            %v382 = llvm.getelementptr %v357[%v381] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
            %v383 = llvm.load %v382 {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xf32>
            %v384 = arith.addi %v355, %c9 : i32
            %v385 = arith.muli %v384, %c9 : i32
            %v386 = arith.addi %c29, %v385 : i32
            %v387 = llvm.getelementptr %v357[%v386] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
            %v388 = llvm.load %v387 {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xf32>
            %v389 = arith.addi %v355, %c9 : i32
            %v390 = arith.muli %v389, %c9 : i32
            %v391 = arith.addi %c30, %v390 : i32
            %v392 = llvm.getelementptr %v357[%v391] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
            %v393 = llvm.load %v392 {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xf32>
            %v394 = vector.extract %v361[0] : f32 from vector<2xf32>
            %v395 = vector.extract %v365[0] : f32 from vector<2xf32>
            %v396 = llvm.call_intrinsic "llvm.maxnum.f32"(%v394, %v395) : (f32, f32) -> f32
            %v397 = vector.extract %v369[0] : f32 from vector<2xf32>
            %v398 = llvm.call_intrinsic "llvm.maxnum.f32"(%v396, %v397) : (f32, f32) -> f32
            %v399 = vector.extract %v373[0] : f32 from vector<2xf32>
            %v400 = llvm.call_intrinsic "llvm.maxnum.f32"(%v398, %v399) : (f32, f32) -> f32
            %v401 = vector.extract %v361[0] : f32 from vector<2xf32>
            %v402 = arith.subf %v401, %v400 : f32
            %v403 = llvm.call_intrinsic "llvm.exp2.f32"(%v402) : (f32) -> f32
            %v404 = vector.extract %v361[1] : f32 from vector<2xf32>
            %v405 = llvm.intr.fma(%v404, %v403, %c24) : (f32, f32, f32) -> f32
            %v406 = vector.extract %v378[0] : f32 from vector<4xf32>
            %v407 = llvm.intr.fma(%v406, %v403, %c24) : (f32, f32, f32) -> f32
            %v408 = vector.extract %v378[1] : f32 from vector<4xf32>
            %v409 = llvm.intr.fma(%v408, %v403, %c24) : (f32, f32, f32) -> f32
            %v410 = vector.extract %v378[2] : f32 from vector<4xf32>
            %v411 = llvm.intr.fma(%v410, %v403, %c24) : (f32, f32, f32) -> f32
            %v412 = vector.extract %v378[3] : f32 from vector<4xf32>
            %v413 = llvm.intr.fma(%v412, %v403, %c24) : (f32, f32, f32) -> f32
            %v414 = vector.extract %v365[0] : f32 from vector<2xf32>
            %v415 = arith.subf %v414, %v400 : f32
            %v416 = llvm.call_intrinsic "llvm.exp2.f32"(%v415) : (f32) -> f32
            %v417 = vector.extract %v365[1] : f32 from vector<2xf32>
            %v418 = llvm.intr.fma(%v417, %v416, %v405) : (f32, f32, f32) -> f32
            %v419 = vector.extract %v383[0] : f32 from vector<4xf32>
            %v420 = llvm.intr.fma(%v419, %v416, %v407) : (f32, f32, f32) -> f32
            %v421 = vector.extract %v383[1] : f32 from vector<4xf32>
            %v422 = llvm.intr.fma(%v421, %v416, %v409) : (f32, f32, f32) -> f32
            %v423 = vector.extract %v383[2] : f32 from vector<4xf32>
            %v424 = llvm.intr.fma(%v423, %v416, %v411) : (f32, f32, f32) -> f32
            %v425 = vector.extract %v383[3] : f32 from vector<4xf32>
            %v426 = llvm.intr.fma(%v425, %v416, %v413) : (f32, f32, f32) -> f32
            %v427 = vector.extract %v369[0] : f32 from vector<2xf32>
            %v428 = arith.subf %v427, %v400 : f32
            %v429 = llvm.call_intrinsic "llvm.exp2.f32"(%v428) : (f32) -> f32
            %v430 = vector.extract %v369[1] : f32 from vector<2xf32>
            %v431 = llvm.intr.fma(%v430, %v429, %v418) : (f32, f32, f32) -> f32
            %v432 = vector.extract %v388[0] : f32 from vector<4xf32>
            %v433 = llvm.intr.fma(%v432, %v429, %v420) : (f32, f32, f32) -> f32
            %v434 = vector.extract %v388[1] : f32 from vector<4xf32>
            %v435 = llvm.intr.fma(%v434, %v429, %v422) : (f32, f32, f32) -> f32
            %v436 = vector.extract %v388[2] : f32 from vector<4xf32>
            %v437 = llvm.intr.fma(%v436, %v429, %v424) : (f32, f32, f32) -> f32
            %v438 = vector.extract %v388[3] : f32 from vector<4xf32>
            %v439 = llvm.intr.fma(%v438, %v429, %v426) : (f32, f32, f32) -> f32
            %v440 = vector.extract %v373[0] : f32 from vector<2xf32>
            %v441 = arith.subf %v440, %v400 : f32
            %v442 = llvm.call_intrinsic "llvm.exp2.f32"(%v441) : (f32) -> f32
            %v443 = vector.extract %v373[1] : f32 from vector<2xf32>
            %v444 = llvm.intr.fma(%v443, %v442, %v431) : (f32, f32, f32) -> f32
            %v445 = vector.extract %v393[0] : f32 from vector<4xf32>
            %v446 = llvm.intr.fma(%v445, %v442, %v433) : (f32, f32, f32) -> f32
            %v447 = vector.extract %v393[1] : f32 from vector<4xf32>
            %v448 = llvm.intr.fma(%v447, %v442, %v435) : (f32, f32, f32) -> f32
            %v449 = vector.extract %v393[2] : f32 from vector<4xf32>
            %v450 = llvm.intr.fma(%v449, %v442, %v437) : (f32, f32, f32) -> f32
            %v451 = vector.extract %v393[3] : f32 from vector<4xf32>
            %v452 = llvm.intr.fma(%v451, %v442, %v439) : (f32, f32, f32) -> f32
            %v453 = llvm.call_intrinsic "llvm.amdgcn.rcp.f32"(%v444) : (f32) -> f32
            %v454 = arith.mulf %v446, %v453 : f32
            %v455 = arith.mulf %v448, %v453 : f32
            %v456 = arith.mulf %v450, %v453 : f32
            %v457 = arith.mulf %v452, %v453 : f32
            %v458 = arith.muli %v8, %c5 : i32
            %v459 = arith.addi %v458, %v354 : i32
            %v460 = arith.muli %v459, %c16 : i32
            %v461 = arith.addi %v460, %v355 : i32
            %v462 = llvm.call_intrinsic "llvm.fabs.f32"(%v454) : (f32) -> f32
            %v463 = llvm.call_intrinsic "llvm.fabs.f32"(%v455) : (f32) -> f32
            %v464 = llvm.call_intrinsic "llvm.fabs.f32"(%v456) : (f32) -> f32
            %v465 = llvm.call_intrinsic "llvm.fabs.f32"(%v457) : (f32) -> f32
            %v466 = llvm.call_intrinsic "llvm.maxnum.f32"(%v462, %v463) : (f32, f32) -> f32
            %v467 = llvm.call_intrinsic "llvm.maxnum.f32"(%v466, %v464) : (f32, f32) -> f32
            %v468 = llvm.call_intrinsic "llvm.maxnum.f32"(%v467, %v465) : (f32, f32) -> f32
            %v469, %v469ok = gpu.shuffle xor %v468, %c9, %c14 : f32
            %v470 = llvm.call_intrinsic "llvm.maxnum.f32"(%v468, %v469) : (f32, f32) -> f32
            %v471, %v471ok = gpu.shuffle xor %v470, %c5, %c14 : f32
            %v472 = llvm.call_intrinsic "llvm.maxnum.f32"(%v470, %v471) : (f32, f32) -> f32
            %v473, %v473ok = gpu.shuffle xor %v472, %c2, %c14 : f32
            %v474 = llvm.call_intrinsic "llvm.maxnum.f32"(%v472, %v473) : (f32, f32) -> f32
            %v475 = arith.cmpf ogt, %v474, %c24 : f32
            %v476 = arith.divf %c31, %v474 : f32
            %v477 = arith.select %v475, %v476, %c24 : f32
            %v478 = arith.divf %v474, %c31 : f32
            %v479 = arith.mulf %v454, %v477 : f32
            %v480 = arith.addf %v479, %c32 : f32
            %v481 = arith.bitcast %v480 : f32 to i32
            %v482 = arith.subi %v481, %c33 : i32
            %v483 = arith.mulf %v455, %v477 : f32
            %v484 = arith.addf %v483, %c32 : f32
            %v485 = arith.bitcast %v484 : f32 to i32
            %v486 = arith.subi %v485, %c33 : i32
            %v487 = arith.mulf %v456, %v477 : f32
            %v488 = arith.addf %v487, %c32 : f32
            %v489 = arith.bitcast %v488 : f32 to i32
            %v490 = arith.subi %v489, %c33 : i32
            %v491 = arith.mulf %v457, %v477 : f32
            %v492 = arith.addf %v491, %c32 : f32
            %v493 = arith.bitcast %v492 : f32 to i32
            %v494 = arith.subi %v493, %c33 : i32
            %v495 = arith.addi %v482, %v486 : i32
            %v496 = arith.addi %v495, %v490 : i32
            %v497 = arith.addi %v496, %v494 : i32
            %v498, %v498ok = gpu.shuffle xor %v497, %c9, %c14 : i32
            %v499 = arith.addi %v497, %v498 : i32
            %v500, %v500ok = gpu.shuffle xor %v499, %c5, %c14 : i32
            %v501 = arith.addi %v499, %v500 : i32
            %v502, %v502ok = gpu.shuffle xor %v501, %c2, %c14 : i32
            %v503 = arith.addi %v501, %v502 : i32
            scf.if %v352 {
              %v504 = arith.andi %v482, %c34 : i32
              %v505 = arith.andi %v486, %c34 : i32
              %v506 = arith.shli %v505, %c17 : i32
              %v507 = arith.ori %v504, %v506 : i32
              %v508 = arith.andi %v490, %c34 : i32
              %v509 = arith.shli %v508, %c22 : i32
              %v510 = arith.andi %v494, %c34 : i32
              %v511 = arith.shli %v510, %c35 : i32
              %v512 = arith.ori %v509, %v511 : i32
              %v513 = arith.ori %v507, %v512 : i32
              %v514 = arith.shrui %v461, %c1 : i32
              %v515 = arith.andi %v461, %c0 : i32
              %v516 = arith.muli %v514, %c14 : i32
              %v517 = arith.addi %v516, %v81 : i32
              %v518 = arith.muli %v517, %c14 : i32
              %v519 = arith.addi %v518, %v515 : i32
              %v520 = llvm.getelementptr %v1000003[%v519] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
              llvm.store %v513, %v520 {alignment = 4 : i64} : i32, !llvm.ptr<1>
              %v521 = arith.andi %v461, %c0 : i32
              %v522 = arith.cmpi eq, %v521, %c6 : i32
              scf.if %v522 {
                %v523 = arith.shrui %v461, %c1 : i32
                %v524 = arith.muli %v523, %c14 : i32
                %v525 = arith.addi %v524, %v81 : i32
                %v526 = arith.muli %v525, %c9 : i32
                %v527 = arith.addi %c19, %v526 : i32
                %v528 = llvm.getelementptr %v1000003[%v527] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
                llvm.store %v478, %v528 {alignment = 4 : i64} : f32, !llvm.ptr<1>
                %v529 = arith.muli %v523, %c14 : i32
                %v530 = arith.addi %v529, %v81 : i32
                %v531 = arith.muli %v530, %c9 : i32
                %v532 = arith.addi %c19, %v531 : i32
                %v533 = llvm.getelementptr %v1000003[%v532] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
                %v534 = llvm.getelementptr %v533[%c36] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
                llvm.store %v503, %v534 {alignment = 4 : i64} : i32, !llvm.ptr<1>
              }
            }
          }
        }
      }
    }
    gpu.return
  }
}
}
