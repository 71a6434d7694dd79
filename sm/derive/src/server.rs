//! The trait, its context, its operations as values, and the machine that carries them out.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::model::{Machine, Operation};

pub(crate) fn generate(machine: &Machine) -> TokenStream {
    let (interface, context) = (interface(machine), context(machine));
    let (operations, implementation) = (operations(machine), implementation(machine));
    quote! { #interface #context #operations #implementation }
}

/// The trait without what is not a function of the state.
fn interface(machine: &Machine) -> TokenStream {
    let Machine { vis, name, docs, session_ended, .. } = machine;
    let context = machine.named("Cx");
    let changes = machine.commands.iter().chain(&machine.timers).map(|operation| {
        let Operation { name, docs, returns, .. } = operation;
        let (names, types) = (operation.names(), operation.types());
        quote! {
            #(#docs)*
            fn #name(&mut self, cx: &mut #context, #(#names: #types),*) -> #returns;
        }
    });
    let queries = machine.queries.iter().map(|operation| {
        let Operation { name, docs, returns, .. } = operation;
        let (names, types) = (operation.names(), operation.types());
        quote! { #(#docs)* fn #name(&self, #(#names: #types),*) -> #returns; }
    });
    let hook = session_ended.iter().map(|hook| {
        quote! {
            /// A client's session has ended.
            fn #hook(&mut self, cx: &mut #context, session: ::quorate_sm::SessionId);
        }
    });
    let capture = machine.options.captures.then(|| {
        quote! {
            /// The state as of now: cheap to make, and written down piece by piece, as serde would write it.
            fn capture(&self) -> ::quorate_sm::generated::Box<dyn ::quorate_sm::Capture>;
        }
    });
    quote! {
        #(#docs)*
        #vis trait #name {
            #(#changes)*
            #(#queries)*
            #(#hook)*
            #capture
        }
    }
}

fn context(machine: &Machine) -> TokenStream {
    let Machine { vis, name, .. } = machine;
    let (context, timer) = (machine.named("Cx"), machine.named("Timer"));
    let docs = format!("What a command of [`{name}`] knows and does beside the state.");
    let emits = machine.events.iter().map(|event| {
        let emit = format_ident!("emit_{}", event.name);
        let (names, types, returns, id) = (event.names(), event.types(), &event.returns, event.id);
        let docs = format!("Tells all who subscribed to `{}`, now or later.", event.name);
        quote! {
            #[doc = #docs]
            #vis fn #emit(
                &mut self,
                #(#names: impl ::core::borrow::Borrow<#types>,)*
                event: impl ::core::borrow::Borrow<#returns>,
            ) {
                let topic = ::quorate_sm::generated::encode(&(#id, #(#names.borrow(),)*));
                self.cx.publish(topic, ::quorate_sm::generated::encode(event.borrow()));
            }
        }
    });
    let arms = machine.timers.iter().map(|operation| {
        let arm = format_ident!("{}_after", operation.name);
        let (names, types, variant) = (operation.names(), operation.types(), operation.variant());
        let docs = format!("Has `{}` called once so much time has passed.", operation.name);
        quote! {
            #[doc = #docs]
            #vis fn #arm(
                &mut self,
                after: ::core::time::Duration,
                #(#names: #types),*
            ) -> ::quorate_sm::TimerId {
                let what = #timer::#variant { #(#names),* };
                self.cx.arm(after, ::quorate_sm::generated::encode(&what))
            }
        }
    });
    let cancel = (!machine.timers.is_empty()).then(|| {
        quote! {
            /// The timer does not fire any more; says whether it would have.
            #vis fn cancel(&mut self, timer: ::quorate_sm::TimerId) -> bool {
                self.cx.disarm(timer)
            }
        }
    });
    quote! {
        #[doc = #docs]
        #[derive(Debug)]
        #vis struct #context {
            cx: ::quorate_sm::Context,
        }

        impl #context {
            /// The context of a command, for tests of the state.
            #vis fn new(cx: ::quorate_sm::Context) -> Self {
                Self { cx }
            }

            fn within<T>(cx: &mut ::quorate_sm::Context, call: impl FnOnce(&mut Self) -> T) -> T {
                let mut this = Self { cx: ::core::mem::take(cx) };
                let answer = call(&mut this);
                *cx = this.cx;
                answer
            }

            /// The command's position in the log: grows with every command, hence a fine version number,
            /// name or fencing token. Timers that fire at once share theirs.
            #vis fn index(&self) -> ::quorate_sm::Index {
                self.cx.index()
            }

            /// The session that the command came in, if it came in one.
            #vis fn session(&self) -> ::core::option::Option<::quorate_sm::SessionId> {
                self.cx.session()
            }

            /// The time, on all replicas.
            #vis fn now(&self) -> ::quorate_sm::Time {
                self.cx.now()
            }

            /// A number that is random, and the same on all replicas.
            #vis fn random(&mut self) -> u64 {
                self.cx.random()
            }

            #(#emits)*
            #(#arms)*
            #cancel
        }
    }
}

