//! Delta debugging: which of many things are needed.

/// Leaves out as many items as it can while `needed` holds of those that are left, in their order.
/// It asks for halves first, then for quarters, down to single items (Zeller and Hildebrandt's
/// ddmin, complements only). `needed` is not asked about the items as they are.
pub(super) fn ddmin<T: Clone>(mut items: Vec<T>, mut needed: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let mut parts = 2;
    while !items.is_empty() {
        let size = items.len().div_ceil(parts);
        let mut from = 0;
        let mut shrank = false;
        while from < items.len() {
            let until = (from + size).min(items.len());
            let rest = [&items[..from], &items[until..]].concat();
            if needed(&rest) {
                items = rest;
                shrank = true;
            } else {
                from = until;
            }
        }
        if size == 1 && !shrank {
            break;
        }
        if !shrank {
            parts = (parts * 2).min(items.len());
        } else {
            parts = parts.min(items.len().max(1));
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::ddmin;

    #[test]
    fn what_is_needed_is_left_and_nothing_else() {
        for needed in [&[][..], &[0], &[99], &[3, 50], &[1, 2, 3, 97]] {
            let mut asked = 0;
            let left = ddmin((0..100).collect(), |items| {
                asked += 1;
                needed.iter().all(|item| items.contains(item))
            });
            assert_eq!(left, needed);
            assert!(asked < 120, "{needed:?} took {asked} questions");
        }
    }

    #[test]
    fn who_needs_nothing_to_stay_out_ends_with_all() {
        assert_eq!(ddmin(vec![1, 2, 3], |_| false), [1, 2, 3]);
        assert_eq!(ddmin(Vec::<u8>::new(), |_| false), Vec::<u8>::new());
    }
}
