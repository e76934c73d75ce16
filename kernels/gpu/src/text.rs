//! Writes the text of one kernel: values that know their type, structured loops, and no strings at the place of use. One file because every method is one line of text (over 600 lines).
//!
//! A [`Kernel`] is filled through `&self`, so calls nest. Constants are collected and printed once at the head of the body.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    /// A truth value.
    I1,
    /// Eight bits.
    I8,
    /// Sixteen bits.
    I16,
    /// 32 bits: counters, codes, offsets.
    I32,
    /// 64 bits.
    I64,
    /// IEEE half.
    F16,
    /// IEEE single.
    F32,
    /// `count` words of 32 bits.
    Words(u8),
    /// `count` singles.
    Floats(u8),
    /// `count` halves.
    Halves(u8),
    /// A pointer to device memory.
    Global,
    /// A pointer to memory shared by the threads of a block.
    Shared,
}

impl Type {
    /// As MLIR writes it.
    pub fn text(self) -> String {
        match self {
            Self::I1 => "i1".into(),
            Self::I8 => "i8".into(),
            Self::I16 => "i16".into(),
            Self::I32 => "i32".into(),
            Self::I64 => "i64".into(),
            Self::F16 => "f16".into(),
            Self::F32 => "f32".into(),
            Self::Words(n) => format!("vector<{n}xi32>"),
            Self::Floats(n) => format!("vector<{n}xf32>"),
            Self::Halves(n) => format!("vector<{n}xf16>"),
            Self::Global => "!llvm.ptr<1>".into(),
            Self::Shared => "!llvm.ptr<3>".into(),
        }
    }

    fn bytes(self) -> u32 {
        match self {
            Self::I1 | Self::I8 => 1,
            Self::I16 | Self::F16 => 2,
            Self::I32 | Self::F32 | Self::Shared => 4,
            Self::I64 | Self::Global => 8,
            Self::Words(n) | Self::Floats(n) => u32::from(n) * 4,
            Self::Halves(n) => u32::from(n) * 2,
        }
    }

    fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::F32 | Self::Floats(_) | Self::Halves(_))
    }
}

/// A value of the kernel being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    id: u32,
    constant: bool,
    /// Its type.
    pub ty: Type,
}

impl Value {
    fn name(self) -> String {
        format!("%{}{}", if self.constant { 'c' } else { 'v' }, self.id)
    }
}

/// What a kernel takes, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// Device memory written by other launches, or by this one.
    Buffer,
    /// Device memory that never changes while the model is loaded.
    Constant,
}

/// Comparison of integers (signed).
#[derive(Clone, Copy, Debug)]
pub enum Is {
    /// a = b
    Equal,
    /// a < b
    Less,
    /// a >= b
    AtLeast,
}

/// Which part of a launch's parameters and blocks is being written for.
#[derive(Clone, Copy, Default)]
struct Frame {
    /// Parameter 0 is shared by all; what a part calls 1 is this much further on.
    parameters: usize,
    /// First block.
    block: u32,
}

#[derive(Default)]
struct State {
    frame: Frame,
    body: String,
    constants: BTreeMap<(Type, u64), u32>,
    shared: Vec<(u32, u32)>,
    next: u32,
    depth: usize,
    resident: Option<u32>,
}

/// One kernel in the making.
pub struct Kernel {
    name: String,
    parameters: Vec<Parameter>,
    threads: u32,
    state: RefCell<State>,
    /// The table of differences this text is written for.
    pub dialect: Dialect,
}

/// Differences between vendors that show in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// RDNA 3.
    Amd,
    /// NVIDIA, sm_80 and later.
    Nvidia,
    /// NVIDIA, sm_90 and later: a launch may begin before the one ahead of it has ended.
    Hopper,
}

impl Kernel {
    /// Begins a kernel run by blocks of `threads`.
    pub fn new(name: impl Into<String>, dialect: Dialect, parameters: &[Parameter], threads: u32) -> Self {
        Self { name: name.into(), parameters: parameters.to_vec(), threads, state: RefCell::default(), dialect }
    }

    /// Threads of a block.
    pub fn threads(&self) -> u32 {
        self.threads
    }

