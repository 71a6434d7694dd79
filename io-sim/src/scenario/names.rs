//! Options by their names: printed, read, and changed one by one.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Table, Value};

use super::options::{Options, OptionsError};

/// Every option by its dotted name.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Leaves(BTreeMap<String, Value>);

/// Why a text does not name options.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameError {
    /// It is not written as such texts are.
    #[error("{0}")]
    Syntax(String),
    /// There is no such option.
    #[error("there is no option {name}{}", meant(near))]
    Unknown {
        /// The name.
        name: String,
        /// Some that are close to it, closest first.
        near: Vec<String>,
    },
    /// An option cannot have this value.
    #[error("{name} cannot be {value}: {why}")]
    Value {
        /// The option's name.
        name: String,
        /// The value.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// All values can be read, and make no sense together.
    #[error(transparent)]
    Nonsense(#[from] OptionsError),
}

impl Options {
    /// All options, a line each, with their names: read back by [`parse`](Self::parse), they are
    /// the same options.
    ///
    /// # Panics
    /// If the options fail their [`check`](Self::check).
    pub fn to_text(&self) -> String {
        Leaves::of(self).lines().collect()
    }

    /// Reads options; what is not said is as in [`Options::calm`].
    ///
    /// ```
    /// use quorate_io_sim::scenario::Options;
    /// let options = Options::parse("membership = 5\nnet.link.loss_ppm = 100\nchaos = '3s'")?;
    /// assert_eq!((options.servers(), options.net.link.loss_ppm), (5, 100));
    /// # Ok::<(), quorate_io_sim::scenario::NameError>(())
    /// ```
    ///
    /// # Errors
    /// See [`NameError`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        Self::read(&syntax(text)?)
    }

    pub(super) fn read(table: &Table) -> Result<Self, NameError> {
        let mut leaves = Leaves::of(&Self::calm());
        leaves.overlay(table)?;
        let options = leaves.options()?;
        options.check()?;
        Ok(options)
    }

    /// Changes one option: `net.link.loss_ppm=0`, `chaos=5s`, `membership=5`. All others stay as they
    /// are, and so does what is drawn for them.
    ///
    /// ```
    /// use quorate_io_sim::scenario::Options;
    /// let mut options = Options::from_seed(7);
    /// options.set("nemesis.kill=0")?;
    /// let error = options.set("nemesis.kil=0").unwrap_err().to_string();
    /// assert!(error.starts_with("there is no option nemesis.kil; did you mean nemesis.kill"));
    /// # Ok::<(), quorate_io_sim::scenario::NameError>(())
    /// ```
    ///
    /// # Errors
    /// See [`NameError`]; nothing is changed then.
    pub fn set(&mut self, change: &str) -> Result<(), NameError> {
        let (name, value) = change.split_once('=').ok_or_else(|| {
            NameError::Syntax(format!("{change:?} is not a name, an equals sign and a value"))
        })?;
        let mut leaves = Leaves::of(self);
        leaves.set(name.trim(), value_of(value.trim()))?;
        let mut options = leaves.options()?;
        options.check()?;
        options.cluster = self.cluster;
        *self = options;
        Ok(())
    }
}

impl Leaves {
    pub(super) fn of(options: &Options) -> Self {
        let table = Table::try_from(options).expect("options can be written as text");
        let mut leaves = BTreeMap::new();
        flatten(table, "", &mut leaves);
        Self(leaves)
    }

    /// The options of these names and values.
    pub(super) fn options(&self) -> Result<Options, NameError> {
        let options = Options::deserialize(unflatten(&self.0));
        options.map_err(|why| NameError::Syntax(why.message().to_owned()))
    }

