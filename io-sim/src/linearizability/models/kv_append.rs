//! Keys with texts that grow.

use std::cell::RefCell;

use serde_json::Value as Json;

use super::super::model::{Asks, Effect, Model};
use super::super::tree::Tree;
use super::super::value::Values;
use super::{Asked, UNKNOWN, Vocabulary, WRONG_ARGUMENT};

/// The model `kv-append`. A text is a node of a tree of bytes.
pub(crate) struct KvAppend {
    init: usize,
    texts: RefCell<Tree<u8>>,
    keys: Values,
}

/// What is done to one key.
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct TextOp {
    key: usize,
    action: TextAction,
}

#[derive(PartialEq, Eq, Hash)]
enum TextAction {
    /// With the answer.
    Get(Option<usize>),
    Put(usize),
    Append(Box<str>),
}

impl KvAppend {
    fn text(&self, json: &Json) -> Option<usize> {
        Some(self.texts.borrow_mut().extend(Tree::<u8>::ROOT, json.as_str()?.bytes()))
    }
}

impl Model for KvAppend {
    type State = usize;
    type Op = TextOp;
    type Part = usize;

    fn part(&self, op: &TextOp) -> usize {
        op.key
    }

    fn init(&self) -> usize {
        self.init
    }

    fn step(&self, &state: &usize, op: &TextOp) -> Option<usize> {
        match &op.action {
            TextAction::Get(answer) => answer.is_none_or(|text| text == state).then_some(state),
            TextAction::Put(text) => Some(*text),
            TextAction::Append(text) => Some(self.texts.borrow_mut().extend(state, text.bytes())),
        }
    }

    fn effect(&self, op: &TextOp) -> Effect<usize> {
        match op.action {
            TextAction::Get(_) => Effect::Observes,
            TextAction::Put(text) => Effect::Sets(text),
            TextAction::Append(_) => Effect::Grows,
        }
    }

    fn asks(&self, op: &TextOp) -> Asks<usize> {
        match op.action {
            TextAction::Get(Some(text)) => Asks::For(text),
            TextAction::Get(None) | TextAction::Put(_) | TextAction::Append(_) => Asks::Nothing,
        }
    }

    fn leads(&self, &from: &usize, &to: &usize) -> bool {
        self.texts.borrow().is_prefix(from, to)
    }

    fn shared_bytes(&self) -> usize {
        self.texts.borrow().bytes()
    }
}

impl Vocabulary for KvAppend {
    fn from_init(init: &Json) -> Option<Self> {
        let texts = RefCell::new(Tree::new());
        let model = Self { init: Tree::<u8>::ROOT, texts, keys: Values::default() };
        Some(Self { init: model.text(init)?, ..model })
    }

    fn read(&mut self, asked: &Asked<'_>) -> Result<Option<TextOp>, &'static str> {
        let action = match asked.function {
            "get" => TextAction::Get(asked.answer(|answer| self.text(answer))?),
            "put" => TextAction::Put(self.text(asked.argument()?).ok_or(WRONG_ARGUMENT)?),
            "append" => {
                TextAction::Append(asked.argument()?.as_str().ok_or(WRONG_ARGUMENT)?.into())
            }
            _ => return Err(UNKNOWN),
        };
        Ok(Some(TextOp { key: self.keys.number(asked.key()?.to_owned()), action }))
    }
}
