//! A script as a file: a story, commands, and below each what came of it.

use std::fmt;

use super::command::Command;
use super::diff;
use super::world::World;

/// A script that has been read.
///
/// ```
/// use quorate_tests::script::{Outcome, Script};
/// let text = "# One server alone elects\n# itself (thesis 3.4).\nservers 1\nelect n1\nexpect n1 leader, commit 1\n";
/// let script = Script::parse("alone.txt", text)?;
/// assert!(matches!(script.run()?, Outcome::Differs(_)), "nothing is said of what happens");
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug)]
pub struct Script {
    name: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    /// A comment, or an empty line.
    Prose(String),
    Command(Order),
}

#[derive(Clone, Debug)]
struct Order {
    line: usize,
    text: String,
    output: Vec<String>,
}

/// What came of a script whose every expectation was met.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Just what it says.
    Same,
    /// Something else.
    Differs(Mismatch),
}

/// What is said in a script, and what came of it.
#[derive(Clone, Debug)]
pub struct Mismatch {
    /// The script, with what really came of it.
    pub rewritten: String,
    name: String,
    differences: Vec<(Order, Vec<String>)>,
}

/// In front of every line of output.
const INDENT: &str = "  ";
/// The fewest lines of comment that tell a story.
const STORY_LINES_MIN: usize = 2;

impl Script {
    /// Reads a script. `name` is that of its file, for messages.
    ///
    /// # Errors
    /// With file and line, if it is none: no story, or output that belongs to no command.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            if text.starts_with('#') || text.trim().is_empty() {
                parts.push(Part::Prose(text.trim_end().to_owned()));
            } else if let Some(said) = text.strip_prefix(INDENT) {
                match parts.last_mut() {
                    Some(Part::Command(order)) => order.output.push(said.trim_end().to_owned()),
                    _ => return Err(format!("{name}:{line}: output that belongs to no command")),
                }
            } else {
                let (text, output) = (text.trim_end().to_owned(), Vec::new());
                parts.push(Part::Command(Order { line, text, output }));
            }
        }
        let is_story = |part: &&Part| matches!(part, Part::Prose(text) if text.starts_with('#'));
        if parts.iter().take_while(is_story).count() < STORY_LINES_MIN {
            return Err(format!("{name}:1: a script opens with its story, as a comment"));
        }
        Ok(Self { name: name.to_owned(), parts })
    }

    /// The story, without its comment signs.
    pub fn story(&self) -> String {
        let lines = self.parts.iter().map_while(|part| match part {
            Part::Prose(text) => text.strip_prefix('#').map(str::trim),
            Part::Command(_) => None,
        });
        lines.collect::<Vec<_>>().join(" ")
    }

    /// Does it say what its story comes to?
    pub fn expects_something(&self) -> bool {
        self.orders().any(|order| order.text.starts_with("expect "))
    }

    /// Runs all commands, and compares what comes of them with what is said below them.
    ///
    /// # Errors
    /// With file and line: a command that makes no sense, an expectation that is not met, or a
    /// property of Raft that does not hold.
    pub fn run(&self) -> Result<Outcome, String> {
        let mut world = World::default();
        let mut came = Vec::new();
        for order in self.orders() {
            let failed = |why: String| format!("{}:{}: {why}", self.name, order.line);
            let command = Command::parse(&order.text).map_err(failed)?;
            let told = world.obey(&command);
            let output = world.take_output();
            if let Err(why) = told {
                let so_far = output.iter().map(|line| format!("\n{INDENT}{line}"));
                let so_far: String = so_far.collect();
                return Err(failed(format!("{why}\n{}{so_far}", order.text)));
            }
            came.push(output);
        }
        if self.orders().zip(&came).all(|(order, output)| order.output == *output) {
            return Ok(Outcome::Same);
        }
        Ok(Outcome::Differs(self.mismatch(came)))
    }

    fn mismatch(&self, came: Vec<Vec<String>>) -> Mismatch {
        let rewritten = self.rewritten(&came);
        let pairs = self.orders().cloned().zip(came);
        let differences = pairs.filter(|(order, output)| order.output != *output).collect();
        Mismatch { rewritten, name: self.name.clone(), differences }
    }

    fn rewritten(&self, came: &[Vec<String>]) -> String {
        let mut outputs = came.iter();
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Prose(line) => text += &format!("{line}\n"),
                Part::Command(order) => {
                    text += &format!("{}\n", order.text);
                    for line in outputs.next().expect("an output for each command") {
                        text += &format!("{INDENT}{line}\n");
                    }
                }
            }
        }
        text
    }

    fn orders(&self) -> impl Iterator<Item = &Order> {
        self.parts.iter().filter_map(|part| match part {
            Part::Command(order) => Some(order),
            Part::Prose(_) => None,
        })
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (order, output) in &self.differences {
            writeln!(f, "{}:{}: {}", self.name, order.line, order.text)?;
            for line in diff::lines(&order.output, output) {
                writeln!(f, "{line}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALONE: &str = "# One server.\n# Alone.\nservers 1\nelect n1\n";

    #[test]
    fn what_came_of_a_script_is_what_it_says_once_it_is_written_down() {
        let script = Script::parse("x", ALONE).expect("a script");
        let Ok(Outcome::Differs(mismatch)) = script.run() else { panic!("nothing is said") };
        assert!(mismatch.to_string().starts_with("x:4: elect n1\n+ "), "{mismatch}");
        let script = Script::parse("x", &mismatch.rewritten).expect("a script");
        assert!(matches!(script.run(), Ok(Outcome::Same)), "{}", mismatch.rewritten);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_line() {
        let wrong = [
            ("servers 1\n", "x:1: a script opens with its story"),
            ("# One.\n# Two.\n  n1 leads\n", "x:3: output that belongs to no command"),
        ];
        for (text, why) in wrong {
            let refused = Script::parse("x", text).expect_err("no script");
            assert!(refused.starts_with(why), "{refused}");
        }
        let wrong = [
            ("elct n1", "x:5: there is no command elct; did you mean elect?"),
            ("elect 1", "x:5: 1 is no server, such as n1"),
            ("elect n2", "x:5: there is no server n2"),
            ("expect n1 leadr", "x:5: leadr is nothing that can be expected of a server"),
            ("expect n1 follower", "x:5: that is not so; it is leader, term 1, vote n1"),
            ("expect not n1 leader", "x:5: that is not so; it is leader\n"),
            ("deliver n1->n1", "x:5: no message under way is like that"),
            ("deliver Vote", "x:5: Vote is no kind of message"),
            ("given n1 term 1", "x:5: it has begun"),
            ("restart n1", "x:5: n1 is up"),
            ("propose n1 a a", "x:5: a was asked for before"),
            ("with colour=red", "x:5: there is no setting colour"),
            ("persist n1", "x:5: n1 has nothing to write"),
        ];
        for (line, why) in wrong {
            let script = Script::parse("x", &format!("{ALONE}{line}\n")).expect("a script");
            let failed = script.run().map(drop).expect_err(line);
            assert!(failed.starts_with(why), "{line}: {failed}");
        }
    }
}
