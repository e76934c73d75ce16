module attributes {gpu.container_module} {
gpu.module @kernels {
  llvm.mlir.global internal @top_collect_shared0() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<1024 x i8>
  llvm.mlir.global internal @top_collect_shared1() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<64 x i8>
  llvm.mlir.global internal @top_collect_shared2() {addr_space = 3 : i32, alignment = 4 : i64} : !llvm.array<4 x i8>
  gpu.func @top_collect(%v1000000: !llvm.ptr<1>, %v1000001: !llvm.ptr<1>, %v1000002: !llvm.ptr<1>) kernel attributes {gpu.known_block_size = array<i32: 256, 1, 1>, rocdl.flat_work_group_size = "256,256"} {
    %c19 = arith.constant true
    %c0 = arith.constant 0 : i32
    %c4 = arith.constant 1 : i32
    %c5 = arith.constant 2 : i32
    %c6 = arith.constant 3 : i32
    %c1 = arith.constant 4 : i32
    %c7 = arith.constant 5 : i32
    %c8 = arith.constant 6 : i32
    %c9 = arith.constant 7 : i32
    %c10 = arith.constant 8 : i32
    %c11 = arith.constant 9 : i32
    %c12 = arith.constant 10 : i32
    %c13 = arith.constant 11 : i32
    %c14 = arith.constant 12 : i32
    %c15 = arith.constant 13 : i32
    %c16 = arith.constant 14 : i32
    %c17 = arith.constant 15 : i32
    %c3 = arith.constant 16 : i32
    %c29 = arith.constant 20 : i32
    %c18 = arith.constant 128 : i32
    %c25 = arith.constant 256 : i32
    %c23 = arith.constant 500 : i32
    %c24 = arith.constant 512 : i32
    %c30 = arith.constant 1024 : i32
    %c22 = arith.constant 4096 : i32
    %c21 = arith.constant 8200 : i32
    %c2 = arith.constant 16384 : i32
    %c20 = arith.constant 65536 : i32
    %c28 = arith.constant -2147483648 : i32
    %c27 = arith.constant -1 : i32
    %c31 = arith.constant 32 : i64
    %c26 = arith.constant 0x7F800000 : f32
    %v1i = gpu.thread_id x
    %v1 = arith.index_cast %v1i : index to i32
    %v2i = gpu.block_id y
    %v2 = arith.index_cast %v2i : index to i32
    %v3 = llvm.mlir.addressof @top_collect_shared0 : !llvm.ptr<3>
    %v4 = llvm.mlir.addressof @top_collect_shared1 : !llvm.ptr<3>
    %v5 = llvm.mlir.addressof @top_collect_shared2 : !llvm.ptr<3>
    llvm.call_intrinsic "llvm.amdgcn.sched.barrier"(%c0) : (i32) -> ()
    %v6 = llvm.getelementptr %v1000000[%c1] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %v7 = llvm.load %v6 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %v8 = arith.cmpi slt, %v2, %v7 : i32
    scf.if %v8 {
      %v9 = arith.muli %v2, %c2 : i32
      %v10 = llvm.getelementptr %v1000002[%v9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v11 = arith.muli %v1, %c3 : i32
      %v12 = arith.addi %v11, %c0 : i32
      %v13 = arith.muli %v12, %c1 : i32
      %v14 = llvm.getelementptr %v10[%v13] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v15 = llvm.load %v14 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
      %v16 = arith.addi %v11, %c4 : i32
      %v17 = arith.muli %v16, %c1 : i32
      %v18 = llvm.getelementptr %v10[%v17] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v19 = llvm.load %v18 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
      %v20 = arith.addi %v15, %v19 : i32
      %v21 = arith.addi %v11, %c5 : i32
      %v22 = arith.muli %v21, %c1 : i32
      %v23 = llvm.getelementptr %v10[%v22] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v24 = llvm.load %v23 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
      %v25 = arith.addi %v20, %v24 : i32
      %v26 = arith.addi %v11, %c6 : i32
      %v27 = arith.muli %v26, %c1 : i32
      %v28 = llvm.getelementptr %v10[%v27] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v29 = llvm.load %v28 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
      %v30 = arith.addi %v25, %v29 : i32
      %v31 = arith.addi %v11, %c1 : i32
      %v32 = arith.muli %v31, %c1 : i32
      %v33 = llvm.getelementptr %v10[%v32] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v34 = llvm.load %v33 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
      %v35 = arith.addi %v30, %v34 : i32
      %v36 = arith.addi %v11, %c7 : i32
      %v37 = arith.muli %v36, %c1 : i32
      %v38 = llvm.getelementptr %v10[%v37] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v39 = llvm.load %v38 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
      %v40 = arith.addi %v35, %v39 : i32
      %v41 = arith.addi %v11, %c8 : i32
      %v42 = arith.muli %v41, %c1 : i32
      %v43 = llvm.getelementptr %v10[%v42] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v44 = llvm.load %v43 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
      %v45 = arith.addi %v40, %v44 : i32
      %v46 = arith.addi %v11, %c9 : i32
      %v47 = arith.muli %v46, %c1 : i32
      %v48 = llvm.getelementptr %v10[%v47] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v49 = llvm.load %v48 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
      %v50 = arith.addi %v45, %v49 : i32
      %v51 = arith.addi %v11, %c10 : i32
      %v52 = arith.muli %v51, %c1 : i32
      %v53 = llvm.getelementptr %v10[%v52] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v54 = llvm.load %v53 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
      %v55 = arith.addi %v50, %v54 : i32
      %v56 = arith.addi %v11, %c11 : i32
      %v57 = arith.muli %v56, %c1 : i32
      %v58 = llvm.getelementptr %v10[%v57] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v59 = llvm.load %v58 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
      %v60 = arith.addi %v55, %v59 : i32
      %v61 = arith.addi %v11, %c12 : i32
      %v62 = arith.muli %v61, %c1 : i32
      %v63 = llvm.getelementptr %v10[%v62] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v64 = llvm.load %v63 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
      %v65 = arith.addi %v60, %v64 : i32
      %v66 = arith.addi %v11, %c13 : i32
      %v67 = arith.muli %v66, %c1 : i32
      %v68 = llvm.getelementptr %v10[%v67] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v69 = llvm.load %v68 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
      %v70 = arith.addi %v65, %v69 : i32
      %v71 = arith.addi %v11, %c14 : i32
      %v72 = arith.muli %v71, %c1 : i32
      %v73 = llvm.getelementptr %v10[%v72] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v74 = llvm.load %v73 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
      %v75 = arith.addi %v70, %v74 : i32
      %v76 = arith.addi %v11, %c15 : i32
      %v77 = arith.muli %v76, %c1 : i32
      %v78 = llvm.getelementptr %v10[%v77] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v79 = llvm.load %v78 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
      %v80 = arith.addi %v75, %v79 : i32
      %v81 = arith.addi %v11, %c16 : i32
      %v82 = arith.muli %v81, %c1 : i32
      %v83 = llvm.getelementptr %v10[%v82] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v84 = llvm.load %v83 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
      %v85 = arith.addi %v80, %v84 : i32
      %v86 = arith.addi %v11, %c17 : i32
      %v87 = arith.muli %v86, %c1 : i32
      %v88 = llvm.getelementptr %v10[%v87] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v89 = llvm.load %v88 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
      %v90 = arith.addi %v85, %v89 : i32
      %v91 = arith.muli %v1, %c1 : i32
      %v92 = llvm.getelementptr %v3[%v91] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
      llvm.store %v90, %v92 {alignment = 4 : i64} : i32, !llvm.ptr<3>
      amdgpu.lds_barrier
      %v93 = arith.cmpi slt, %v1, %c3 : i32
      scf.if %v93 {
        %v94 = arith.muli %v1, %c3 : i32
        %v95 = arith.addi %v94, %c0 : i32
        %v96 = arith.muli %v95, %c1 : i32
        %v97 = llvm.getelementptr %v3[%v96] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v98 = llvm.load %v97 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v99 = arith.addi %v94, %c4 : i32
        %v100 = arith.muli %v99, %c1 : i32
        %v101 = llvm.getelementptr %v3[%v100] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v102 = llvm.load %v101 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v103 = arith.addi %v98, %v102 : i32
        %v104 = arith.addi %v94, %c5 : i32
        %v105 = arith.muli %v104, %c1 : i32
        %v106 = llvm.getelementptr %v3[%v105] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v107 = llvm.load %v106 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v108 = arith.addi %v103, %v107 : i32
        %v109 = arith.addi %v94, %c6 : i32
        %v110 = arith.muli %v109, %c1 : i32
        %v111 = llvm.getelementptr %v3[%v110] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v112 = llvm.load %v111 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v113 = arith.addi %v108, %v112 : i32
        %v114 = arith.addi %v94, %c1 : i32
        %v115 = arith.muli %v114, %c1 : i32
        %v116 = llvm.getelementptr %v3[%v115] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v117 = llvm.load %v116 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v118 = arith.addi %v113, %v117 : i32
        %v119 = arith.addi %v94, %c7 : i32
        %v120 = arith.muli %v119, %c1 : i32
        %v121 = llvm.getelementptr %v3[%v120] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v122 = llvm.load %v121 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v123 = arith.addi %v118, %v122 : i32
        %v124 = arith.addi %v94, %c8 : i32
        %v125 = arith.muli %v124, %c1 : i32
        %v126 = llvm.getelementptr %v3[%v125] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v127 = llvm.load %v126 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v128 = arith.addi %v123, %v127 : i32
        %v129 = arith.addi %v94, %c9 : i32
        %v130 = arith.muli %v129, %c1 : i32
        %v131 = llvm.getelementptr %v3[%v130] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v132 = llvm.load %v131 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v133 = arith.addi %v128, %v132 : i32
        %v134 = arith.addi %v94, %c10 : i32
        %v135 = arith.muli %v134, %c1 : i32
        %v136 = llvm.getelementptr %v3[%v135] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v137 = llvm.load %v136 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v138 = arith.addi %v133, %v137 : i32
        %v139 = arith.addi %v94, %c11 : i32
        %v140 = arith.muli %v139, %c1 : i32
        %v141 = llvm.getelementptr %v3[%v140] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v142 = llvm.load %v141 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v143 = arith.addi %v138, %v142 : i32
        %v144 = arith.addi %v94, %c12 : i32
        %v145 = arith.muli %v144, %c1 : i32
        %v146 = llvm.getelementptr %v3[%v145] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v147 = llvm.load %v146 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v148 = arith.addi %v143, %v147 : i32
        %v149 = arith.addi %v94, %c13 : i32
        %v150 = arith.muli %v149, %c1 : i32
        %v151 = llvm.getelementptr %v3[%v150] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v152 = llvm.load %v151 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v153 = arith.addi %v148, %v152 : i32
        %v154 = arith.addi %v94, %c14 : i32
        %v155 = arith.muli %v154, %c1 : i32
        %v156 = llvm.getelementptr %v3[%v155] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v157 = llvm.load %v156 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v158 = arith.addi %v153, %v157 : i32
        %v159 = arith.addi %v94, %c15 : i32
        %v160 = arith.muli %v159, %c1 : i32
        %v161 = llvm.getelementptr %v3[%v160] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v162 = llvm.load %v161 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v163 = arith.addi %v158, %v162 : i32
        %v164 = arith.addi %v94, %c16 : i32
        %v165 = arith.muli %v164, %c1 : i32
        %v166 = llvm.getelementptr %v3[%v165] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v167 = llvm.load %v166 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v168 = arith.addi %v163, %v167 : i32
        %v169 = arith.addi %v94, %c17 : i32
        %v170 = arith.muli %v169, %c1 : i32
        %v171 = llvm.getelementptr %v3[%v170] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        %v172 = llvm.load %v171 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
        %v173 = arith.addi %v168, %v172 : i32
        %v174 = arith.muli %v1, %c1 : i32
        %v175 = llvm.getelementptr %v4[%v174] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
        llvm.store %v173, %v175 {alignment = 4 : i64} : i32, !llvm.ptr<3>
      }
      amdgpu.lds_barrier
      %v176 = arith.cmpi eq, %v1, %c0 : i32
      scf.if %v176 {
        %v181:3 = scf.for %v177 = %c0 to %c3 step %c4 iter_args(%v178 = %c0, %v179 = %c17, %v180 = %c0) -> (i32, i32, i32) : i32 {
          %v182 = arith.addi %c0, %v177 : i32
          %v183 = arith.muli %v182, %c1 : i32
          %v184 = llvm.getelementptr %v4[%v183] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
          %v185 = llvm.load %v184 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
          %v186 = arith.addi %v178, %v185 : i32
          %v187 = arith.cmpi eq, %v180, %c0 : i32
          %v188 = arith.cmpi sge, %v186, %c18 : i32
          %v189 = arith.andi %v187, %v188 : i1
          %v190 = arith.xori %v189, %c19 : i1
          %v191 = arith.andi %v187, %v190 : i1
          %v192 = arith.cmpi slt, %v177, %c17 : i32
          %v193 = arith.andi %v191, %v192 : i1
          %v194 = arith.select %v193, %v186, %v178 : i32
          %v195 = arith.select %v189, %v177, %v179 : i32
          %v196 = arith.select %v189, %c4, %v180 : i32
          scf.yield %v194, %v195, %v196 : i32, i32, i32
        }
        %v197 = arith.select %c19, %v181#0, %v181#0 : i32
        %v198 = arith.select %c19, %v181#1, %v181#1 : i32
        %v199 = arith.select %c19, %v181#2, %v181#2 : i32
        %v200 = arith.addi %c0, %v198 : i32
        %v201 = arith.muli %v200, %c3 : i32
        %v206:3 = scf.for %v202 = %c0 to %c3 step %c4 iter_args(%v203 = %v197, %v204 = %c17, %v205 = %c0) -> (i32, i32, i32) : i32 {
          %v207 = arith.addi %v201, %v202 : i32
          %v208 = arith.muli %v207, %c1 : i32
          %v209 = llvm.getelementptr %v3[%v208] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
          %v210 = llvm.load %v209 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
          %v211 = arith.addi %v203, %v210 : i32
          %v212 = arith.cmpi eq, %v205, %c0 : i32
          %v213 = arith.cmpi sge, %v211, %c18 : i32
          %v214 = arith.andi %v212, %v213 : i1
          %v215 = arith.xori %v214, %c19 : i1
          %v216 = arith.andi %v212, %v215 : i1
          %v217 = arith.cmpi slt, %v202, %c17 : i32
          %v218 = arith.andi %v216, %v217 : i1
          %v219 = arith.select %v218, %v211, %v203 : i32
          %v220 = arith.select %v214, %v202, %v204 : i32
          %v221 = arith.select %v214, %c4, %v205 : i32
          scf.yield %v219, %v220, %v221 : i32, i32, i32
        }
        %v222 = arith.select %c19, %v206#0, %v206#0 : i32
        %v223 = arith.select %c19, %v206#1, %v206#1 : i32
        %v224 = arith.select %c19, %v206#2, %v206#2 : i32
        %v225 = arith.addi %v201, %v223 : i32
        %v226 = arith.muli %v225, %c3 : i32
        %v231:3 = scf.for %v227 = %c0 to %c3 step %c4 iter_args(%v228 = %v222, %v229 = %c17, %v230 = %c0) -> (i32, i32, i32) : i32 {
          %v232 = arith.addi %v226, %v227 : i32
          %v233 = arith.muli %v232, %c1 : i32
          %v234 = llvm.getelementptr %v10[%v233] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
          %v235 = llvm.load %v234 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
          %v236 = arith.addi %v228, %v235 : i32
          %v237 = arith.cmpi eq, %v230, %c0 : i32
          %v238 = arith.cmpi sge, %v236, %c18 : i32
          %v239 = arith.andi %v237, %v238 : i1
          %v240 = arith.xori %v239, %c19 : i1
          %v241 = arith.andi %v237, %v240 : i1
          %v242 = arith.cmpi slt, %v227, %c17 : i32
          %v243 = arith.andi %v241, %v242 : i1
          %v244 = arith.select %v243, %v236, %v228 : i32
          %v245 = arith.select %v239, %v227, %v229 : i32
          %v246 = arith.select %v239, %c4, %v230 : i32
          scf.yield %v244, %v245, %v246 : i32, i32, i32
        }
        %v247 = arith.select %c19, %v231#0, %v231#0 : i32
        %v248 = arith.select %c19, %v231#1, %v231#1 : i32
        %v249 = arith.select %c19, %v231#2, %v231#2 : i32
        %v250 = arith.addi %v226, %v248 : i32
        llvm.store %v250, %v5 {alignment = 4 : i64} : i32, !llvm.ptr<3>
      }
      amdgpu.lds_barrier
      %v251 = llvm.load %v5 {alignment = 4 : i64} : !llvm.ptr<3> -> i32
      %v252 = arith.muli %v2, %c21 : i32
      %v253 = arith.addi %c20, %v252 : i32
      %v254 = llvm.getelementptr %v1000002[%v253] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %v255i = gpu.block_id x
      %v255 = arith.index_cast %v255i : index to i32
      %v256 = arith.muli %v255, %c22 : i32
      %v257i = gpu.thread_id x
      %v257 = arith.index_cast %v257i : index to i32
      %v258 = arith.addi %v256, %v257 : i32
      %v259 = arith.addi %v256, %c22 : i32
      %v260 = arith.minsi %v259, %c23 : i32
      %v261 = arith.muli %v2, %c24 : i32
      scf.for %v262 = %v258 to %v260 step %c25 : i32 {
        %v264 = arith.addi %v261, %v262 : i32
        %v265 = arith.muli %v264, %c1 : i32
        %v266 = llvm.getelementptr %v1000001[%v265] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %v267 = llvm.load %v266 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
        %v268 = arith.cmpf oeq, %v267, %v267 : f32
        %v269 = arith.select %v268, %v267, %c26 : f32
        %v270 = arith.bitcast %v269 : f32 to i32
        %v271 = arith.cmpi slt, %v270, %c0 : i32
        %v272 = arith.xori %v270, %c27 : i32
        %v273 = arith.xori %v270, %c28 : i32
        %v274 = arith.select %v271, %v272, %v273 : i32
        %v275 = arith.xori %v274, %c27 : i32
        %v276 = arith.shrui %v275, %c29 : i32
        %v277 = arith.cmpi sge, %v251, %v276 : i32
        scf.if %v277 {
          %v278 = llvm.atomicrmw add %v254, %c4 monotonic : !llvm.ptr<1>, i32
          %v279 = arith.cmpi slt, %v278, %c30 : i32
          scf.if %v279 {
            %v280 = arith.bitcast %v269 : f32 to i32
            %v281 = arith.cmpi slt, %v280, %c0 : i32
            %v282 = arith.xori %v280, %c27 : i32
            %v283 = arith.xori %v280, %c28 : i32
            %v284 = arith.select %v281, %v282, %v283 : i32
            %v285 = arith.extui %v284 : i32 to i64
            %v286 = arith.shli %v285, %c31 : i64
            %v287 = arith.xori %v262, %c27 : i32
            %v288 = arith.extui %v287 : i32 to i64
            %v289 = arith.ori %v286, %v288 : i64
            %v290 = arith.muli %v278, %c10 : i32
            %v291 = arith.addi %c10, %v290 : i32
            %v292 = llvm.getelementptr %v254[%v291] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
            llvm.store %v289, %v292 {alignment = 8 : i64} : i64, !llvm.ptr<1>
          }
        }
      }
    }
    gpu.return
  }
}
}
