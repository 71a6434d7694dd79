//! The typed client: a function for each operation.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::Type;

use crate::model::{Machine, Operation};

pub(crate) fn generate(machine: &Machine) -> TokenStream {
    let Machine { vis, name, .. } = machine;
    let [client, view, happens] = ["Client", "View", "Events"].map(|what| machine.named(what));
    let commands = machine.commands.iter().map(|operation| command(machine, operation));
    let queries = machine.queries.iter().map(|operation| query(machine, operation));
    let looks = machine.queries.iter().map(|operation| look(machine, operation));
    let events = machine.events.iter().map(|operation| event(machine, operation));
    let subscriptions = machine.events.iter().map(|operation| subscription(machine, operation));
    let schema = crate::schema::constant(machine);
    let docs = format!("A client of a [`{name}`]: a function for each of its operations.");
    let view_docs = format!("The queries of a [`{name}`], at a level of consistency of their own.");
    let events_docs = format!("The events of a [`{name}`], from somewhere on.");
    quote! {
        #[doc = #docs]
        #[derive(Clone, Debug)]
        #vis struct #client<C> {
            caller: C,
            machine: ::quorate_sm::MachineId,
        }

        impl<C: ::quorate_sm::Caller> ::quorate_sm::TypedClient<C> for #client<C> {
            const SCHEMA: ::quorate_sm::Schema = #schema;

            fn new(caller: C, machine: ::quorate_sm::MachineId) -> Self {
                Self { caller, machine }
            }
        }

        impl<C: ::quorate_sm::Caller> #client<C> {
            /// The queries, at another level of consistency than their own.
            #vis fn at(&self, level: ::quorate_sm::Level) -> #view<C> {
                #view { client: self.clone(), level }
            }

            /// The events that have happened since then, and those that happen from now on: to go on where
            /// an earlier subscription was, or after what an answer reflects.
            #vis fn since(&self, since: impl ::core::convert::Into<::quorate_sm::Since>) -> #happens<C> {
                #happens { client: self.clone(), since: since.into() }
            }

            /// The events that happen from now on.
            ///
            /// # Errors
            /// [`CallError::NotApplied`](::quorate_sm::courier::CallError::NotApplied) only.
            #vis async fn from_now(
                &self,
            ) -> ::core::result::Result<#happens<C>, ::quorate_sm::courier::CallError> {
                ::core::result::Result::Ok(self.since(self.caller.latest().await?))
            }

            #(#commands)*
            #(#queries)*
            #(#events)*
        }

        #[doc = #view_docs]
        #[derive(Clone, Debug)]
        #vis struct #view<C> {
            #[allow(dead_code)]
            client: #client<C>,
            #[allow(dead_code)]
            level: ::quorate_sm::Level,
        }

        impl<C: ::quorate_sm::Caller> #view<C> {
            #(#looks)*
        }

        #[doc = #events_docs]
        #[derive(Clone, Debug)]
        #vis struct #happens<C> {
            #[allow(dead_code)]
            client: #client<C>,
            #[allow(dead_code)]
            since: ::quorate_sm::Since,
        }

        impl<C: ::quorate_sm::Caller> #happens<C> {
            #(#subscriptions)*
        }
    }
}

fn command(machine: &Machine, operation: &Operation) -> TokenStream {
    let [command, answer] = ["Command", "Answer"].map(|what| machine.named(what));
    let Operation { name, docs, returns, .. } = operation;
    let (vis, variant, names) = (&machine.vis, operation.variant(), operation.names());
    let (parameters, values) = arguments(operation);
    quote! {
        #(#docs)*
        ///
        /// # Errors
        /// See [`CallError`](::quorate_sm::courier::CallError).
        #vis async fn #name(
            &self,
            #(#parameters),*
        ) -> ::core::result::Result<#returns, ::quorate_sm::courier::CallError> {
            let command = #command::#variant { #(#names: #values),* };
            let answer = ::quorate_sm::generated::command(&self.caller, self.machine, &command);
            #[allow(unreachable_patterns)]
            match answer.await? {
                #answer::#variant(answer) => ::core::result::Result::Ok(answer),
                _ => ::core::result::Result::Err(::quorate_sm::generated::BAD_ANSWER),
            }
        }
    }
}

/// At the level that the operation itself asks for.
fn query(machine: &Machine, operation: &Operation) -> TokenStream {
    let Operation { name, docs, returns, .. } = operation;
    let (vis, names) = (&machine.vis, operation.names());
    let (parameters, values) = arguments(operation);
    let level = match &operation.level {
        Some(level) => quote! { ::quorate_sm::Level::#level },
        None => quote! { ::quorate_sm::Level::Linearizable },
    };
    quote! {
        #(#docs)*
        ///
        /// # Errors
        /// [`CallError::NotApplied`](::quorate_sm::courier::CallError::NotApplied) only: a query has no
        /// effect.
        #vis async fn #name(
            &self,
            #(#parameters),*
        ) -> ::core::result::Result<#returns, ::quorate_sm::courier::CallError> {
            #(let #names = #values;)*
            let seen = self.at(#level).#name(#(#names),*).await?;
            ::core::result::Result::Ok(seen.value)
        }
    }
}

