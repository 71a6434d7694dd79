//! `#[machine]`: see `quorate_sm::machine`, where it is documented.
//!
//! Read in this order: `model` (what a trait says), `parse` (how it says it, and what is wrong with
//! it), `schema` (what must never change), `server` and `client` (what is generated).

#![forbid(unsafe_code)]

mod client;
mod model;
mod parse;
mod schema;
mod server;

use proc_macro::TokenStream;
use quote::quote;

/// See `quorate_sm::machine`.
#[proc_macro_attribute]
pub fn machine(options: TokenStream, item: TokenStream) -> TokenStream {
    let parsed = parse::options(options.into())
        .and_then(|options| Ok((options, syn::parse::<syn::ItemTrait>(item).map_err(not_a_trait)?)))
        .and_then(|(options, item)| parse::machine(&item, options));
    let generated = parsed.map(|machine| {
        let (server, client) = (server::generate(&machine), client::generate(&machine));
        let schema = schema::generate(&machine);
        quote! { #server #client #schema }
    });
    generated.unwrap_or_else(|error| error.to_compile_error()).into()
}

fn not_a_trait(error: syn::Error) -> syn::Error {
    let mut teaching = syn::Error::new(
        error.span(),
        "`#[machine]` stands on a trait: the interface of the state machine, which clients use without \
         the machine itself; the state is a type of yours that implements it",
    );
    teaching.combine(error);
    teaching
}
