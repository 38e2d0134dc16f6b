//! Ctrl-C and SIGTERM for commands that change something: they set a flag that the work looks at between its steps, so
//! that a record is closed properly. A second Ctrl-C ends the process at once.
//!
//! [`leave`] is the other way out: at the end of the work.
//!
//! Read-only commands do not install it: there the system's default, to end at once, is right.
//!
//! Invariant: the handler does nothing but set a flag.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};

use super::error::Failure;

/// Whether the user or the system asked to stop.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    asked: Arc<AtomicBool>,
}

impl Interrupt {
    /// Installs the handlers for the rest of the process.
    ///
    /// # Errors
    /// The system refuses to install a handler.
    pub fn install() -> Result<Self, Failure> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the second signal finds the flag set and takes the default, which ends the process.
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&asked))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&asked)))
                .map_err(|error| Failure::new(format!("cannot watch for interrupts: {error}")))?;
        }
        Ok(Interrupt { asked })
    }

    /// Whether to stop as soon as it is safe.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// The failure to return when it is time to stop.
    ///
    /// # Errors
    /// When [`Interrupt::is_asked`].
    pub fn check(&self) -> Result<(), Failure> {
        if self.is_asked() { Err(Failure::interrupted()) } else { Ok(()) }
    }

    /// The flag itself, for work that runs elsewhere.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.asked)
    }
}

/// Ends the process at once, when all is done and printed: the system takes the memory back as a whole, where the
/// allocator's own way out would give it back piece by piece first (a third of a millisecond for a small chart).
pub fn leave(code: u8) -> ! {
    // Each print ends in a flush; whatever could not be written was told by then.
    let _ = io::stdout().flush();
    signal_hook::low_level::exit(code.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_signal_only_asks() {
        let interrupt = Interrupt::install().unwrap();
        assert!(interrupt.check().is_ok());
        signal_hook::low_level::raise(SIGTERM).unwrap();
        assert!(interrupt.is_asked());
        assert_eq!(interrupt.check().unwrap_err().exit_kind().code(false), 130);
    }
}