    /// Tells NVIDIA's assembler that so many blocks must fit on a multiprocessor. Without a word it aims at as many as there are threads for, and spills for
    /// the last of them.
    pub fn resident(&self, blocks: u32) {
        self.state.borrow_mut().resident = Some(blocks);
    }

    /// Writes `body` for the parameters after the first `parameters + 1` (the first is shared) and the blocks from `block` on.
    pub fn part(&self, parameters: usize, block: u32, body: impl FnOnce()) {
        let before = std::mem::replace(&mut self.state.borrow_mut().frame, Frame { parameters, block });
        body();
        self.state.borrow_mut().frame = before;
    }

    /// Parameter `at`.
    pub fn parameter(&self, at: usize) -> Value {
        let at = if at == 0 { 0 } else { at + self.state.borrow().frame.parameters };
        assert!(at < self.parameters.len(), "a parameter of this kernel");
        Value { id: 1_000_000 + at as u32, constant: false, ty: Type::Global }
    }

    fn line(&self, text: &str) {
        let mut state = self.state.borrow_mut();
        let depth = state.depth;
        let _ = writeln!(state.body, "{:1$}{text}", "", 4 + depth * 2);
    }

    fn fresh(&self, ty: Type) -> Value {
        let mut state = self.state.borrow_mut();
        state.next += 1;
        Value { id: state.next, constant: false, ty }
    }

    fn op(&self, ty: Type, text: std::fmt::Arguments<'_>) -> Value {
        let value = self.fresh(ty);
        self.line(&format!("{} = {text}", value.name()));
        value
    }

    fn constant(&self, ty: Type, bits: u64) -> Value {
        let mut state = self.state.borrow_mut();
        let next = state.constants.len() as u32;
        let id = *state.constants.entry((ty, bits)).or_insert(next);
        Value { id, constant: true, ty }
    }

    /// A 32-bit number.
    pub fn int(&self, value: impl Into<i64>) -> Value {
        self.constant(Type::I32, value.into() as u32 as u64)
    }

    /// A 64-bit number.
    pub fn long(&self, value: u64) -> Value {
        self.constant(Type::I64, value)
    }

    /// A single.
    pub fn float(&self, value: f32) -> Value {
        self.constant(Type::F32, u64::from(value.to_bits()))
    }

    /// A truth value.
    pub fn truth(&self, value: bool) -> Value {
        self.constant(Type::I1, u64::from(value))
    }

    /// `count` equal words.
    pub fn words(&self, count: u8, value: u32) -> Value {
        self.constant(Type::Words(count), u64::from(value))
    }

    fn binary(&self, float: &str, int: &str, a: Value, b: Value) -> Value {
        assert_eq!(a.ty, b.ty, "operands of one type");
        let op = if a.ty.is_float() { float } else { int };
        self.op(a.ty, format_args!("{op} {}, {} : {}", a.name(), b.name(), a.ty.text()))
    }

    /// a + b
    pub fn add(&self, a: Value, b: Value) -> Value {
        self.binary("arith.addf", "arith.addi", a, b)
    }

    /// a - b
    pub fn sub(&self, a: Value, b: Value) -> Value {
        self.binary("arith.subf", "arith.subi", a, b)
    }

    /// a * b
    pub fn mul(&self, a: Value, b: Value) -> Value {
        self.binary("arith.mulf", "arith.muli", a, b)
    }

    /// a + b of singles; a product that is added may lose its own rounding.
    pub fn add_fusing(&self, a: Value, b: Value) -> Value {
        self.fusing("addf", a, b)
    }

    /// a - b of singles, as [`Kernel::add_fusing`].
    pub fn sub_fusing(&self, a: Value, b: Value) -> Value {
        self.fusing("subf", a, b)
    }

    /// a * b of singles, as [`Kernel::add_fusing`].
    pub fn mul_fusing(&self, a: Value, b: Value) -> Value {
        self.fusing("mulf", a, b)
    }

    fn fusing(&self, op: &str, a: Value, b: Value) -> Value {
        assert_eq!((a.ty, b.ty), (Type::F32, Type::F32), "singles");
        self.op(Type::F32, format_args!("arith.{op} {}, {} fastmath<contract> : f32", a.name(), b.name()))
    }

