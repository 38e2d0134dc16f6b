//! The order of keys: natural, that is runs of digits by their value and letters behind everything else.
//!
//! Go's library has two versions of it. That of version 2 is no strict order (`1a` < `2a` < `10a` < `1a`), and Go's result
//! is then random; ours depends on the keys alone.
//!
//! Invariant: [`sort`] is deterministic and never panics, whatever the comparison says.

/// Sorts by a comparison that need not be an order: first by bytes, then merged from the bottom up.
pub(super) fn sort<V: Copy>(entries: &mut Vec<(&str, V)>, before: fn(&str, &str) -> bool) {
    entries.sort_unstable_by_key(|(key, _)| *key);
    if entries.iter().all(|(key, _)| key.bytes().all(|byte| byte.is_ascii_alphabetic())) {
        return;
    }
    let mut width = 1;
    let mut merged = Vec::with_capacity(entries.len());
    while width < entries.len() {
        for pair in entries.chunks(width * 2) {
            let (mut left, mut right) = pair.split_at(width.min(pair.len()));
            while let (Some((a, rest_a)), Some((b, rest_b))) = (left.split_first(), right.split_first()) {
                if before(b.0, a.0) {
                    merged.push(*b);
                    right = rest_b;
                } else {
                    merged.push(*a);
                    left = rest_a;
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        std::mem::swap(entries, &mut merged);
        merged.clear();
        width *= 2;
    }
}

/// Whether one key stands before another in version 2: where they part, what is no letter comes before a letter.
pub(super) fn before_2(a: &str, b: &str) -> bool {
    before(a, b, false)
}

/// The same in version 3, where behind a digit the letter comes first, so that the number that ends there is the smaller one.
pub(super) fn before_3(a: &str, b: &str) -> bool {
    before(a, b, true)
}

fn before(a: &str, b: &str, strict: bool) -> bool {
    let mut same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    while !a.is_char_boundary(same) || !b.is_char_boundary(same) {
        same -= 1;
    }
    let (common, rest_a, rest_b) = (&a[..same], &a[same..], &b[same..]);
    let (Some(first_a), Some(first_b)) = (rest_a.chars().next(), rest_b.chars().next()) else {
        return rest_a.len() < rest_b.len();
    };
    match (first_a.is_alphabetic(), first_b.is_alphabetic()) {
        (true, true) => first_a < first_b,
        (letter_a, letter_b) if letter_a || letter_b => {
            let behind_digit = strict && common.chars().next_back().is_some_and(char::is_numeric);
            if behind_digit { letter_a } else { letter_b }
        }
        _ => {
            // Digits that both share count only by being there: 1001 and 102 part behind `10`.
            let shared = (first_a == '0' || first_b == '0')
                && common.chars().rev().take_while(|c| c.is_numeric()).any(|c| c != '0');
            let (value_a, digits_a) = leading_number(rest_a, shared);
            let (value_b, digits_b) = leading_number(rest_b, shared);
            (value_a, digits_a, first_a) < (value_b, digits_b, first_b)
        }
    }
}

/// The number at the start of a text, wrapping like Go's `int64`, and how many digits it has.
fn leading_number(text: &str, shared: bool) -> (i64, usize) {
    text.chars().take_while(|c| c.is_numeric()).fold((i64::from(shared), 0), |(value, digits), c| {
        let digit = i64::from(c as u32) - i64::from(u32::from('0'));
        (value.wrapping_mul(10).wrapping_add(digit), digits + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(mut keys: Vec<&'static str>, before: fn(&str, &str) -> bool) -> Vec<&'static str> {
        keys.reverse();
        let mut entries: Vec<(&str, ())> = keys.iter().map(|key| (*key, ())).collect();
        sort(&mut entries, before);
        entries.iter().map(|(key, ())| *keys.iter().find(|k| *k == key).unwrap()).collect()
    }

    #[test]
    fn numbers_sort_by_value() {
        for keys in [
            vec!["a1", "a01", "a001", "a2", "a10"],
            vec!["FOO", "Foo", "fOO", "foo"],
            vec!["a102", "a1001", "a1002"],
            vec!["ab-1", "ab.1", "ab_1", "ab1", "ab1c"],
        ] {
            assert_eq!(sorted(keys.clone(), before_2), keys);
            assert_eq!(sorted(keys.clone(), before_3), keys);
        }
    }

    #[test]
    fn the_versions_differ_behind_digits() {
        assert_eq!(sorted(vec!["1e3", "1e2", "100"], before_2), ["100", "1e2", "1e3"]);
        assert_eq!(sorted(vec!["1e3", "1e2", "100"], before_3), ["1e2", "1e3", "100"]);
        assert_eq!(sorted(vec!["1a", "1b", "10a", "2a"], before_3), ["1a", "1b", "2a", "10a"]);
    }
}
