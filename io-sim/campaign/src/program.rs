//! The program that has these commands.

use crate::CampaignError;
use crate::engine::Engine;

/// What a program is called, and which engines it has.
#[derive(Clone, Copy)]
pub struct Program<'a> {
    /// What people type before the name of a command: `cargo sim`.
    pub name: &'a str,
    /// The first is the one that is meant where none is named.
    pub engines: &'a [&'a dyn Engine],
}

impl<'a> Program<'a> {
    /// The engine of a name.
    ///
    /// # Errors
    /// If there is none.
    pub fn engine(&self, name: &str) -> Result<&'a dyn Engine, CampaignError> {
        let found = self.engines.iter().find(|engine| engine.name() == name);
        found.copied().ok_or_else(|| CampaignError::Engine {
            engine: name.to_owned(),
            engines: self.engines.iter().map(|engine| engine.name()).collect(),
        })
    }

    /// The argument that chooses an engine, with a space before it; nothing for the first.
    pub(crate) fn choice(&self, engine: &dyn Engine) -> String {
        let is_first = self.engines.first().is_some_and(|first| first.name() == engine.name());
        if is_first { String::new() } else { format!(" --engine {}", engine.name()) }
    }
}
