//! Sequences that share their beginnings, so that each is one number.

use super::table::Interner;

/// Sequences of `T` as nodes of a tree; equal sequences are the same node.
pub(super) struct Tree<T> {
    /// Each node but the root: its parent and its last element. Node `n` is number `n - 1`.
    nodes: Interner<(usize, T)>,
    /// For each node, the length of its sequence.
    lens: Vec<usize>,
}

impl<T: Copy + Eq + std::hash::Hash> Tree<T> {
    /// The empty sequence.
    pub(super) const ROOT: usize = 0;

    pub(super) fn new() -> Self {
        Self { nodes: Interner::new(), lens: vec![0] }
    }

    /// The sequence of `node` and then `items`.
    pub(super) fn extend(&mut self, node: usize, items: impl IntoIterator<Item = T>) -> usize {
        items.into_iter().fold(node, |node, item| {
            let (number, new) = self.nodes.number((node, item));
            if new {
                self.lens.push(self.lens[node] + 1);
            }
            number + 1
        })
    }

    /// The length of the sequence of `node`.
    pub(super) fn len(&self, node: usize) -> usize {
        self.lens[node]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sequences_are_the_same_node() {
        let mut tree = Tree::new();
        let whole = tree.extend(Tree::<u8>::ROOT, *b"abcd");
        let half = tree.extend(Tree::<u8>::ROOT, *b"ab");
        assert_eq!(tree.extend(half, *b"cd"), whole);
        assert_ne!(tree.extend(half, *b"dc"), whole);
        assert_eq!((tree.len(Tree::<u8>::ROOT), tree.len(half), tree.len(whole)), (0, 2, 4));
    }
}
