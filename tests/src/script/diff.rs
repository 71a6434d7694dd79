//! What differs between two lists of lines.

/// The lines of both, in order: `-` before those of the first only, `+` before those of the second.
pub(super) fn lines(old: &[String], new: &[String]) -> Vec<String> {
    // How many lines the rests from here on have in common.
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for (i, one) in old.iter().enumerate().rev() {
        for (j, other) in new.iter().enumerate().rev() {
            common[i][j] = if one == other {
                1 + common[i + 1][j + 1]
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut told = Vec::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            told.push(format!("  {}", old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            told.push(format!("- {}", old[i]));
            i += 1;
        } else {
            told.push(format!("+ {}", new[j]));
            j += 1;
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn what_is_the_same_is_told_once() {
        let all = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(lines(&all("a b c"), &all("a x c d")), ["  a", "- b", "+ x", "  c", "+ d"]);
        assert_eq!(lines(&[], &all("a")), ["+ a"]);
        assert_eq!(lines(&all("a"), &[]), ["- a"]);
    }
}
