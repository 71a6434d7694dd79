//! `#[machine]`: see `quorate_sm::machine`, where it is documented.
//!
//! Read in this order: `model` (what a trait says), `parse` (how it says it, and what is wrong with
//! it), `schema` (what must never change), `server` and `client` (what is generated). `service` is another
//! macro: see `quorate_sm::service`.

#![forbid(unsafe_code)]

mod client;
mod model;
mod parse;
mod schema;
mod server;
mod service;

use proc_macro::TokenStream;
use quote::quote;

/// See `quorate_sm::machine`.
#[proc_macro_attribute]
pub fn machine(options: TokenStream, item: TokenStream) -> TokenStream {
    let parsed = parse::options(options.into())
        .and_then(|options| {
            Ok((options, syn::parse::<syn::ItemTrait>(item).map_err(|it| no_trait(it, A_MACHINE))?))
        })
        .and_then(|(options, item)| parse::machine(&item, options));
    let generated = parsed.map(|machine| {
        let (server, client) = (server::generate(&machine), client::generate(&machine));
        let schema = schema::generate(&machine);
        quote! { #server #client #schema }
    });
    generated.unwrap_or_else(|error| error.to_compile_error()).into()
}

/// See `quorate_sm::service`.
#[proc_macro_attribute]
pub fn service(options: TokenStream, item: TokenStream) -> TokenStream {
    let parsed = no_options(options.into())
        .and_then(|()| syn::parse::<syn::ItemTrait>(item).map_err(|it| no_trait(it, A_SERVICE)))
        .and_then(|item| service::parse(&item));
    let generated = parsed.map(|service| service::generate(&service));
    generated.unwrap_or_else(|error| error.to_compile_error()).into()
}

fn no_options(options: proc_macro2::TokenStream) -> syn::Result<()> {
    match options.is_empty() {
        true => Ok(()),
        false => Err(syn::Error::new_spanned(options, "`#[service]` has no options")),
    }
}

const A_MACHINE: &str = "`#[machine]` stands on a trait: the interface of the state machine, which clients use \
     without the machine itself; the state is a type of yours that implements it";

const A_SERVICE: &str = "`#[service]` stands on a trait: the functions that a server offers, which clients use \
     without the server itself; what carries them out is a type of yours that implements it";

fn no_trait(error: syn::Error, lesson: &str) -> syn::Error {
    let mut teaching = syn::Error::new(error.span(), lesson);
    teaching.combine(error);
    teaching
}
