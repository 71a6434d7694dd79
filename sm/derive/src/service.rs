//! `#[service]`: what a trait of functions says, what is wrong with it, and what is generated.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::{Attribute, ItemTrait, ReceiverKind, Result, ReturnType, TraitItem, TraitItemFn, Type};
use syn::{Visibility, parse_quote};

use crate::client::parameters;
use crate::parse::{Errors, argument, check_type, docs_of, type_text, wrong};

/// A trait of functions that one server offers to others.
pub(crate) struct Service {
    vis: Visibility,
    name: Ident,
    docs: Vec<Attribute>,
    functions: Vec<Function>,
}

struct Function {
    name: Ident,
    docs: Vec<Attribute>,
    arguments: Vec<(Ident, Type)>,
    returns: Type,
}

/// What the trait says; all that is wrong with it at once.
pub(crate) fn parse(item: &ItemTrait) -> Result<Service> {
    let mut errors = Errors::default();
    if !item.generics.params.is_empty() {
        errors.take(wrong(
            &item.generics,
            "a service has no type parameters: its arguments and answers are bytes on the wire",
        ));
    }
    if !item.supertraits.is_empty() {
        errors.take(wrong(
            &item.supertraits,
            "a service has no supertraits: what it needs, `#[service]` asks for",
        ));
    }
    let mut functions: Vec<Function> = Vec::new();
    for item in &item.items {
        match function(item) {
            Ok(function) if functions.iter().any(|it| it.name == function.name) => {
                let message = format!("two functions are called `{}`", function.name);
                errors.take(wrong(&function.name, message));
            }
            Ok(function) => functions.push(function),
            Err(error) => errors.take(Err(error)),
        }
    }
    errors.finish()?;
    let (vis, name, docs) = (item.vis.clone(), item.ident.clone(), docs_of(&item.attrs));
    Ok(Service { vis, name, docs, functions })
}

fn function(item: &TraitItem) -> Result<Function> {
    let TraitItem::Fn(function) = item else {
        return wrong(item, "a service has functions only: `async fn` with `&self`");
    };
    check(function)?;
    let arguments = function.sig.inputs.iter().skip(1).map(argument).collect::<Result<_>>()?;
    let returns = match &function.sig.output {
        ReturnType::Default => parse_quote!(()),
        ReturnType::Type(_, returns) => {
            check_type(returns)?;
            (**returns).clone()
        }
    };
    let (name, docs) = (function.sig.ident.clone(), docs_of(&function.attrs));
    Ok(Function { name, docs, arguments, returns })
}

fn check(function: &TraitItemFn) -> Result<()> {
    let signature = &function.sig;
    let is_shared = signature
        .receiver()
        .is_some_and(|it| matches!(it.kind, ReceiverKind::Reference(_, _, None)));
    if !is_shared {
        return wrong(
            signature,
            "many call a service at a time: its functions take `&self`, and what they change is behind a \
             lock of theirs",
        );
    }
    if signature.asyncness.is_none() {
        return wrong(
            &signature.ident,
            "a service is called over the network, and may wait for others itself: `async fn`",
        );
    }
    if !signature.generics.params.is_empty() {
        return wrong(
            &signature.generics,
            "functions of a service have no parameters of types or lifetimes: they are called by bytes",
        );
    }
    if let Some(body) = &function.default {
        return wrong(body, "the interface says what there is, an `impl` says how: no body here");
    }
    if let Some(attribute) = function.attrs.iter().find(|it| !it.path().is_ident("doc")) {
        return wrong(attribute, "functions of a service have no attributes but their docs");
    }
    Ok(())
}

impl Function {
    fn names(&self) -> Vec<&Ident> {
        self.arguments.iter().map(|argument| &argument.0).collect()
    }

    fn types(&self) -> Vec<&Type> {
        self.arguments.iter().map(|argument| &argument.1).collect()
    }

    /// Its name in the trait that is hidden.
    fn boxed(&self) -> Ident {
        format_ident!("boxed_{}", self.name)
    }

