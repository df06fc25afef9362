//! Globs against globs: whether one takes in all that another does, and whether any name fits both.

/// Whether every name that `narrow` matches is matched by `wide`. A `no` may be wrong for patterns
/// with several wildcards; a `yes` never is.
pub(super) fn covers(wide: &str, narrow: &str) -> bool {
    let (wide, narrow): (Vec<char>, Vec<char>) = (wide.chars().collect(), narrow.chars().collect());
    table(&wide, &narrow, |w, n| match (w, n) {
        // A star of the narrow one is only taken in by one of the wide one.
        (_, '*') => false,
        ('?', _) => true,
        (w, n) => w == n,
    })
}

/// Whether there is a name that both match.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut row = vec![false; b.len() + 1];
    for i in 0..=a.len() {
        let mut next = vec![false; b.len() + 1];
        for j in 0..=b.len() {
            let above = |j: usize| row.get(j).copied().unwrap_or(false);
            let (x, y) = (
                i.checked_sub(1).and_then(|i| a.get(i)),
                j.checked_sub(1).and_then(|j| b.get(j)),
            );
            let left = j
                .checked_sub(1)
                .and_then(|j| next.get(j).copied())
                .unwrap_or(false);
            let fits = match (x, y) {
                (None, None) => true,
                (None, Some('*')) => left,
                (Some('*'), None) => above(j),
                (None, _) | (_, None) => false,
                (Some('*'), Some(_)) | (Some(_), Some('*')) => above(j) || left,
                (Some(x), Some(y)) => (x == y || *x == '?' || *y == '?') && above(j - 1),
            };
            if let Some(cell) = next.get_mut(j) {
                *cell = fits;
            }
        }
        row = next;
    }
    row.last().copied().unwrap_or(false)
}

/// Matches a pattern with stars against a sequence, by `one` for single places.
fn table(pattern: &[char], sequence: &[char], one: impl Fn(char, char) -> bool) -> bool {
    let mut row: Vec<bool> = vec![false; sequence.len() + 1];
    if let Some(first) = row.first_mut() {
        *first = true;
    }
    for &p in pattern {
        let mut next = vec![false; sequence.len() + 1];
        let mut reached = false;
        for j in 0..=sequence.len() {
            let here = row.get(j).copied().unwrap_or(false);
            let before = j.checked_sub(1);
            let fits = if p == '*' {
                reached |= here;
                reached
            } else {
                before.is_some_and(|at| {
                    row.get(at).copied().unwrap_or(false)
                        && sequence.get(at).is_some_and(|&c| one(p, c))
                })
            };
            if let Some(cell) = next.get_mut(j) {
                *cell = fits;
            }
        }
        row = next;
    }
    row.last().copied().unwrap_or(false)
}

/// Whether two names are so alike that one of them is likely misspelt: the digits are the same,
/// and at most two letters differ.
pub(super) fn alike(one: &str, other: &str) -> bool {
    let digits = |text: &str| -> String { text.chars().filter(char::is_ascii_digit).collect() };
    one != other && one.len() > 4 && digits(one) == digits(other) && distance(one, other) <= 2
}

fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let cell = |row: &Vec<usize>, at: usize| row.get(at).copied().unwrap_or(usize::MAX - 1);
            let cost = usize::from(a != *b);
            let least = (cell(&row, j) + cost)
                .min(cell(&row, j + 1) + 1)
                .min(cell(&next, j) + 1);
            next.push(least);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_policy::Glob;

    #[test]
    fn covering() {
        for (wide, narrow, expected) in [
            ("*", "*", true),
            ("*", "gpt-*", true),
            ("gpt-*", "gpt-4*", true),
            ("gpt-*", "*", false),
            ("gpt-*", "gpt-4.1", true),
            ("gpt-4.1", "gpt-4.1", true),
            ("gpt-4.1", "gpt-4.1*", false),
            ("gpt-?", "gpt-4", true),
            ("gpt-?", "gpt-?", true),
            ("gpt-?", "gpt-*", false),
            ("*-mini", "gpt-*-mini", true),
            ("*-mini", "gpt-*", false),
        ] {
            assert_eq!(covers(wide, narrow), expected, "{wide} {narrow}");
        }
    }

    #[test]
    fn overlapping() {
        for (one, other, expected) in [
            ("gpt-*", "*-mini", true),
            ("gpt-*", "claude-*", false),
            ("a?c", "abc", true),
            ("a?c", "a*", true),
            ("a", "a", true),
            ("a", "b", false),
            ("", "*", true),
            ("a*b", "a*c", false),
        ] {
            assert_eq!(overlap(one, other), expected, "{one} {other}");
            assert_eq!(overlap(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn likeness() {
        assert!(alike("gpt-4.1-mnii", "gpt-4.1-mini"));
        assert!(alike("claude-sonet-4", "claude-sonnet-4"));
        assert!(!alike("gpt-4o", "gpt-4.1"));
        assert!(!alike("auto", "gpt"));
        assert!(!alike("gpt-4.1", "gpt-4.1-mini"));
    }

    proptest::proptest! {
        /// By the words of the globs themselves.
        #[test]
        fn a_name_that_fits_both(one in "[ab*?]{1,5}", other in "[ab*?]{1,5}", name in "[ab]{0,5}") {
            let (a, b) = (Glob::new(&one).unwrap(), Glob::new(&other).unwrap());
            if a.matches(&name) && b.matches(&name) {
                proptest::prop_assert!(overlap(&one, &other));
            }
            if covers(&one, &other) && b.matches(&name) {
                proptest::prop_assert!(a.matches(&name));
            }
        }
    }
}
