//! A sequence of launches and copies recorded once and run as one.

use super::calls;
use super::context::{Context, Raw};
use super::{DriverError, Gpu, Result};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What was recorded, ready to run.
#[derive(Debug)]
pub struct Graph {
    context: Arc<Context>,
    handle: Raw,
}

/// A stream that records. Ends the recording when dropped, so that the stream runs again whatever happened.
struct Recording<'a> {
    context: &'a Context,
    open: bool,
}

/// A recorded graph, not yet ready to run.
struct Recorded<'a> {
    context: &'a Context,
    handle: Raw,
}

impl<'a> Recording<'a> {
    fn begin(context: &'a Context) -> Result<Self> {
        let c = context.enter()?;
        if context.capturing.swap(true, Ordering::AcqRel) {
            return Err(DriverError::Capturing { what: "another capture" });
        }
        let mut recording = Self { context, open: false };
        // SAFETY: the stream lives as long as the context.
        let code = unsafe { (c.capture_begin.f)(context.stream.0, calls::CAPTURE_RELAXED) };
        context.check(&c.capture_begin, code)?;
        recording.open = true;
        Ok(recording)
    }

    fn end(&mut self) -> Result<Recorded<'a>> {
        self.open = false;
        let context = self.context;
        let c = context.enter()?;
        let mut handle = std::ptr::null_mut();
        // SAFETY: the stream is recording; writes one handle.
        let code = unsafe { (c.capture_end.f)(context.stream.0, &raw mut handle) };
        let recorded = Recorded { context, handle: Raw(handle) };
        context.check(&c.capture_end, code)?;
        Ok(recorded)
    }
}

impl Drop for Recording<'_> {
    fn drop(&mut self) {
        if self.open {
            let _ = self.end();
        }
        self.context.capturing.store(false, Ordering::Release);
    }
}

impl Drop for Recorded<'_> {
    fn drop(&mut self) {
        if !self.handle.0.is_null() {
            // SAFETY: ours, and freed once.
            self.context.discard(|c| (c.graph_destroy, unsafe { (c.graph_destroy.f)(self.handle.0) }));
        }
    }
}

impl Gpu {
    /// Records what `body` puts into the stream instead of running it. If `body` fails, the recording is thrown away and the stream runs as before.
    ///
    /// # Errors
    /// What `body` says, or the driver.
    pub fn capture(&self, body: impl FnOnce(&Self) -> Result<()>) -> Result<Graph> {
        let context = &self.context;
        let mut recording = Recording::begin(context)?;
        let outcome = body(self);
        let recorded = recording.end();
        drop(recording);
        outcome?;
        let recorded = recorded?;
        let c = context.enter()?;
        let mut handle = std::ptr::null_mut();
        // SAFETY: writes one handle.
        let code = unsafe { (c.graph_instantiate.f)(&raw mut handle, recorded.handle.0, 0) };
        context.check(&c.graph_instantiate, code).map_err(|e| context.no_memory(e, "a graph", 0, true))?;
        Ok(Graph { context: Arc::clone(context), handle: Raw(handle) })
    }

    /// Puts a run of the whole graph into the stream.
    ///
    /// # Errors
    /// What the driver says. What goes wrong while it runs is said by a later call.
    ///
    /// # Safety
    /// Everything that was promised for each launch and copy when it was recorded holds for this run too: above all, the memory is still there, and
    /// page-locked memory is left alone until the run is over.
    pub unsafe fn run(&self, graph: &Graph) -> Result<()> {
        let c = self.context.enter()?;
        // SAFETY: the graph is alive; the rest is the caller's promise.
        let code = unsafe { (c.graph_launch.f)(graph.handle.0, self.context.stream.0) };
        self.context.check(&c.graph_launch, code)
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        if !self.context.capturing.load(Ordering::Acquire) {
            let _ = self.context.synchronize();
        }
        // SAFETY: ours, freed once, and no run of it is under way.
        self.context.discard(|c| (c.graph_exec_destroy, unsafe { (c.graph_exec_destroy.f)(self.handle.0) }));
    }
}