    /// a / b; integers unsigned.
    pub fn div(&self, a: Value, b: Value) -> Value {
        self.binary("arith.divf", "arith.divui", a, b)
    }

    /// a modulo b, unsigned.
    pub fn rem(&self, a: Value, b: Value) -> Value {
        self.binary("", "arith.remui", a, b)
    }

    /// a and b, bit by bit.
    pub fn and(&self, a: Value, b: Value) -> Value {
        self.binary("", "arith.andi", a, b)
    }

    /// a or b, bit by bit.
    pub fn or(&self, a: Value, b: Value) -> Value {
        self.binary("", "arith.ori", a, b)
    }

    /// a exclusive-or b.
    pub fn xor(&self, a: Value, b: Value) -> Value {
        self.binary("", "arith.xori", a, b)
    }

    /// a shifted left.
    pub fn shl(&self, a: Value, b: Value) -> Value {
        self.binary("", "arith.shli", a, b)
    }

    /// a shifted right, zeros in.
    pub fn shr(&self, a: Value, b: Value) -> Value {
        self.binary("", "arith.shrui", a, b)
    }

    /// The smaller, signed.
    pub fn min(&self, a: Value, b: Value) -> Value {
        if a.ty == Type::F32 { self.intrinsic("llvm.minnum.f32", &[a, b], Type::F32) } else { self.binary("", "arith.minsi", a, b) }
    }

    /// The larger: signed integers; of singles the one that is a number.
    pub fn max(&self, a: Value, b: Value) -> Value {
        if a.ty == Type::F32 { self.intrinsic("llvm.maxnum.f32", &[a, b], Type::F32) } else { self.binary("", "arith.maxsi", a, b) }
    }

    /// a * b + c, rounded once.
    pub fn fma(&self, a: Value, b: Value, c: Value) -> Value {
        let t = a.ty.text();
        self.op(a.ty, format_args!("llvm.intr.fma({}, {}, {}) : ({t}, {t}, {t}) -> {t}", a.name(), b.name(), c.name()))
    }

    /// A one-operand LLVM intrinsic of singles, e.g. `sqrt`, `exp2`, `fabs`, `rint`.
    pub fn math(&self, name: &str, a: Value) -> Value {
        self.op(Type::F32, format_args!("llvm.call_intrinsic \"llvm.{name}.f32\"({}) : (f32) -> f32", a.name()))
    }

    /// An LLVM intrinsic by its whole name.
    pub fn intrinsic(&self, name: &str, arguments: &[Value], ty: Type) -> Value {
        let names: Vec<_> = arguments.iter().map(|a| a.name()).collect();
        let types: Vec<_> = arguments.iter().map(|a| a.ty.text()).collect();
        self.op(ty, format_args!("llvm.call_intrinsic \"{name}\"({}) : ({}) -> {}", names.join(", "), types.join(", "), ty.text()))
    }

    /// An LLVM intrinsic that yields `count` values of one type.
    pub fn intrinsic_many(&self, name: &str, arguments: &[Value], ty: Type, count: usize) -> Vec<Value> {
        let names: Vec<_> = arguments.iter().map(|a| a.name()).collect();
        let types: Vec<_> = arguments.iter().map(|a| a.ty.text()).collect();
        let result = format!("!llvm.struct<({})>", vec![ty.text(); count].join(", "));
        let whole = self.fresh(ty);
        self.line(&format!("{} = llvm.call_intrinsic \"{name}\"({}) : ({}) -> {result}", whole.name(), names.join(", "), types.join(", ")));
        (0..count).map(|at| self.op(ty, format_args!("llvm.extractvalue {}[{at}] : {result}", whole.name()))).collect()
    }

    /// An instruction of the target's own assembly without results.
    pub fn assembly(&self, text: &str) {
        self.line(&format!("llvm.inline_asm has_side_effects \"{text}\", \"~{{memory}}\" : () -> ()"));
    }

