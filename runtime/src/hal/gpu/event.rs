//! Places in the stream, for waiting and for measuring time between them.

use super::calls;
use super::context::{Context, Raw};
use super::{Gpu, Result};
use std::sync::Arc;

/// A place in the stream, once recorded.
#[derive(Debug)]
pub struct Event {
    context: Arc<Context>,
    handle: Raw,
}

impl Gpu {
    /// A new event.
    ///
    /// # Errors
    /// What the driver says.
    pub fn event(&self) -> Result<Event> {
        let c = self.context.enter()?;
        let mut handle = std::ptr::null_mut();
        // SAFETY: writes one handle.
        let code = unsafe { (c.event_create.f)(&raw mut handle, calls::EVENT_DEFAULT) };
        self.context.check(&c.event_create, code)?;
        Ok(Event { context: Arc::clone(&self.context), handle: Raw(handle) })
    }

    /// Marks this place in the stream.
    ///
    /// # Errors
    /// What the driver says.
    pub fn record(&self, event: &Event) -> Result<()> {
        let c = self.context.enter_outside_graph("an event")?;
        // SAFETY: both live.
        let code = unsafe { (c.event_record.f)(event.handle.0, self.context.stream.0) };
        self.context.check(&c.event_record, code)
    }

    /// Waits until the stream has passed an event; at once if it was never recorded.
    ///
    /// # Errors
    /// What the driver says.
    pub fn wait_for(&self, event: &Event) -> Result<()> {
        let c = self.context.enter_outside_graph("waiting")?;
        // SAFETY: the event lives.
        self.context.check(&c.event_synchronize, unsafe { (c.event_synchronize.f)(event.handle.0) })
    }

    /// Milliseconds from one recorded event to a later one. Waits for the later one.
    ///
    /// # Errors
    /// What the driver says; that an event was never recorded, too.
    pub fn elapsed_ms(&self, start: &Event, end: &Event) -> Result<f32> {
        self.wait_for(end)?;
        let c = self.context.enter()?;
        let mut milliseconds = 0.0;
        // SAFETY: writes one number; both live.
        let code = unsafe { (c.event_elapsed.f)(&raw mut milliseconds, start.handle.0, end.handle.0) };
        self.context.check(&c.event_elapsed, code)?;
        Ok(milliseconds)
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: ours, ended once; the driver lets it go when the stream has passed it.
        self.context.discard(|c| (c.event_destroy, unsafe { (c.event_destroy.f)(self.handle.0) }));
    }
}
