//! How a trait says what the machine is, and what is wrong with it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, FnArg, ItemTrait, Pat, PatType, ReceiverKind, Result, ReturnType, TraitItem,
    TraitItemFn, Type,
};

use crate::model::{Machine, Operation, Options};

/// What stands in `#[machine(..)]`.
pub(crate) fn options(tokens: TokenStream) -> Result<Options> {
    let mut options = Options::default();
    let parser = syn::meta::parser(|meta| {
        if meta.path.is_ident("brief") {
            options.is_brief = true;
            Ok(())
        } else if meta.path.is_ident("schema") {
            options.schema = Some(meta.value()?.parse()?);
            Ok(())
        } else if meta.path.is_ident("capture") {
            options.captures = true;
            Ok(())
        } else if meta.path.is_ident("events") {
            let count: syn::LitInt = meta.value()?.parse()?;
            let events_max = count.base10_parse::<u32>()?;
            if events_max == 0 {
                return Err(Error::new(
                    count.span(),
                    "the newest event is always kept, so that those who wait for it can be told",
                ));
            }
            options.events_max = Some(events_max);
            Ok(())
        } else {
            Err(meta.error(
                "unknown: there are `brief`, `capture`, `events = 1000` and `schema = \"file\"`",
            ))
        }
    });
    syn::parse::Parser::parse2(parser, tokens)?;
    Ok(options)
}

/// What the trait says; all that is wrong with it at once.
pub(crate) fn machine(item: &ItemTrait, options: Options) -> Result<Machine> {
    let mut machine = Machine {
        vis: item.vis.clone(),
        name: item.ident.clone(),
        docs: docs_of(&item.attrs),
        options,
        commands: Vec::new(),
        timers: Vec::new(),
        queries: Vec::new(),
        events: Vec::new(),
        session_ended: None,
    };
    let mut errors = Errors::default();
    errors.take(check_trait(item));
    for item in &item.items {
        errors.take(take_item(item, &mut machine));
    }
    errors.take(check_names(&machine));
    let kinds =
        [&mut machine.commands, &mut machine.timers, &mut machine.queries, &mut machine.events];
    for operations in kinds {
        errors.take(sort_by_id(operations));
    }
    errors.finish().map(|()| machine)
}

/// Everything that is wrong is said at once.
#[derive(Default)]
pub(crate) struct Errors(Option<Error>);