    /// Instructions of the target's own assembly with one result; operands are named in `constraints`.
    pub fn assembly_value(&self, text: &str, constraints: &str, arguments: &[Value], ty: Type) -> Value {
        let names: Vec<_> = arguments.iter().map(|a| a.name()).collect();
        let types: Vec<_> = arguments.iter().map(|a| a.ty.text()).collect();
        self.op(
            ty,
            format_args!(
                "llvm.inline_asm has_side_effects \"{text}\", \"{constraints}\" {} : ({}) -> {}",
                names.join(", "),
                types.join(", "),
                ty.text()
            ),
        )
    }

    /// Instructions of the target's own assembly without a result.
    pub fn assembly_effect(&self, text: &str, constraints: &str, arguments: &[Value]) {
        let names: Vec<_> = arguments.iter().map(|a| a.name()).collect();
        let types: Vec<_> = arguments.iter().map(|a| a.ty.text()).collect();
        self.line(&format!("llvm.inline_asm has_side_effects \"{text}\", \"{constraints}\" {} : ({}) -> ()", names.join(", "), types.join(", ")));
    }

    /// Compares integers.
    pub fn is(&self, a: Value, how: Is, b: Value) -> Value {
        let how = match how {
            Is::Equal => "eq",
            Is::Less => "slt",
            Is::AtLeast => "sge",
        };
        self.op(Type::I1, format_args!("arith.cmpi {how}, {}, {} : {}", a.name(), b.name(), a.ty.text()))
    }

    /// a > b, false where one is not a number.
    pub fn greater(&self, a: Value, b: Value) -> Value {
        self.op(Type::I1, format_args!("arith.cmpf ogt, {}, {} : {}", a.name(), b.name(), a.ty.text()))
    }

    /// a = b of singles, false where one is not a number.
    pub fn same(&self, a: Value, b: Value) -> Value {
        self.op(Type::I1, format_args!("arith.cmpf oeq, {}, {} : {}", a.name(), b.name(), a.ty.text()))
    }

    /// a if `which`, else b.
    pub fn select(&self, which: Value, a: Value, b: Value) -> Value {
        self.op(a.ty, format_args!("arith.select {}, {}, {} : {}", which.name(), a.name(), b.name(), a.ty.text()))
    }

    fn cast(&self, op: &str, a: Value, ty: Type) -> Value {
        self.op(ty, format_args!("{op} {} : {} to {}", a.name(), a.ty.text(), ty.text()))
    }

    /// A signed integer as a single.
    pub fn to_float(&self, a: Value) -> Value {
        self.cast("arith.sitofp", a, Type::F32)
    }

    /// A half as a single.
    pub fn widen(&self, a: Value) -> Value {
        self.cast("arith.extf", a, Type::F32)
    }

    /// A single rounded to a half.
    pub fn narrow(&self, a: Value) -> Value {
        self.cast("arith.truncf", a, Type::F16)
    }

    /// The same bits as another type of the same size.
    pub fn bits(&self, a: Value, ty: Type) -> Value {
        if matches!(a.ty, Type::I32 | Type::F32) && matches!(ty, Type::I32 | Type::F32) {
            return self.cast("arith.bitcast", a, ty);
        }
        self.cast("llvm.bitcast", a, ty)
    }

    /// The low bits.
    pub fn truncate(&self, a: Value, ty: Type) -> Value {
        self.cast("arith.trunci", a, ty)
    }

    /// Zeros above.
    pub fn extend(&self, a: Value, ty: Type) -> Value {
        self.cast("arith.extui", a, ty)
    }

    /// The sign above.
    pub fn extend_signed(&self, a: Value, ty: Type) -> Value {
        self.cast("arith.extsi", a, ty)
    }

    /// Element `at` of a vector.
    pub fn element(&self, vector: Value, at: u8) -> Value {
        let ty = match vector.ty {
            Type::Words(_) => Type::I32,
            Type::Floats(_) => Type::F32,
            Type::Halves(_) => Type::F16,
            other => panic!("{other:?} has no elements"),
        };
        self.op(ty, format_args!("vector.extract {}[{at}] : {} from {}", vector.name(), ty.text(), vector.ty.text()))
    }

    /// A vector of equal-typed values.
    pub fn vector(&self, elements: &[Value]) -> Value {
        let count = elements.len() as u8;
        let ty = match elements[0].ty {
            Type::I32 => Type::Words(count),
            Type::F32 => Type::Floats(count),
            Type::F16 => Type::Halves(count),
            other => panic!("no vectors of {other:?}"),
        };
        let names: Vec<_> = elements.iter().map(|e| e.name()).collect();
        self.op(ty, format_args!("vector.from_elements {} : {}", names.join(", "), ty.text()))
    }

