//! What must never change: every operation's number, name and types.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::model::{Machine, Operation};
use crate::parse::type_text;

pub(crate) fn generate(machine: &Machine) -> TokenStream {
    let Machine { vis, name, .. } = machine;
    let constant = constant(machine);
    let lines = lines(machine);
    let docs = format!("The operations of [`{name}`], as logs and clients know them.");
    let test = machine.options.schema.as_ref().map(|file| {
        let test = format_ident!("{}_is_kept", constant.to_string().to_lowercase());
        quote! {
            #[cfg(test)]
            #[test]
            fn #test() {
                let path = ::std::path::Path::new(::core::env!("CARGO_MANIFEST_DIR")).join(#file);
                let update = ::std::env::var_os("UPDATE").is_some();
                let kept = ::std::fs::read_to_string(&path).unwrap_or_default();
                match #constant.compare(&kept) {
                    ::core::result::Result::Ok(()) => {}
                    ::core::result::Result::Err(change) if change.is_extension() && update => {
                        ::std::fs::write(&path, #constant.text()).expect("the schema file can be written");
                    }
                    ::core::result::Result::Err(change) => ::core::panic!("{}: {change}", path.display()),
                }
            }
        }
    });
    quote! {
        #[doc = #docs]
        #vis const #constant: ::quorate_sm::Schema = ::quorate_sm::Schema::new(&[#(#lines),*]);
        #test
    }
}

pub(crate) fn constant(machine: &Machine) -> proc_macro2::Ident {
    let mut snake = String::new();
    for letter in machine.name.to_string().chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_uppercase());
    }
    format_ident!("{snake}_SCHEMA", span = machine.name.span())
}

fn lines(machine: &Machine) -> Vec<String> {
    let kinds = [
        ("command", &machine.commands),
        ("timer", &machine.timers),
        ("query", &machine.queries),
        ("event", &machine.events),
    ];
    let of_kind = |(kind, operations): (&str, &Vec<Operation>)| {
        operations.iter().map(|operation| line(kind, operation)).collect::<Vec<_>>()
    };
    kinds.into_iter().flat_map(of_kind).collect()
}

fn line(kind: &str, operation: &Operation) -> String {
    let arguments = operation.arguments.iter();
    let arguments: Vec<_> =
        arguments.map(|(name, ty)| format!("{name}: {}", type_text(ty))).collect();
    let (id, name) = (operation.id, &operation.name);
    let returns = type_text(&operation.returns);
    format!("{kind} {id} {name}({}) -> {returns}", arguments.join(", "))
}
