//! How worlds are drawn from seeds.

use std::fmt::Write as _;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use quorate_io_sim::scenario::{Options, Profile};

use crate::CampaignError;

/// How worlds are drawn from seeds.
#[derive(Args, Clone, PartialEq, Eq, Debug, Default)]
pub struct Draw {
    /// What may strike
    #[arg(long, value_name = "NAME", default_value = "mixed", value_parser = profiles())]
    profile: Profile,
    /// Overrides an option of every seed, as net.link.loss_ppm=0, or calling.workload=bells for clients that ask
    /// for time and events; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
}

fn profiles() -> impl TypedValueParser<Value = Profile> {
    let value = |profile: Profile| PossibleValue::new(profile.name()).help(profile.meaning());
    PossibleValuesParser::new(Profile::ALL.map(value)).map(|name| name.parse().expect("one of all"))
}

impl Draw {
    /// What may strike.
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Options by name, as they were given.
    pub fn set(&self) -> &[String] {
        &self.set
    }

    /// The options of a seed.
    ///
    /// # Errors
    /// If an option is not there, or makes no sense.
    pub fn options(&self, seed: u64) -> Result<Options, CampaignError> {
        let mut options = Options::of_profile(seed, self.profile);
        self.change(&mut options)?;
        Ok(options)
    }

    /// Changes the options that were named.
    ///
    /// # Errors
    /// If one is not there, or makes no sense beside the others.
    pub fn change(&self, options: &mut Options) -> Result<(), CampaignError> {
        for change in &self.set {
            let changed = options.set(change);
            changed.map_err(|why| CampaignError::Option {
                why: format!("--set {change}: {why}"),
                seed: options.seed,
            })?;
        }
        Ok(())
    }

    /// The same as arguments, with a space before each; nothing for what needs no words.
    pub(crate) fn arguments(&self) -> String {
        let mut text = String::new();
        if self.profile != Profile::Mixed {
            let _ = write!(text, " --profile {}", self.profile);
        }
        for change in &self.set {
            let _ = write!(text, " --set {}", quoted(change));
        }
        text
    }
}

/// As a shell reads it back.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-=,/:+".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_back_by_a_shell() {
        let draw = Draw {
            profile: Profile::Disk,
            set: vec!["chaos=5s".to_owned(), "disk.fates={ lost = 1 }".to_owned()],
        };
        let arguments = " --profile disk --set chaos=5s --set 'disk.fates={ lost = 1 }'";
        assert_eq!(draw.arguments(), arguments);
        assert_eq!(Draw::default().arguments(), "");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn what_is_set_is_changed_and_what_is_unknown_is_named() {
        let draw = |set: &str| Draw { set: vec![set.to_owned()], ..Draw::default() };
        assert_eq!(draw("membership=5").options(3).expect("it is there").servers(), 5);
        let error = draw("net.link.los_ppm=0").options(3).expect_err("it is not").to_string();
        assert!(error.contains("did you mean net.link.loss_ppm"), "{error}");
    }
}