    /// `pointer` moved by `bytes`.
    pub fn at(&self, pointer: Value, bytes: Value) -> Value {
        let (p, i) = (pointer.ty.text(), bytes.ty.text());
        self.op(pointer.ty, format_args!("llvm.getelementptr {}[{}] : ({p}, {i}) -> {p}, i8", pointer.name(), bytes.name()))
    }

    /// Reads what other launches may have written.
    pub fn load(&self, pointer: Value, ty: Type) -> Value {
        self.op(ty, format_args!("llvm.load {} {{alignment = {} : i64}} : {} -> {}", pointer.name(), ty.bytes(), pointer.ty.text(), ty.text()))
    }

    /// As [`Kernel::load`], promising only `alignment` bytes.
    pub fn load_aligned(&self, pointer: Value, ty: Type, alignment: u32) -> Value {
        self.op(ty, format_args!("llvm.load {} {{alignment = {alignment} : i64}} : {} -> {}", pointer.name(), pointer.ty.text(), ty.text()))
    }

    /// Reads what never changes: may be moved before any wait.
    pub fn load_constant(&self, pointer: Value, ty: Type) -> Value {
        let align = ty.bytes();
        self.op(ty, format_args!("llvm.load {} invariant {{alignment = {align} : i64}} : {} -> {}", pointer.name(), pointer.ty.text(), ty.text()))
    }

    /// Writes.
    pub fn store(&self, value: Value, pointer: Value) {
        let align = value.ty.bytes();
        self.line(&format!(
            "llvm.store {}, {} {{alignment = {align} : i64}} : {}, {}",
            value.name(),
            pointer.name(),
            value.ty.text(),
            pointer.ty.text()
        ));
    }

    /// Adds to a word of memory; the value before. In device memory it orders what stands around it; in shared memory barriers do.
    pub fn atomic_add(&self, pointer: Value, value: Value) -> Value {
        let order = if pointer.ty == Type::Shared { "monotonic" } else { "acq_rel" };
        self.op(Type::I32, format_args!("llvm.atomicrmw add {}, {} {order} : {}, i32", pointer.name(), value.name(), pointer.ty.text()))
    }

    /// Adds to a counter that says nothing of other memory; gives what it was.
    pub fn tally(&self, pointer: Value, value: Value) -> Value {
        self.op(Type::I32, format_args!("llvm.atomicrmw add {}, {} monotonic : {}, i32", pointer.name(), value.name(), pointer.ty.text()))
    }

    /// Raises a 64-bit word of memory to at least `value`, unsigned.
    pub fn atomic_max(&self, pointer: Value, value: Value) {
        self.op(Type::I64, format_args!("llvm.atomicrmw umax {}, {} monotonic : {}, i64", pointer.name(), value.name(), pointer.ty.text()));
    }

    /// The larger of two unsigned 64-bit numbers.
    pub fn larger(&self, a: Value, b: Value) -> Value {
        self.binary("", "arith.maxui", a, b)
    }

    /// A bit per lane: where `which` holds. All lanes of the warp must come here.
    pub fn ballot(&self, which: Value) -> Value {
        match self.dialect {
            Dialect::Amd => self.intrinsic("llvm.amdgcn.ballot.i32", &[which], Type::I32),
            Dialect::Nvidia | Dialect::Hopper => self.intrinsic("llvm.nvvm.vote.ballot.sync", &[self.int(-1), which], Type::I32),
        }
    }

    /// How many bits are set.
    pub fn count_ones(&self, a: Value) -> Value {
        self.intrinsic("llvm.ctpop.i32", &[a], Type::I32)
    }

    /// Makes this thread's writes visible to the device before its later ones.
    pub fn fence(&self) {
        let scope = if self.dialect == Dialect::Amd { "agent" } else { "device" };
        self.line(&format!("llvm.fence syncscope(\"{scope}\") acq_rel"));
    }