    /// As they are written, one by one.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(name, value)| format!("{name} = {value}\n"))
    }

    /// Without those that are the same in `other`.
    pub(super) fn beyond(&self, other: &Self) -> Self {
        let differs = |(name, value): &(&String, &Value)| other.0.get(*name) != Some(value);
        let kept = self.0.iter().filter(differs);
        Self(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// Without those of one kind.
    pub(super) fn without(mut self, prefix: &str) -> Self {
        self.0.retain(|name, _| !name.starts_with(prefix));
        self
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// These are as in `other`.
    pub(super) fn take(&mut self, other: &Self, names: &[String]) {
        for name in names {
            if let Some(value) = other.0.get(name) {
                self.0.insert(name.clone(), value.clone());
            }
        }
    }

    /// Takes over what a text says. If all of it together can be read, each value can.
    fn overlay(&mut self, table: &Table) -> Result<(), NameError> {
        let mut said = Vec::new();
        self.find(table, "", &mut said)?;
        let before = self.clone();
        self.0.extend(said.iter().cloned());
        if self.options().is_err() {
            *self = before;
            said.into_iter().try_for_each(|(name, value)| self.set(&name, value))?;
        }
        Ok(())
    }

    fn find(
        &self,
        table: &Table,
        path: &str,
        said: &mut Vec<(String, Value)>,
    ) -> Result<(), NameError> {
        for (key, value) in table {
            let name = format!("{path}{key}");
            match value {
                _ if self.0.contains_key(&name) => said.push((name, value.clone())),
                Value::Table(inner) => self.find(inner, &format!("{name}."), said)?,
                _ => return Err(self.unknown(&name)),
            }
        }
        Ok(())
    }

    /// One value; all others stay.
    fn set(&mut self, name: &str, value: Value) -> Result<(), NameError> {
        if !self.0.contains_key(name) {
            return Err(self.unknown(name));
        }
        let before = self.0.insert(name.to_owned(), value.clone());
        if let Err(error) = self.options() {
            self.0.extend(before.map(|before| (name.to_owned(), before)));
            let (name, value) = (name.to_owned(), value.to_string());
            return Err(NameError::Value { name, value, why: error.to_string() });
        }
        Ok(())
    }

    fn unknown(&self, name: &str) -> NameError {
        NameError::Unknown { name: name.to_owned(), near: self.near(name) }
    }

    /// The names most like this one.
    fn near(&self, name: &str) -> Vec<String> {
        let last = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
        let likeness = |other: &String| {
            let whole = strsim::jaro_winkler(name, other);
            whole.max(strsim::jaro_winkler(&last(name), &last(other)) * 0.95)
        };
        let mut near: Vec<_> = self.0.keys().map(|other| (likeness(other), other)).collect();
        near.retain(|(likeness, _)| *likeness > 0.8);
        near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        near.into_iter().take(3).map(|(_, other)| other.clone()).collect()
    }
}

pub(super) fn syntax(text: &str) -> Result<Table, NameError> {
    text.parse::<Table>().map_err(|why| NameError::Syntax(why.to_string()))
}

/// A value as people type it: quotes may be left out.
fn value_of(text: &str) -> Value {
    let table = format!("value = {text}").parse::<Table>().ok();
    let value = table.and_then(|mut table| table.remove("value"));
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn flatten(table: Table, path: &str, leaves: &mut BTreeMap<String, Value>) {
    for (key, value) in table {
        let name = format!("{path}{key}");
        match value {
            // The lists of members belong together.
            Value::Table(inner) if name != "membership" => {
                flatten(inner, &format!("{name}."), leaves);
            }
            value => drop(leaves.insert(name, value)),
        }
    }
}

fn unflatten(leaves: &BTreeMap<String, Value>) -> Table {
    let mut root = Table::new();
    for (name, value) in leaves {
        let mut table = &mut root;
        let mut parts = name.split('.').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                table.insert(part.to_owned(), value.clone());
                break;
            }
            let inner = table.entry(part).or_insert_with(|| Value::Table(Table::new()));
            table = inner.as_table_mut().expect("no option is a part of another");
        }
    }
    root
}

fn meant(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) }
}
