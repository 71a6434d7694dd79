//! The figures of everybody, how they compare, and what was hoped for.

use std::fmt;

/// What a figure is, and hence which is the better one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// The more the better.
    PerSecond,
    /// The less the better.
    Nanoseconds,
    /// The less the better.
    Milliseconds,
    /// The less the better.
    Bytes,
}

impl Unit {
    fn show(self, figure: f64) -> String {
        match self {
            Self::PerSecond if figure >= 1e6 => format!("{:.2} M/s", figure / 1e6),
            Self::PerSecond => format!("{:.0} k/s", figure / 1e3),
            Self::Nanoseconds if figure >= 1e6 => format!("{:.2} ms", figure / 1e6),
            Self::Nanoseconds if figure >= 1e4 => format!("{:.2} us", figure / 1e3),
            Self::Nanoseconds => format!("{figure:.0} ns"),
            Self::Milliseconds => format!("{figure:.1} ms"),
            Self::Bytes => format!("{figure:.1} B"),
        }
    }

    /// How many times better ours is than theirs.
    fn factor(self, ours: f64, theirs: f64) -> f64 {
        match self {
            Self::PerSecond => ours / theirs,
            _ => theirs / ours,
        }
    }
}

/// One line: what was measured, our figure, and those of others.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    what: String,
    unit: Unit,
    ours: f64,
    at_most: Option<f64>,
    others: Vec<Other>,
}

#[derive(Clone, PartialEq, Debug)]
struct Other {
    name: &'static str,
    figure: f64,
    goal: Option<f64>,
}

impl Row {
    /// Our figure.
    pub fn new(what: impl Into<String>, unit: Unit, ours: f64) -> Self {
        Self { what: what.into(), unit, ours, at_most: None, others: Vec::new() }
    }

    /// The goal is an upper bound, of something that is the same on every machine.
    #[must_use]
    pub fn at_most(mut self, bound: f64) -> Self {
        self.at_most = Some(bound);
        self
    }

    /// Somebody else's figure, to be looked at.
    #[must_use]
    pub fn beside(mut self, name: &'static str, figure: f64) -> Self {
        self.others.push(Other { name, figure, goal: None });
        self
    }

    /// Somebody else's figure; the goal is to be so many times better.
    #[must_use]
    pub fn against(mut self, name: &'static str, figure: f64, goal: f64) -> Self {
        self.others.push(Other { name, figure, goal: Some(goal) });
        self
    }

    /// Each goal: against whom, and whether it was met.
    pub fn goals(&self) -> impl Iterator<Item = (&'static str, bool)> {
        let bound = self.at_most.map(|bound| ("a bound", self.ours <= bound));
        bound.into_iter().chain(self.others.iter().filter_map(|other| {
            Some((other.name, self.unit.factor(self.ours, other.figure) >= other.goal?))
        }))
    }

    /// What was measured.
    pub fn what(&self) -> &str {
        &self.what
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<34}{:>12}", self.what, self.unit.show(self.ours))?;
        if let Some(bound) = self.at_most {
            write!(f, "  goal {} {}", self.unit.show(bound), verdict(self.ours <= bound))?;
        }
        for Other { name, figure, goal } in &self.others {
            let factor = self.unit.factor(self.ours, *figure);
            let goal = goal.map_or(String::new(), |goal| {
                format!("(goal {goal:.2} {})", verdict(factor >= goal))
            });
            let figure = self.unit.show(*figure);
            write!(f, " | {name} {figure:>10} x{factor:<6.2}{goal:<17}")?;
        }
        Ok(())
    }
}

fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "missed" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_by_the_better_figure_whatever_its_unit() {
        let rate = Row::new("rate", Unit::PerSecond, 3e6).against("slow", 1e6, 2.9);
        let time = Row::new("time", Unit::Nanoseconds, 100.0).against("slow", 300.0, 3.1);
        let bytes = Row::new("bytes", Unit::Bytes, 1000.0).at_most(1024.0).beside("big", 9e3);
        let goals = |row: &Row| row.goals().collect::<Vec<_>>();
        assert_eq!(goals(&rate), [("slow", true)]);
        assert_eq!(goals(&time), [("slow", false)]);
        assert_eq!(goals(&bytes), [("a bound", true)]);
        let text = rate.to_string();
        assert!(text.contains("3.00 M/s | slow   1.00 M/s x3.00  (goal 2.90 met)"), "{text}");
        assert!(time.to_string().contains("(goal 3.10 missed)"));
    }
}