    /// The next barrier's worth of memory shared by a block.
    pub fn shared(&self, bytes: u32, alignment: u32) -> Value {
        let at = {
            let mut state = self.state.borrow_mut();
            state.shared.push((bytes, alignment));
            state.shared.len() - 1
        };
        self.op(Type::Shared, format_args!("llvm.mlir.addressof @{}_shared{at} : !llvm.ptr<3>", self.name))
    }

    fn id(&self, what: &str, axis: &str) -> Value {
        let index = self.fresh(Type::I32);
        self.line(&format!("{}i = gpu.{what} {axis}", index.name()));
        self.line(&format!("{0} = arith.index_cast {0}i : index to i32", index.name()));
        index
    }

    /// Number of the thread in its block.
    pub fn thread(&self) -> Value {
        self.id("thread_id", "x")
    }

    /// Number of the block along `axis` ("x", "y" or "z").
    pub fn block(&self, axis: &str) -> Value {
        let first = self.state.borrow().frame.block;
        let block = self.id("block_id", axis);
        if axis == "x" && first > 0 { self.sub(block, self.int(first)) } else { block }
    }

    /// All threads of the block meet; shared memory written before is seen after.
    pub fn barrier(&self) {
        self.line(if self.dialect == Dialect::Amd { "amdgpu.lds_barrier" } else { "gpu.barrier" });
    }

    /// The threads of some whole warps meet, `count` of them, under a number of their own (0 to 14); on AMD the whole block does. Shared memory as with [`Kernel::barrier`].
    pub fn barrier_of(&self, number: Value, count: u32) {
        match self.dialect {
            Dialect::Amd => self.barrier(),
            Dialect::Nvidia | Dialect::Hopper => {
                let number = self.add(number, self.int(1));
                self.assembly_effect(&format!("bar.sync $0, {count};"), "r,~{memory}", &[number]);
            }
        }
    }

    /// The value of the lane whose number differs in the bits of `mask`.
    pub fn shuffle_xor(&self, a: Value, mask: u32) -> Value {
        let (mask, width) = (self.int(mask), self.int(32));
        let value = self.fresh(a.ty);
        self.line(&format!("{0}, {0}ok = gpu.shuffle xor {1}, {2}, {3} : {4}", value.name(), a.name(), mask.name(), width.name(), a.ty.text()));
        value
    }

    /// The value of lane `lane` of the warp.
    pub fn shuffle_from(&self, a: Value, lane: u32) -> Value {
        let (lane, width) = (self.int(lane), self.int(32));
        let value = self.fresh(a.ty);
        self.line(&format!("{0}, {0}ok = gpu.shuffle idx {1}, {2}, {3} : {4}", value.name(), a.name(), lane.name(), width.name(), a.ty.text()));
        value
    }

    /// Waits for the launch ahead where launches overlap; must stand before the first read of a buffer. Reads of constants that stand before it are
    /// issued before it everywhere. The inputs block may be read before it too: it is filled before a step's first launch, which waits for that.
    ///
    /// It also lets the next launch begin, which waits for the end of this one. In an entry of one row that is said before the wait: several launches are
    /// then on the device, and the weights of all of them on their way. With more rows the waiting blocks would take the room of those that work.
    pub fn wait_for_launch(&self, entry_rows: u32) {
        if self.dialect == Dialect::Hopper {
            let (begin, wait) = ("griddepcontrol.launch_dependents;", "griddepcontrol.wait;");
            for word in if entry_rows == 1 { [begin, wait] } else { [wait, begin] } {
                self.assembly(word);
            }
        }
        self.issued_on_amd();
    }

    /// Reads written before this are issued before what is written after: the schedulers else put some behind the waits for others, to save registers.
    ///
    /// On Hopper the word is one that says nothing new (the next launch has been let begin); `ptxas` moves no read across it.
    pub fn issued(&self) {
        self.issued_on_amd();
        if self.dialect == Dialect::Hopper {
            self.assembly("griddepcontrol.launch_dependents;");
        }
    }

    /// The same on AMD alone: for what `ptxas` leaves in place by itself.
    pub fn issued_on_amd(&self) {
        if self.dialect == Dialect::Amd {
            let none = self.int(0);
            self.line(&format!("llvm.call_intrinsic \"llvm.amdgcn.sched.barrier\"({}) : (i32) -> ()", none.name()));
        }
    }