impl Errors {
    pub(crate) fn take(&mut self, result: Result<()>) {
        let Err(error) = result else { return };
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            None => self.0 = Some(error),
        }
    }

    pub(crate) fn finish(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

pub(crate) fn wrong<T>(at: &impl Spanned, message: impl std::fmt::Display) -> Result<T> {
    Err(Error::new(at.span(), message))
}

fn check_trait(item: &ItemTrait) -> Result<()> {
    if !item.generics.params.is_empty() {
        return wrong(
            &item.generics,
            "a machine has no type parameters: its operations are bytes in a log, of one type for ever",
        );
    }
    if !item.supertraits.is_empty() {
        return wrong(
            &item.supertraits,
            "a machine has no supertraits: what the state needs, `#[machine]` asks for",
        );
    }
    Ok(())
}

fn check_names(machine: &Machine) -> Result<()> {
    let all = [&machine.commands, &machine.timers, &machine.queries, &machine.events];
    let mut names: Vec<&Ident> = Vec::new();
    let mut errors = Errors::default();
    for operation in all.into_iter().flatten() {
        let reserved = ["at", "new", "since", "from_now", "caller", "machine"];
        if names.contains(&&operation.name) {
            let message = format!("two operations are called `{}`", operation.name);
            errors.take(wrong(&operation.name, message));
        } else if reserved.iter().any(|name| operation.name == name) {
            let message = format!("`{}` is a function of every client", operation.name);
            errors.take(wrong(&operation.name, message));
        }
        names.push(&operation.name);
    }
    for event in machine.events.iter().filter(|event| !event.arguments.is_empty()) {
        let all = event.all_of_them();
        if let Some(other) = machine.events.iter().find(|other| other.name == all) {
            let message = format!("`{all}` is the subscription to all `{}`", event.name);
            errors.take(wrong(&other.name, message));
        }
    }
    errors.finish()
}

/// What kind of operation a function is.
enum Kind {
    Command,
    Timer,
    Query,
    Event,
    SessionEnded,
}

fn take_item(item: &TraitItem, machine: &mut Machine) -> Result<()> {
    let TraitItem::Fn(function) = item else {
        return wrong(
            item,
            "a machine has functions only: `&mut self` is a command, `&self` is a query, and one without \
             `self` is an event that can be subscribed to",
        );
    };
    let marks = Marks::of(function)?;
    let kind = kind_of(function, &marks)?;
    check_function(function)?;
    let context = machine.named("Cx");
    let mut inputs = function.sig.inputs.iter().peekable();
    if function.sig.receiver().is_some() {
        inputs.next();
    }
    match kind {
        Kind::Command | Kind::Timer | Kind::SessionEnded => {
            let is_context = inputs.next().is_some_and(|input| is_context(input, &context));
            if !is_context {
                return wrong(
                    &function.sig.ident,
                    format!(
                        "the second argument of a command is its context, `cx: &mut {context}`: what it \
                         knows of the time, and how it publishes events and arms timers"
                    ),
                );
            }
        }
        Kind::Query if inputs.peek().is_some_and(|input| is_context(input, &context)) => {
            return wrong(
                *inputs.peek().expect("it is there"),
                "a query (`&self`) gets no `cx`: queries may run on any replica, any number of times, and \
                 cannot publish or schedule; make it `&mut self` to turn it into a command",
            );
        }
        Kind::Query | Kind::Event => {}
    }
    let arguments = inputs.map(argument).collect::<Result<Vec<_>>>()?;
    let operation = operation(function, arguments, &marks, &kind, machine)?;
    match kind {
        Kind::Command => machine.commands.push(operation),
        Kind::Timer => machine.timers.push(operation),
        Kind::Query => machine.queries.push(operation),
        Kind::Event => machine.events.push(operation),
        Kind::SessionEnded => {
            if operation.arguments.len() != 1 {
                return wrong(
                    &function.sig.ident,
                    "it is told which session has ended: one argument after `cx`, of the type `SessionId`",
                );
            }
            if machine.session_ended.replace(operation.name).is_some() {
                return wrong(&function.sig.ident, "one function is told of ended sessions");
            }
        }
    }
    Ok(())
}

fn operation(
    function: &TraitItemFn,
    arguments: Vec<(Ident, Type)>,
    marks: &Marks,
    kind: &Kind,
    machine: &Machine,
) -> Result<Operation> {
    let returns = match (&function.sig.output, kind) {
        (ReturnType::Default, Kind::Event) => {
            return wrong(
                &function.sig.ident,
                "an event says something: `fn changed(key: String) -> Change` says a `Change` to those who \
                 subscribed to that key",
            );
        }
        (ReturnType::Type(_, returns), Kind::Timer | Kind::SessionEnded) => {
            return wrong(returns, "nobody waits for the answer: it returns nothing");
        }
        (ReturnType::Default, _) => syn::parse_quote!(()),
        (ReturnType::Type(_, returns), _) => {
            check_type(returns)?;
            (**returns).clone()
        }
    };
    let so_far = match kind {
        Kind::Command => machine.commands.len(),
        Kind::Timer => machine.timers.len(),
        Kind::Query => machine.queries.len(),
        Kind::Event => machine.events.len(),
        Kind::SessionEnded => 0,
    };
    let so_far = u32::try_from(so_far).expect("a few operations");
    let (id, id_span) = marks.id.unwrap_or((so_far, function.sig.ident.span()));
    Ok(Operation {
        name: function.sig.ident.clone(),
        docs: docs_of(&function.attrs),
        arguments,
        returns,
        id,
        id_span,
        level: marks.level.clone(),
    })
}

/// The attributes of a function that are ours.
#[derive(Default)]
struct Marks {
    is_timer: bool,
    is_session_ended: bool,
    id: Option<(u32, Span)>,
    level: Option<Ident>,
}

fn level(attribute: &Attribute) -> Result<Ident> {
    let level: Ident = attribute.parse_args()?;
    let known = ["Linearizable", "Lease", "Sequential", "Stale"];
    match known.iter().any(|name| level == name) {
        true => Ok(level),
        false => wrong(
            &level,
            format!(
                "no such level of consistency: there are {}",
                known.map(|it| format!("`{it}`")).join(", ")
            ),
        ),
    }
}

impl Marks {
    fn of(function: &TraitItemFn) -> Result<Self> {
        let mut marks = Self::default();
        for attribute in &function.attrs {
            let path = attribute.path();
            if path.is_ident("timer") {
                attribute.meta.require_path_only()?;
                marks.is_timer = true;
            } else if path.is_ident("session_ended") {
                attribute.meta.require_path_only()?;
                marks.is_session_ended = true;
            } else if path.is_ident("op") {
                let id: syn::LitInt = attribute.parse_args()?;
                marks.id = Some((id.base10_parse()?, id.span()));
            } else if path.is_ident("read") {
                marks.level = Some(level(attribute)?);
            } else if !path.is_ident("doc") {
                return wrong(
                    attribute,
                    "unknown here: there are `#[timer]`, `#[session_ended]`, `#[read(..)]` and `#[op(n)]`",
                );
            }
        }
        Ok(marks)
    }
}

fn kind_of(function: &TraitItemFn, marks: &Marks) -> Result<Kind> {
    let kind = match function.sig.receiver() {
        None => Kind::Event,
        Some(receiver) => match &receiver.kind {
            ReceiverKind::Reference(_, _, Some(_)) => Kind::Command,
            ReceiverKind::Reference(_, _, None) => Kind::Query,
            _ => {
                return wrong(
                    receiver,
                    "the state stays where it is: `&mut self` for a command, `&self` for a query, no `self` \
                     for an event",
                );
            }
        },
    };
    let is_hook = marks.is_timer || marks.is_session_ended;
    match kind {
        Kind::Command if marks.level.is_some() => wrong(
            &function.sig.ident,
            "`#[read(..)]` is for queries: a command is applied by every replica, in one order",
        ),
        Kind::Event if marks.level.is_some() => {
            wrong(&function.sig.ident, "`#[read(..)]` is for queries: an event is told, not asked")
        }
        Kind::Query | Kind::Event if is_hook => wrong(
            &function.sig.ident,
            "what the framework calls may change the state: it takes `&mut self`",
        ),
        Kind::Command if marks.is_timer && marks.is_session_ended => {
            wrong(&function.sig.ident, "either a timer or told of ended sessions")
        }
        Kind::Command if marks.is_timer => Ok(Kind::Timer),
        Kind::Command if marks.is_session_ended => Ok(Kind::SessionEnded),
        kind => Ok(kind),
    }
}

fn check_function(function: &TraitItemFn) -> Result<()> {
    let signature = &function.sig;
    if let Some(asyncness) = &signature.asyncness {
        return wrong(
            asyncness,
            "operations are synchronous: apply() must be deterministic and cannot await",
        );
    }
    if !signature.generics.params.is_empty() {
        return wrong(
            &signature.generics,
            "operations have no parameters of types or lifetimes: they are bytes in a log, of one type \
             for ever",
        );
    }
    if let Some(body) = &function.default {
        return wrong(
            body,
            "the interface says what there is, the state's `impl` says how: no body here",
        );
    }
    Ok(())
}

/// Is it `cx: &mut KvCx`?
fn is_context(input: &FnArg, context: &Ident) -> bool {
    let FnArg::Typed(PatType { ty, .. }) = input else { return false };
    let Type::Reference(reference) = &**ty else { return false };
    let Type::Path(path) = &*reference.elem else { return false };
    path.path.segments.last().is_some_and(|last| last.ident == *context)
}

pub(crate) fn argument(input: &FnArg) -> Result<(Ident, Type)> {
    let FnArg::Typed(PatType { pat, ty, .. }) = input else {
        return wrong(input, "`self` comes first");
    };
    let Pat::Ident(pattern) = &**pat else {
        return wrong(pat, "an argument has a name: clients see it");
    };
    check_type(ty)?;
    Ok((pattern.ident.clone(), (**ty).clone()))
}

pub(crate) fn check_type(ty: &Type) -> Result<()> {
    match ty {
        Type::Reference(_) => wrong(
            ty,
            "arguments and answers cross the network: use an owned type, such as `String` or `Bytes`",
        ),
        Type::ImplTrait(_) | Type::TraitObject(_) => {
            wrong(ty, "arguments and answers cross the network: name one type")
        }
        Type::Ptr(_) | Type::FnPtr(_) => {
            wrong(ty, "arguments and answers cross the network: this means nothing elsewhere")
        }
        _ => Ok(()),
    }
}

/// Ids are the places in enums: all numbers from 0 on, each once.
fn sort_by_id(operations: &mut [Operation]) -> Result<()> {
    operations.sort_by_key(|operation| operation.id);
    for (expected, operation) in (0..).zip(operations.iter()) {
        if operation.id != expected {
            let message = if operation.id < expected {
                format!("two operations of a kind have the id {}", operation.id)
            } else {
                format!("ids of a kind have no gaps: {expected} is missing before {}", operation.id)
            };
            return Err(Error::new(operation.id_span, message));
        }
    }
    Ok(())
}

pub(crate) fn docs_of(attributes: &[Attribute]) -> Vec<Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("doc")).cloned().collect()
}

/// A type as it stands in a schema: however it is broken into lines.
pub(crate) fn type_text(ty: &Type) -> String {
    let text = ty.to_token_stream().to_string();
    let mut tight = String::new();
    for word in text.split_whitespace() {
        let needs_space = tight.ends_with(|c: char| c.is_alphanumeric() || c == ',' || c == ';')
            && (tight.ends_with([',', ';']) || word.starts_with(char::is_alphanumeric));
        if needs_space {
            tight.push(' ');
        }
        tight.push_str(word);
    }
    tight
}