/// At a level that the caller asks for.
fn look(machine: &Machine, operation: &Operation) -> TokenStream {
    let [query, answer] = ["Query", "QueryAnswer"].map(|what| machine.named(what));
    let Operation { name, docs, returns, .. } = operation;
    let (vis, variant, names) = (&machine.vis, operation.variant(), operation.names());
    let (parameters, values) = arguments(operation);
    quote! {
        #(#docs)*
        ///
        /// # Errors
        /// [`CallError::NotApplied`](::quorate_sm::courier::CallError::NotApplied) only: a query has no
        /// effect.
        #vis async fn #name(
            &self,
            #(#parameters),*
        ) -> ::core::result::Result<::quorate_sm::Seen<#returns>, ::quorate_sm::courier::CallError> {
            let query = #query::#variant { #(#names: #values),* };
            let (caller, machine) = (&self.client.caller, self.client.machine);
            let seen = ::quorate_sm::generated::query(caller, machine, self.level, &query).await?;
            #[allow(unreachable_patterns)]
            match seen.value {
                #answer::#variant(value) => ::core::result::Result::Ok(::quorate_sm::Seen {
                    value,
                    index: seen.index,
                    age: seen.age,
                }),
                _ => ::core::result::Result::Err(::quorate_sm::generated::BAD_LOOK),
            }
        }
    }
}

/// From now on.
fn event(machine: &Machine, operation: &Operation) -> TokenStream {
    let Operation { name, docs, returns, .. } = operation;
    let vis = &machine.vis;
    let (parameters, values) = arguments(operation);
    quote! {
        #(#docs)*
        ///
        /// What happens from now on is told, in order, each event once.
        ///
        /// # Errors
        /// [`CallError::NotApplied`](::quorate_sm::courier::CallError::NotApplied) only.
        #vis async fn #name(
            &self,
            #(#parameters),*
        ) -> ::core::result::Result<
            ::quorate_sm::Subscription<#returns, C>,
            ::quorate_sm::courier::CallError,
        > {
            let events = self.from_now().await?;
            ::core::result::Result::Ok(events.#name(#(#values),*))
        }
    }
}

/// From anywhere on; and to all of its kind, if there are several.
fn subscription(machine: &Machine, operation: &Operation) -> TokenStream {
    let Operation { name, docs, returns, id, .. } = operation;
    let (vis, names) = (&machine.vis, operation.names());
    let (parameters, values) = arguments(operation);
    let to_all = (!names.is_empty()).then(|| {
        let (all, about) = (operation.all_of_them(), about(&operation.types()));
        let all_docs = format!("All that [`{name}`](Self::{name}) tells, whatever it is about.");
        quote! {
            #[doc = #all_docs]
            #vis fn #all(&self) -> ::quorate_sm::Subscription<#returns, C, #about> {
                let caller = self.client.caller.clone();
                ::quorate_sm::Subscription::to_all(caller, self.client.machine, #id, self.since)
            }
        }
    });
    quote! {
        #(#docs)*
        #vis fn #name(&self, #(#parameters),*) -> ::quorate_sm::Subscription<#returns, C> {
            #(let #names = #values;)*
            let topic = ::quorate_sm::generated::encode(&(#id, #(&#names,)*));
            let (caller, filter) = (self.client.caller.clone(), ::quorate_sm::Filter::Topic(topic));
            ::quorate_sm::Subscription::since(caller, self.client.machine, filter, self.since)
        }

        #to_all
    }
}

/// The parameters of an event, as one: it needs no tuple if it is one.
fn about(types: &[&Type]) -> TokenStream {
    match types {
        [one] => quote! { #one },
        all => quote! { (#(#all,)*) },
    }
}

fn arguments(operation: &Operation) -> (Vec<TokenStream>, Vec<TokenStream>) {
    parameters(&operation.arguments)
}

/// Parameters, and what becomes of each: what is usually at hand as something else may be given so.
pub(crate) fn parameters(arguments: &[(Ident, Type)]) -> (Vec<TokenStream>, Vec<TokenStream>) {
    let argument = |(name, ty): &(Ident, Type)| match is_made_of_others(ty) {
        true => (quote! { #name: impl ::core::convert::Into<#ty> }, quote! { #name.into() }),
        false => (quote! { #name: #ty }, quote! { #name }),
    };
    arguments.iter().map(argument).unzip()
}

fn is_made_of_others(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    let last = path.path.segments.last().map(|segment| segment.ident.to_string());
    last.is_some_and(|last| ["String", "Bytes", "Vec"].contains(&last.as_str()))
}
