//! What a trait says.

use proc_macro2::{Ident, Span};
use quote::format_ident;
use syn::{Attribute, Type, Visibility};

/// A state machine.
pub(crate) struct Machine {
    pub(crate) vis: Visibility,
    pub(crate) name: Ident,
    pub(crate) docs: Vec<Attribute>,
    pub(crate) options: Options,
    pub(crate) commands: Vec<Operation>,
    pub(crate) timers: Vec<Operation>,
    pub(crate) queries: Vec<Operation>,
    pub(crate) events: Vec<Operation>,
    /// What is called when a session has ended.
    pub(crate) session_ended: Option<Ident>,
}

/// What stands in `#[machine(..)]`.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) is_brief: bool,
    /// Does it say itself how it is written down?
    pub(crate) captures: bool,
    /// How many events are kept, if not as many as usual.
    pub(crate) events_max: Option<u32>,
    /// The file that keeps the schema, from the crate's root.
    pub(crate) schema: Option<syn::LitStr>,
}

/// A function of the trait.
pub(crate) struct Operation {
    pub(crate) name: Ident,
    pub(crate) docs: Vec<Attribute>,
    pub(crate) arguments: Vec<(Ident, Type)>,
    pub(crate) returns: Type,
    /// Its number on the wire and in the log.
    pub(crate) id: u32,
    /// Where the number stands, or the name.
    pub(crate) id_span: Span,
    /// A query's consistency, if it is not the usual.
    pub(crate) level: Option<Ident>,
}

impl Operation {
    /// The name of its variant.
    pub(crate) fn variant(&self) -> Ident {
        let name = self.name.to_string();
        let mut camel = String::new();
        for part in name.trim_start_matches("r#").split('_') {
            let mut letters = part.chars();
            camel.extend(letters.next().into_iter().flat_map(char::to_uppercase));
            camel.extend(letters);
        }
        Ident::new(&camel, self.name.span())
    }

    /// What a subscription to all events of its kind is called.
    pub(crate) fn all_of_them(&self) -> Ident {
        format_ident!("any_{}", self.name)
    }

    pub(crate) fn names(&self) -> Vec<&Ident> {
        self.arguments.iter().map(|argument| &argument.0).collect()
    }

    pub(crate) fn types(&self) -> Vec<&Type> {
        self.arguments.iter().map(|argument| &argument.1).collect()
    }
}

impl Machine {
    /// `KvCommand`, for a machine of the name `Kv`.
    pub(crate) fn named(&self, what: &str) -> Ident {
        format_ident!("{}{what}", self.name)
    }
}