    /// NVIDIA: copies 16 bytes from device memory to shared memory without waiting; see [`Kernel::await_copies`].
    pub fn copy_ahead(&self, from: Value, to: Value) {
        self.assembly_effect("cp.async.cg.shared.global [$0], [$1], 16;", "r,l", &[to, from]);
    }

    /// NVIDIA: ends a batch of copies.
    pub fn commit_copies(&self) {
        self.assembly("cp.async.commit_group;");
    }

    /// NVIDIA: waits for this thread's copies of all batches but the last `open` ones.
    pub fn await_copies(&self, open: u32) {
        self.assembly(&format!("cp.async.wait_group {open};"));
    }

    /// Reads written before this stay there: LLVM else joins what two turns of a loop read into one read at its use, and nothing is read ahead.
    pub fn ahead(&self) {
        self.assembly("");
    }

    /// Asks for memory that never changes to be brought nearer, by threads for which `who` holds: 16-byte units at a multiple of 16 bytes.
    pub fn bring(&self, who: Value, pieces: impl IntoIterator<Item = (Value, u64)>) {
        if self.dialect == Dialect::Hopper {
            self.when(who, || {
                for (pointer, bytes) in pieces {
                    self.assembly_effect("cp.async.bulk.prefetch.L2.global [$0], $1;", "l,r", &[pointer, self.int(bytes as i64 / 16 * 16)]);
                }
            });
        }
    }

    /// Runs `body` for `low, low + step, ...` below `high`, carrying values from turn to turn.
    pub fn each(&self, low: Value, high: Value, step: Value, carried: &[Value], body: impl FnOnce(Value, &[Value]) -> Vec<Value>) -> Vec<Value> {
        let at = self.fresh(Type::I32);
        let inside: Vec<Value> = carried.iter().map(|c| self.fresh(c.ty)).collect();
        let results = self.fresh(Type::I32);
        let range = format!("scf.for {} = {} to {} step {}", at.name(), low.name(), high.name(), step.name());
        let types: Vec<_> = carried.iter().map(|c| c.ty.text()).collect();
        if carried.is_empty() {
            self.line(&format!("{range} : i32 {{"));
        } else {
            let pairs: Vec<_> = inside.iter().zip(carried).map(|(i, c)| format!("{} = {}", i.name(), c.name())).collect();
            let args = format!("iter_args({}) -> ({})", pairs.join(", "), types.join(", "));
            self.line(&format!("{}:{} = {range} {args} : i32 {{", results.name(), carried.len()));
        }
        self.state.borrow_mut().depth += 1;
        let yielded = body(at, &inside);
        assert!(yielded.iter().map(|v| v.ty).eq(carried.iter().map(|v| v.ty)), "a loop yields what it carries");
        if !carried.is_empty() {
            let names: Vec<_> = yielded.iter().map(|v| v.name()).collect();
            self.line(&format!("scf.yield {} : {}", names.join(", "), types.join(", ")));
        }
        self.state.borrow_mut().depth -= 1;
        self.line("}");
        carried.iter().enumerate().map(|(n, c)| self.result(results, n, c.ty)).collect()
    }

    /// Names result `n` of a structured operation: a select with itself is folded away.
    fn result(&self, of: Value, n: usize, ty: Type) -> Value {
        let value = self.fresh(ty);
        let truth = self.truth(true);
        self.line(&format!("{0} = arith.select {1}, {2}#{n}, {2}#{n} : {3}", value.name(), truth.name(), of.name(), ty.text()));
        value
    }

    /// Runs `body` where `which` holds.
    pub fn when(&self, which: Value, body: impl FnOnce()) {
        self.line(&format!("scf.if {} {{", which.name()));
        self.state.borrow_mut().depth += 1;
        body();
        self.state.borrow_mut().depth -= 1;
        self.line("}");
    }