/// The operations as values: what stands in the log and on the wire.
fn operations(machine: &Machine) -> TokenStream {
    let (vis, name) = (&machine.vis, &machine.name);
    let asked = |what, operations: &[Operation], vis: &TokenStream, docs: String| {
        let ident = machine.named(what);
        let variants = operations.iter().map(|operation| {
            let (variant, docs) = (operation.variant(), &operation.docs);
            let (names, types) = (operation.names(), operation.types());
            quote! { #(#docs)* #[allow(missing_docs)] #variant { #(#names: #types),* } }
        });
        quote! {
            #[doc = #docs]
            #[derive(
                Clone, Debug, ::quorate_sm::generated::Serialize, ::quorate_sm::generated::Deserialize,
            )]
            #[serde(crate = "::quorate_sm::generated::serde")]
            #vis enum #ident { #(#variants),* }
        }
    };
    let answered = |what, operations: &[Operation], docs: String| {
        let ident = machine.named(what);
        let variants = operations.iter().map(|operation| {
            let (variant, returns) = (operation.variant(), &operation.returns);
            quote! { #[allow(missing_docs)] #variant(#returns) }
        });
        quote! {
            #[doc = #docs]
            #[derive(
                Clone, Debug, ::quorate_sm::generated::Serialize, ::quorate_sm::generated::Deserialize,
            )]
            #[serde(crate = "::quorate_sm::generated::serde")]
            #vis enum #ident { #(#variants),* }
        }
    };
    let public = quote! { #vis };
    let private = quote! {};
    let enums = [
        asked("Command", &machine.commands, &public, format!("What changes a [`{name}`].")),
        answered("Answer", &machine.commands, format!("What a command of [`{name}`] is answered.")),
        asked("Query", &machine.queries, &public, format!("What looks at a [`{name}`].")),
        answered(
            "QueryAnswer",
            &machine.queries,
            format!("What a query of [`{name}`] is answered."),
        ),
        asked("Timer", &machine.timers, &private, format!("What a [`{name}`] does later.")),
    ];
    quote! { #(#enums)* }
}

fn implementation(machine: &Machine) -> TokenStream {
    let Machine { vis, name, options, .. } = machine;
    let [ident, context] = ["Machine", "Cx"].map(|what| machine.named(what));
    let [command, answer] = ["Command", "Answer"].map(|what| machine.named(what));
    let [query, query_answer] = ["Query", "QueryAnswer"].map(|what| machine.named(what));
    let timer = machine.named("Timer");
    let docs = format!("A state that is a [`{name}`], as a replicated state machine.");
    let is_brief = options.is_brief;
    let applies = machine.commands.iter().map(|operation| {
        let (call, variant, names) = (&operation.name, operation.variant(), operation.names());
        quote! { #command::#variant { #(#names),* } => #answer::#variant(self.0.#call(cx, #(#names),*)) }
    });
    let looks = machine.queries.iter().map(|operation| {
        let (call, variant, names) = (&operation.name, operation.variant(), operation.names());
        quote! { #query::#variant { #(#names),* } => #query_answer::#variant(self.0.#call(#(#names),*)) }
    });
    let fires = machine.timers.iter().map(|operation| {
        let (call, variant, names) = (&operation.name, operation.variant(), operation.names());
        quote! { #timer::#variant { #(#names),* } => self.0.#call(cx, #(#names),*) }
    });
    let ended = machine.session_ended.iter().map(|hook| {
        quote! {
            fn session_ended(
                &mut self,
                cx: &mut ::quorate_sm::Context,
                session: ::quorate_sm::SessionId,
            ) {
                #context::within(cx, |cx| self.0.#hook(cx, session));
            }
        }
    });
    let capture = options.captures.then(|| {
        quote! {
            fn capture(&self) -> ::quorate_sm::generated::Box<dyn ::quorate_sm::Capture> {
                <S as #name>::capture(&self.0)
            }
        }
    });
    let event_limits = options.events_max.map(|events_max| {
        quote! {
            fn event_limits(&self) -> ::quorate_sm::EventLimits {
                ::quorate_sm::EventLimits {
                    events_max: #events_max,
                    ..::core::default::Default::default()
                }
            }
        }
    });
    let schema = crate::schema::constant(machine);
    quote! {
        #[doc = #docs]
        #[derive(
            Clone, Debug, Default, PartialEq, Eq,
            ::quorate_sm::generated::Serialize, ::quorate_sm::generated::Deserialize,
        )]
        #[serde(crate = "::quorate_sm::generated::serde", transparent)]
        #vis struct #ident<S>(
            /// The state.
            #vis S,
        );

        impl<S> ::quorate_sm::StateMachine for #ident<S>
        where
            S: #name
                + ::quorate_sm::generated::Serialize
                + ::quorate_sm::generated::DeserializeOwned
                + ::core::marker::Send
                + 'static,
        {
            type Command = #command;
            type Answer = #answer;
            type Query = #query;
            type QueryAnswer = #query_answer;

            const BRIEF: bool = #is_brief;
            const NEEDS_TIME: bool = true;
            const SCHEMA: ::quorate_sm::Schema = #schema;

            #[allow(unused_variables)]
            fn apply(&mut self, cx: &mut ::quorate_sm::Context, command: #command) -> #answer {
                #context::within(cx, |cx| match command { #(#applies),* })
            }

            fn query(&self, query: #query) -> #query_answer {
                match query { #(#looks),* }
            }

            #[allow(unused_variables, unreachable_code)]
            fn fire(&mut self, cx: &mut ::quorate_sm::Context, what: &[u8]) {
                if let ::core::option::Option::Some(timer) =
                    ::quorate_sm::generated::decode::<#timer>(what)
                {
                    #context::within(cx, |cx| match timer { #(#fires),* })
                }
            }

            #(#ended)*
            #capture
            #event_limits
        }
    }
}
