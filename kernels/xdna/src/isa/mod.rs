//! Instructions of the AIE2 core: table, bundles, assembler, disassembler.
