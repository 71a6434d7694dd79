//! Signals that tell a campaign to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::CampaignError;

/// Has somebody, or a batch system, told this process to end? The first time it goes on to the end
/// of what it is doing; the second time it ends there and then.
pub(crate) struct Interrupt {
    told: Arc<AtomicBool>,
}

impl Interrupt {
    /// From now on signals are noted.
    pub(crate) fn watch() -> Result<Self, CampaignError> {
        let told = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds that none was told before it.
            flag::register_conditional_default(signal, Arc::clone(&told))
                .and_then(|_| flag::register(signal, Arc::clone(&told)))
                .map_err(CampaignError::Signals)?;
        }
        Ok(Self { told })
    }

    /// Is it time to end?
    pub(crate) fn is_told(&self) -> bool {
        self.told.load(Ordering::Relaxed)
    }
}