    /// Its number: whoever declares it otherwise means another one.
    fn id(&self) -> TokenStream {
        let types: Vec<_> = self.types().into_iter().map(type_text).collect();
        let signature =
            format!("{}({}) -> {}", self.name, types.join(", "), type_text(&self.returns));
        quote! {
            const { ::quorate_sm::generated::FunctionId::declared(#signature) }
        }
    }
}

pub(crate) fn generate(service: &Service) -> TokenStream {
    let (interface, server, client) = (interface(service), server(service), client(service));
    quote! { #interface #server #client }
}

/// The trait, with futures that may go from thread to thread.
fn interface(service: &Service) -> TokenStream {
    let Service { vis, name, docs, functions } = service;
    let functions = functions.iter().map(|function| {
        let Function { name, docs, returns, .. } = function;
        let (names, types) = (function.names(), function.types());
        quote! {
            #(#docs)*
            fn #name(
                &self,
                #(#names: #types),*
            ) -> impl ::core::future::Future<Output = #returns> + ::core::marker::Send;
        }
    });
    quote! {
        #(#docs)*
        #vis trait #name: ::core::marker::Send + ::core::marker::Sync + 'static {
            #(#functions)*
        }
    }
}

fn server(service: &Service) -> TokenStream {
    let Service { vis, name, functions, .. } = service;
    let (server, hidden) = (format_ident!("{name}Service"), format_ident!("{name}Boxed"));
    let declared = functions.iter().map(|function| {
        let (boxed, returns) = (function.boxed(), &function.returns);
        let (names, types) = (function.names(), function.types());
        quote! {
            fn #boxed(
                &self,
                #(#names: #types),*
            ) -> ::quorate_sm::generated::Pin<::quorate_sm::generated::Box<
                dyn ::core::future::Future<Output = #returns> + ::core::marker::Send + '_,
            >>;
        }
    });
    let boxed = functions.iter().map(|function| {
        let Function { name: own, returns, .. } = function;
        let (boxed, names, types) = (function.boxed(), function.names(), function.types());
        quote! {
            fn #boxed(
                &self,
                #(#names: #types),*
            ) -> ::quorate_sm::generated::Pin<::quorate_sm::generated::Box<
                dyn ::core::future::Future<Output = #returns> + ::core::marker::Send + '_,
            >> {
                ::quorate_sm::generated::Box::pin(#name::#own(self, #(#names),*))
            }
        }
    });
    let arms = functions.iter().map(|function| {
        let (id, boxed, names) = (function.id(), function.boxed(), function.names());
        quote! {
            if __function == #id {
                let (#(#names,)*) = ::quorate_sm::generated::decode(__arguments)
                    .ok_or(::quorate_sm::Refused::Unreadable)?;
                return ::core::result::Result::Ok(::quorate_sm::generated::Box::pin(async move {
                    ::quorate_sm::generated::encode(&__service.#boxed(#(#names),*).await)
                }));
            }
        }
    });
    let docs = format!("A [`{name}`] that a server offers.");
    quote! {
        #[doc(hidden)]
        trait #hidden: ::core::marker::Send + ::core::marker::Sync + 'static {
            #(#declared)*
        }

        impl<T: #name> #hidden for T {
            #(#boxed)*
        }

        #[doc = #docs]
        #[derive(Clone)]
        #vis struct #server(::quorate_sm::generated::Arc<dyn #hidden>);

        impl #server {
            /// Of what carries the functions out.
            #vis fn new(service: impl #name) -> Self {
                Self(::quorate_sm::generated::Arc::new(service))
            }
        }

        impl ::quorate_sm::Service for #server {
            #[allow(unused_variables)]
            fn call(
                &self,
                __function: ::quorate_sm::generated::FunctionId,
                __arguments: &::quorate_sm::generated::Bytes,
            ) -> ::core::result::Result<::quorate_sm::Calling, ::quorate_sm::Refused> {
                let __service = ::quorate_sm::generated::Arc::clone(&self.0);
                #(#arms)*
                ::core::result::Result::Err(::quorate_sm::Refused::NotOffered)
            }
        }
    }
}

fn client(service: &Service) -> TokenStream {
    let Service { vis, name, functions, .. } = service;
    let (server, client) = (format_ident!("{name}Service"), format_ident!("{name}Client"));
    let functions = functions.iter().map(|function| {
        let Function { name, docs, returns, .. } = function;
        let (boxed, names, id) = (function.boxed(), function.names(), function.id());
        let (parameters, values) = parameters(&function.arguments);
        quote! {
            #(#docs)*
            ///
            /// # Errors
            /// See [`CallError`](::quorate_sm::courier::CallError). Within a process there are none.
            #vis async fn #name(
                &self,
                #(#parameters),*
            ) -> ::core::result::Result<#returns, ::quorate_sm::courier::CallError> {
                #(let #names = #values;)*
                match &self.reach {
                    ::quorate_sm::Reach::Here(__service) => {
                        ::core::result::Result::Ok(__service.0.#boxed(#(#names),*).await)
                    }
                    ::quorate_sm::Reach::There(__carrier) => {
                        let __arguments = ::quorate_sm::generated::encode(&(#(#names,)*));
                        ::quorate_sm::generated::carry(&**__carrier, #id, __arguments).await
                    }
                }
            }
        }
    });
    let docs = format!("A client of a [`{name}`]: a function for each of its functions.");
    quote! {
        #[doc = #docs]
        #[derive(Clone, Debug)]
        #vis struct #client {
            #[allow(dead_code)]
            reach: ::quorate_sm::Reach<#server>,
        }

        impl ::quorate_sm::ServiceClient for #client {
            type Service = #server;

            fn new(reach: ::quorate_sm::Reach<#server>) -> Self {
                Self { reach }
            }
        }

        impl #client {
            #(#functions)*
        }
    }
}