    /// Runs one of two bodies and yields what it yields.
    pub fn choose(&self, which: Value, yes: impl FnOnce() -> Vec<Value>, no: impl FnOnce() -> Vec<Value>) -> Vec<Value> {
        // The types are known only after the first body, so its text is written aside.
        let results = self.fresh(Type::I32);
        let before = std::mem::take(&mut self.state.borrow_mut().body);
        self.state.borrow_mut().depth += 1;
        let a = yes();
        let types: Vec<_> = a.iter().map(|v| v.ty.text()).collect();
        let yielded = |values: &[Value]| {
            let names: Vec<_> = values.iter().map(|v| v.name()).collect();
            if !names.is_empty() {
                self.line(&format!("scf.yield {} : {}", names.join(", "), types.join(", ")));
            }
        };
        yielded(&a);
        self.state.borrow_mut().depth -= 1;
        self.line("} else {");
        self.state.borrow_mut().depth += 1;
        let b = no();
        yielded(&b);
        self.state.borrow_mut().depth -= 1;
        self.line("}");
        assert!(a.iter().map(|v| v.ty).eq(b.iter().map(|v| v.ty)), "both ways yield the same types");
        let inner = std::mem::replace(&mut self.state.borrow_mut().body, before);
        if a.is_empty() {
            self.line(&format!("scf.if {} {{", which.name()));
        } else {
            self.line(&format!("{}:{} = scf.if {} -> ({}) {{", results.name(), a.len(), which.name(), types.join(", ")));
        }
        self.state.borrow_mut().body.push_str(&inner);
        a.iter().enumerate().map(|(n, v)| self.result(results, n, v.ty)).collect()
    }

    /// The whole module.
    pub fn finish(self) -> String {
        let state = self.state.into_inner();
        let mut out = String::from("module attributes {gpu.container_module} {\ngpu.module @kernels {\n");
        for (at, (bytes, alignment)) in state.shared.iter().enumerate() {
            let _ = writeln!(
                out,
                "  llvm.mlir.global internal @{}_shared{at}() {{addr_space = 3 : i32, alignment = {alignment} : i64}} : !llvm.array<{bytes} x i8>",
                self.name
            );
        }
        let parameters: Vec<String> = self
            .parameters
            .iter()
            .enumerate()
            .map(|(at, p)| match p {
                Parameter::Buffer => format!("%v{}: !llvm.ptr<1>", 1_000_000 + at),
                Parameter::Constant => format!("%v{}: !llvm.ptr<1> {{llvm.noalias, llvm.readonly}}", 1_000_000 + at),
            })
            .collect();
        let threads = self.threads;
        let bounds = match self.dialect {
            Dialect::Amd => format!("gpu.known_block_size = array<i32: {threads}, 1, 1>, rocdl.flat_work_group_size = \"{threads},{threads}\""),
            Dialect::Nvidia | Dialect::Hopper => {
                let large = self.dialect == Dialect::Nvidia && threads >= 256;
                let blocks = state.resident.or(large.then_some(1)).map_or(String::new(), |n| format!(", nvvm.minctasm = {n} : i32"));
                format!("gpu.known_block_size = array<i32: {threads}, 1, 1>, nvvm.reqntid = array<i32: {threads}, 1, 1>{blocks}")
            }
        };
        let _ = writeln!(out, "  gpu.func @{}({}) kernel attributes {{{bounds}}} {{", self.name, parameters.join(", "));
        for ((ty, bits), id) in &state.constants {
            let text = match ty {
                Type::F32 => format!("0x{bits:08X} : f32"),
                Type::I1 => (if *bits == 1 { "true" } else { "false" }).into(),
                Type::Words(_) => format!("dense<{}> : {}", *bits as u32 as i32, ty.text()),
                Type::I64 => format!("{} : i64", *bits as i64),
                _ => format!("{} : {}", *bits as u32 as i32, ty.text()),
            };
            let _ = writeln!(out, "    %c{id} = arith.constant {text}");
        }
        out.push_str(&state.body);
        out.push_str("    gpu.return\n  }\n}\n}\n");
        out
    }
}

impl From<crate::target::Target> for Dialect {
    fn from(target: crate::target::Target) -> Self {
        use crate::target::Target;
        match target {
            Target::Gfx1103 | Target::Gfx1100 | Target::Gfx11Generic => Self::Amd,
            Target::Sm80 => Self::Nvidia,
            Target::Sm90 => Self::Hopper,
        }
    }
}
