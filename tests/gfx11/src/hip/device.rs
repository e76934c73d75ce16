//! What the calls do, without their C dress.

use super::error::Code;
use super::{Device, Thing, Work};
use crate::exec::Fault;
use crate::launch::{Shape, argument_block, check, launch};
use crate::object;
use std::sync::Arc;
use std::time::Instant;

pub(super) type Answer<T = ()> = Result<T, Code>;

impl Device {
    /// The error after which nothing works, if there is one.
    pub(super) fn alive(&mut self) -> Answer<&mut Self> {
        self.lost.map_or(Ok(self), Err)
    }

    pub(super) fn add(&mut self, thing: Thing) -> usize {
        let handle = self.next;
        self.next += 1;
        self.things.insert(handle, thing);
        handle
    }

    /// Removes what stands behind a handle.
    pub(super) fn remove(&mut self, handle: usize) -> Answer {
        self.things.remove(&handle).map(drop).ok_or(Code::InvalidHandle)
    }

    /// Does something now, or keeps it if the stream captures. The stream 0 is the default one, which never captures.
    pub(super) fn put(&mut self, stream: usize, work: Work) -> Answer {
        match self.things.get_mut(&stream) {
            Some(Thing::Stream(Some(kept))) => {
                kept.push(work);
                Ok(())
            }
            Some(Thing::Stream(None)) => self.perform(&work),
            None if stream == 0 => self.perform(&work),
            _ => Err(Code::InvalidHandle),
        }
    }

    fn range(&self, address: u64, bytes: usize, what: &str) -> Answer {
        if self.space.holds(address, bytes) {
            return Ok(());
        }
        Err(Code::InvalidValue.because(format!("{what}: {bytes} bytes at {address:#x} are not reserved")))
    }

    fn perform(&mut self, work: &Work) -> Answer {
        match *work {
            Work::Upload { to, from, bytes } => {
                self.range(to, bytes, "copy to the device")?;
                // SAFETY: the target is reserved; the source is the caller's promise, as in C.
                unsafe { std::ptr::copy(from as *const u8, to as *mut u8, bytes) };
            }
            Work::Download { to, from, bytes } => {
                self.range(from, bytes, "copy from the device")?;
                // SAFETY: the source is reserved; the target is the caller's promise, as in C.
                unsafe { std::ptr::copy(from as *const u8, to as *mut u8, bytes) };
            }
            Work::Fill { to, value, count } => {
                let bytes = count.checked_mul(4).ok_or(Code::InvalidValue)?;
                self.range(to, bytes, "fill")?;
                if to % 4 != 0 {
                    return Err(Code::InvalidValue.because(format!("fill: {to:#x} is not a multiple of 4")));
                }
                // SAFETY: reserved, aligned, and zeroed when it was reserved.
                unsafe { std::slice::from_raw_parts_mut(to as *mut u32, count) }.fill(value);
            }
            Work::Launch { ref kernel, shape, ref arguments } => {
                if let Some(left) = &mut self.doomed {
                    *left = left.saturating_sub(1);
                    if *left == 0 {
                        self.lost = Some(Code::IllegalAddress.because("GFX11_FAIL asked for this"));
                        return Ok(());
                    }
                }
                let view = self.view.get_or_insert_with(|| self.space.view());
                let begun = Instant::now();
                match launch(kernel, &shape, arguments, view, self.settings) {
                    Ok(counts) => {
                        if let Some(profile) = &mut self.profile {
                            profile.add(kernel, &shape, &counts, begun.elapsed());
                        }
                    }
                    // A launch itself succeeds; the calls behind it say what it did.
                    Err(failure) => self.lost = Some(code_of(&failure.fault).because(&failure)),
                }
            }
            Work::Record { event } => match self.things.get_mut(&event) {
                Some(Thing::Event(passed)) => *passed = Some(Instant::now()),
                _ => return Err(Code::InvalidHandle),
            },
        }
        Ok(())
    }

    /// Begins or ends what a stream captures.
    pub(super) fn capture(&mut self, stream: usize, begin: bool) -> Answer<Option<Vec<Work>>> {
        match self.things.get_mut(&stream) {
            Some(Thing::Stream(kept)) if kept.is_none() == begin => Ok(std::mem::replace(kept, begin.then(Vec::new))),
            Some(Thing::Stream(_)) => Err(Code::CaptureUnsupported),
            _ => Err(Code::InvalidHandle),
        }
    }

    pub(super) fn run_graph(&mut self, graph: usize, stream: usize) -> Answer {
        let Some(Thing::Graph(all)) = self.things.get(&graph) else { return Err(Code::InvalidHandle) };
        let all = Arc::clone(all);
        for work in all.iter() {
            self.put(stream, work.clone())?;
            if self.lost.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Reads the kernels of an image.
    pub(super) fn load(&mut self, image: &[u8]) -> Answer<usize> {
        let kernels = object::read(image).map_err(|error| Code::InvalidImage.because(error))?;
        let named = kernels.into_iter().map(|kernel| (kernel.name.clone(), (Arc::new(kernel), None))).collect();
        Ok(self.add(Thing::Module(named)))
    }

    /// A kernel's handle.
    pub(super) fn function(&mut self, module: usize, name: &str) -> Answer<usize> {
        let fresh = self.next;
        let Some(Thing::Module(kernels)) = self.things.get_mut(&module) else { return Err(Code::InvalidHandle) };
        let (kernel, handle) = kernels.get_mut(name).ok_or(Code::NotFound)?;
        if let Some(handle) = handle {
            return Ok(*handle);
        }
        *handle = Some(fresh);
        let kernel = Arc::clone(kernel);
        Ok(self.add(Thing::Function(kernel)))
    }

    pub(super) fn unload(&mut self, module: usize) -> Answer {
        let Some(Thing::Module(kernels)) = self.things.remove(&module) else { return Err(Code::InvalidHandle) };
        for handle in kernels.values().filter_map(|(_, handle)| *handle) {
            self.things.remove(&handle);
        }
        Ok(())
    }

    /// Puts a launch into a stream.
    ///
    /// # Safety
    /// `parameters` points to one pointer for each argument, each to as many bytes as the argument has.
    pub(super) unsafe fn launch(&mut self, function: usize, shape: Shape, stream: usize, parameters: *const *const u8) -> Answer {
        let Some(Thing::Function(kernel)) = self.things.get(&function) else { return Err(Code::InvalidHandle) };
        let kernel = Arc::clone(kernel);
        check(&kernel, &shape).map_err(|error| Code::InvalidConfiguration.because(format!("kernel `{}`: {error}", kernel.name)))?;
        let count = kernel.arguments.iter().filter(|argument| argument.filled == object::Filled::Caller).count();
        let values = match (count, parameters.is_null()) {
            (0, _) => &[][..],
            (_, true) => return Err(Code::InvalidValue),
            // SAFETY: the caller's promise.
            (count, false) => unsafe { std::slice::from_raw_parts(parameters, count) },
        };
        // SAFETY: the caller's promise.
        let arguments = unsafe { argument_block(&kernel, &shape, values) }.ok_or(Code::InvalidValue)?;
        self.put(stream, Work::Launch { kernel, shape, arguments: arguments.into() })
    }
}

const fn code_of(fault: &Fault) -> Code {
    match fault {
        Fault::Address { .. } => Code::IllegalAddress,
        Fault::Limit(_) => Code::LaunchTimeOut,
        _ => Code::LaunchFailure,
    }
}
